#include "cli/options.hpp"
#include "cli/reference.hpp"
#include "manifest/suggest.hpp"

#include <iostream>

namespace dvhost::cli {

namespace {

/// Components whose id, short name or plugin id is `name`.
std::vector<std::pair<const registry::ComponentInfo*, const registry::PluginInfo*>> find_all(const registry::Registry& plugins,
                                                                                            const std::string& name) {
    std::vector<std::pair<const registry::ComponentInfo*, const registry::PluginInfo*>> found;
    for (const registry::PluginInfo* plugin : plugins.plugins()) {
        for (const registry::ComponentInfo& c : plugin->components) {
            if (c.id == name || c.short_name() == name || plugin->id == name) found.emplace_back(&c, plugin);
        }
    }
    return found;
}

[[noreturn]] void refuse_unknown(const registry::Registry& plugins, const std::string& name) {
    std::vector<std::string> known;
    for (const registry::PluginInfo* plugin : plugins.plugins()) {
        for (const registry::ComponentInfo& c : plugin->components) {
            known.emplace_back(c.short_name());
            known.push_back(c.id);
        }
    }
    const auto near = manifest::closest(name, known);
    throw registry::Refusal(name, "there is no such component or file" + (near ? "; did you mean '" + *near + "'?" : std::string()) +
                                      " `dvhost plugins list` shows what there is",
                            ExitCode::not_found);
}

}  // namespace

int plugins_info(const Arguments& arguments) {
    std::vector<std::filesystem::path> paths;
    boost::program_options::options_description description("Options");
    description.add_options()("name", boost::program_options::value<std::string>()->value_name("ID|FILE"),
                              "a component (short or full), a plugin, or a file");
    add_plugin_path(description, paths);
    boost::program_options::variables_map values;
    if (!parse(arguments, "plugins info", description, "name", values)) return 0;
    if (values.count("name") == 0) throw UsageError("which one? e.g. `dvhost plugins info csv`, or a file");
    const std::string name = values["name"].as<std::string>();

    if (name.find('/') != std::string::npos || name.ends_with(".so")) {
        const registry::PluginInfo info = registry::inspect(name);
        for (const registry::ComponentInfo& c : info.components) std::cout << component_text(c, info) << "\n";
        return 0;
    }
    const auto plugins = registry::Registry::scan(registry::search_path({}, paths));
    const auto found = find_all(plugins, name);
    if (found.empty()) refuse_unknown(plugins, name);
    for (const auto& [component, plugin] : found) std::cout << component_text(*component, *plugin) << "\n";
    return 0;
}

int schema(const Arguments& arguments) {
    std::vector<std::filesystem::path> paths;
    boost::program_options::options_description description("Options");
    description.add_options()("json", "for programs (the default)")(
        "markdown", boost::program_options::value<std::string>()->value_name("manifest|plugins"), "a page of the reference");
    add_plugin_path(description, paths);
    boost::program_options::variables_map values;
    if (!parse(arguments, "schema", description, "", values)) return 0;

    const auto plugins = registry::Registry::scan(registry::search_path({}, paths));
    if (values.count("markdown") == 0) {
        std::cout << json_reference(plugins);
        return 0;
    }
    const std::string page = values["markdown"].as<std::string>();
    if (page != "manifest" && page != "plugins") throw UsageError("--markdown is '" + page + "': must be manifest or plugins");
    std::cout << (page == "manifest" ? manifest_reference() : plugin_reference(plugins));
    return 0;
}

}  // namespace dvhost::cli
