#include "cli/run.hpp"
#include "manifest/text.hpp"

namespace dvhost::cli {

namespace po = boost::program_options;

int predict(const Arguments& arguments) {
    ManifestOptions options;
    po::options_description description("Options");
    options.add_to(description);
    std::string weights, out;
    compose::ResumeRequest resume;
    add_resume(description, resume, /*trains=*/false);
    description.add_options()("weights", po::value(&weights)->value_name("FILE"),
                              "start from these weights: a checkpoint or a state dict")(
        "out", po::value(&out)->value_name("FILE"), "the file to write; otherwise the run folder's predictions.npy");
    po::variables_map values;
    if (!parse(arguments, "predict", description, "manifest", values)) return 0;
    options.read(values);
    options.overrides.emplace_back("run.stages=[\"predict\"]");
    if (!weights.empty())
        options.overrides.push_back("weights.path=" +
                                    manifest::toml_string(std::filesystem::absolute(weights).string()));
    return run_manifest(options, resume, out.empty() ? std::filesystem::path() : std::filesystem::absolute(out));
}

}  // namespace dvhost::cli
