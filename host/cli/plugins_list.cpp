#include "cli/options.hpp"
#include "cli/table.hpp"

#include <nlohmann/json.hpp>

#include <iostream>

namespace dvhost::cli {

namespace {

using registry::ScanEntry;

const char* state_name(ScanEntry::State state) {
    switch (state) {
        case ScanEntry::State::usable: return "ok";
        case ScanEntry::State::no_note: return "no note";
        case ScanEntry::State::refused: return "refused";
        case ScanEntry::State::duplicate: return "duplicate";
        case ScanEntry::State::skipped_directory: return "skipped";
        case ScanEntry::State::missing_directory: return "missing";
    }
    return "";
}

const char* class_name(registry::PluginClass c) { return c == registry::PluginClass::portable ? "portable" : "torch"; }

std::string abi_of(const registry::PluginInfo& info) {
    return std::to_string(info.abi_major) + "." + std::to_string(info.abi_minor);
}

void print_json(const registry::Registry& plugins) {
    nlohmann::json out = nlohmann::json::array();
    for (const ScanEntry& entry : plugins.entries()) {
        if (entry.state != ScanEntry::State::usable && entry.state != ScanEntry::State::refused) continue;
        nlohmann::json file{{"file", entry.path.string()}, {"state", state_name(entry.state)}};
        if (!entry.reason.empty()) file["reason"] = entry.reason;
        if (entry.info) {
            file["id"] = entry.info->id;
            file["version"] = entry.info->version;
            file["class"] = class_name(entry.info->plugin_class);
            file["abi"] = abi_of(*entry.info);
            for (const registry::ComponentInfo& c : entry.info->components) {
                file["components"].push_back({{"id", c.id}, {"kind", c.kind()}, {"iface", c.iface}, {"doc", c.doc}});
            }
        }
        out.push_back(std::move(file));
    }
    std::cout << out.dump(2) << "\n";
}

void print_table(const registry::Registry& plugins) {
    std::vector<std::vector<std::string>> rows{{"KIND", "NAME", "ID", "VERSION", "CLASS", "ABI", "WHAT"}};
    for (const registry::PluginInfo* plugin : plugins.plugins()) {
        for (const registry::ComponentInfo& c : plugin->components) {
            rows.push_back({std::string(c.kind()), std::string(c.short_name()), c.id, plugin->version,
                            class_name(plugin->plugin_class), abi_of(*plugin), c.doc});
        }
    }
    std::sort(rows.begin() + 1, rows.end());
    std::cout << aligned(rows);
    for (const ScanEntry& entry : plugins.entries()) {
        if (entry.state == ScanEntry::State::refused) {
            std::cout << "\nrefused: " << entry.path.string() << "\n  " << entry.reason << "\n";
        }
    }
}

std::filesystem::path canonical_or_same(const std::filesystem::path& path) {
    std::error_code unknown;
    auto real = std::filesystem::canonical(path, unknown);
    return unknown ? path : real;
}

}  // namespace

int plugins_list(const Arguments& arguments) {
    std::vector<std::filesystem::path> paths;
    boost::program_options::options_description description("Options");
    description.add_options()("json", "for programs");
    add_plugin_path(description, paths);
    boost::program_options::variables_map values;
    if (!parse(arguments, "plugins list", description, "", values)) return 0;
    const auto plugins = registry::Registry::scan(registry::search_path({}, paths));
    if (values.count("json") > 0) {
        print_json(plugins);
    } else {
        print_table(plugins);
    }
    return 0;
}

int plugins_doctor(const Arguments& arguments) {
    std::vector<std::filesystem::path> paths;
    boost::program_options::options_description description("Options");
    add_plugin_path(description, paths);
    boost::program_options::variables_map values;
    if (!parse(arguments, "plugins doctor", description, "", values)) return 0;

    const auto plugins = registry::Registry::scan(registry::search_path({}, paths));
    std::cout << "Search path, first to last:\n";
    for (const registry::SearchDirectory& d : plugins.directories()) {
        std::cout << "  " << canonical_or_same(d.path).string() << "  (" << d.reason << ")\n";
    }
    std::vector<std::vector<std::string>> rows;
    for (const ScanEntry& entry : plugins.entries()) {
        rows.push_back({state_name(entry.state), entry.path.string(), entry.info ? entry.info->id : "", entry.reason});
    }
    std::cout << "\nFiles and folders:\n" << aligned(rows, "  ");
    return 0;
}

}  // namespace dvhost::cli
