#include "cli/options.hpp"
#include "compose/composition.hpp"

#include <iostream>
#include <unistd.h>

namespace dvhost::cli {

namespace {

std::string shape_of(const at::Tensor& tensor) {
    std::string out = "[";
    for (const std::int64_t n : tensor.sizes()) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
    return out + "]";
}

void print_parameters(dv::Model& model) {
    std::int64_t trainable = 0, fixed = 0;
    std::cout << "\nParameters\n";
    for (const dv::NamedTensor& t : model.parameters()) {
        (t.trainable ? trainable : fixed) += t.tensor.numel();
        std::cout << "  " << t.name << std::string(t.name.size() < 34 ? 34 - t.name.size() : 1, ' ') << shape_of(t.tensor) << "  "
                  << t.tensor.numel() << (t.trainable ? "" : "  (not trained)") << "\n";
    }
    std::cout << "  trained " << trainable << ", not trained " << fixed << "\n";
}

}  // namespace

int describe(const Arguments& arguments) {
    ManifestOptions options;
    boost::program_options::options_description description("Options");
    options.add_to(description);
    boost::program_options::variables_map values;
    if (!parse(arguments, "describe", description, "manifest", values)) return 0;
    options.read(values);

    logging::Console console(STDERR_FILENO);
    logging::HostLog log(console, DV_LOG_WARNING);
    Loaded loaded = load(options);
    {
        compose::Composition composition(compose::check(loaded.manifest, loaded.plugins), loaded.plugins, console, log,
                                         compose::Purpose::describe);
        const dv::DataFacts facts = composition.facts();
        std::cout << composition.manifest().find("model")->find("type")->as_string() << "\n\nData\n  frames [batch, "
                  << facts.n_frames << ", " << facts.channels << ", " << facts.height << ", " << facts.width << "], "
                  << facts.n_classes << " classes\n\n"
                  << composition.model().describe();
        print_parameters(composition.model());
    }
    loaded.plugins.shut_down();
    return 0;
}

}  // namespace dvhost::cli
