#include "cli/options.hpp"
#include "compose/check.hpp"

#include <iostream>

namespace dvhost::cli {

int check(const Arguments& arguments) {
    ManifestOptions options;
    boost::program_options::options_description description("Options");
    options.add_to(description);
    description.add_options()("print", "print the resolved manifest, every value with its origin");
    boost::program_options::variables_map values;
    if (!parse(arguments, "check", description, "manifest", values)) return 0;
    options.read(values);

    const Loaded loaded = load(options);
    const compose::Checked checked = compose::check(loaded.manifest, loaded.plugins);
    for (const std::string& warning : checked.warnings) std::cerr << "warning: " << warning << "\n";
    if (values.count("print") > 0) {
        std::cout << manifest::write(checked.manifest, /*provenance=*/true);
    } else {
        std::cout << "the manifest is right\n";
    }
    return 0;
}

}  // namespace dvhost::cli
