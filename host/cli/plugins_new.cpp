#include "cli/options.hpp"
#include "cli/template.hpp"
#include "manifest/suggest.hpp"
#include "registry/note.hpp"

#include <algorithm>
#include <iostream>

namespace dvhost::cli {

int plugins_new(const Arguments& arguments) {
    boost::program_options::options_description description("Options");
    description.add_options()("words", boost::program_options::value<std::vector<std::string>>()->value_name("KIND ID"),
                              "what kind of plugin, and its component's id: vendor.kind.name")(
        "into", boost::program_options::value<std::string>()->value_name("FOLDER"), "where; default: ./NAME");
    boost::program_options::variables_map values;
    if (!parse(arguments, "plugins new", description, "words", values)) return 0;

    const std::vector<std::string> kinds = template_kinds();
    std::string known;
    for (const std::string& kind : kinds) known += (known.empty() ? "" : ", ") + kind;
    if (values.count("words") == 0 || values["words"].as<std::vector<std::string>>().size() != 2) {
        throw UsageError("plugins new takes a kind and an id, e.g. `dvhost plugins new recurrence my_lab.recurrence.gabor` (kinds: " +
                         known + ")");
    }
    const auto& words = values["words"].as<std::vector<std::string>>();
    if (std::find(kinds.begin(), kinds.end(), words[0]) == kinds.end()) {
        const auto near = manifest::closest(words[0], kinds);
        throw UsageError("no kind '" + words[0] + "'" + (near ? "; did you mean '" + *near + "'?" : "") + " (kinds: " + known + ")");
    }
    const NewPlugin plugin = new_plugin(words[0], words[1]);
    const std::filesystem::path folder = values.count("into") > 0 ? values["into"].as<std::string>() : plugin.name;
    const std::size_t n_files = instantiate(plugin, folder);
    std::cout << "made " << folder.string() << " (" << n_files << " files)\n\n  cd " << folder.string()
              << "\n  cmake -B build -Ddvsdk_DIR=" << sdk_package_hint() << "\n  cmake --build build && ctest --test-dir build"
              << "\n  dvhost run manifest.toml\n";
    return 0;
}

}  // namespace dvhost::cli
