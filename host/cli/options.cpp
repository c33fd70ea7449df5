#include "cli/options.hpp"

#include "compose/check.hpp"

#include <iostream>

namespace dvhost::cli {

namespace po = boost::program_options;

bool parse(const Arguments& arguments, std::string_view command, const po::options_description& options,
           std::string_view positional, po::variables_map& out) {
    po::options_description all;
    all.add(options);
    all.add_options()("help,h", "this text");
    po::positional_options_description words;
    if (!positional.empty()) words.add(std::string(positional).c_str(), -1);
    try {
        // Only long options may be shortened; "-o" takes the next word even if it looks like an option.
        po::store(po::command_line_parser(arguments).options(all).positional(words).run(), out);
        if (out.count("help") > 0) {
            for (const Command& c : commands()) {
                if (c.name == command) std::cout << "dvhost " << c.name << " " << c.usage << "\n  " << c.summary << "\n\n";
            }
            std::cout << all;
            return false;
        }
        po::notify(out);
    } catch (const po::error& problem) {
        throw UsageError(std::string(problem.what()) + "; see `dvhost " + std::string(command) + " --help`");
    }
    return true;
}

void add_plugin_path(po::options_description& options, std::vector<std::filesystem::path>& out) {
    options.add_options()("plugin-path", po::value<std::vector<std::string>>()->value_name("PATH")->notifier(
                                             [&out](const std::vector<std::string>& given) { out.assign(given.begin(), given.end()); }),
                          "a folder or file in which to look for plugins first; repeatable");
}

void ManifestOptions::add_to(po::options_description& options) {
    options.add_options()("manifest", po::value<std::vector<std::string>>()->value_name("FILE"),
                          "the manifest; several are merged, later ones win")(
        "override,o", po::value<std::vector<std::string>>()->value_name("KEY=VALUE"),
        "set a value: -o trainer.max_epochs=3, -o logger.0.type=jsonl, -o 'optimizer={type=\"sgd\",lr=0.1}'; "
        "KEY+=VALUE appends to a list; repeatable");
    add_plugin_path(options, plugin_paths);
}

void ManifestOptions::read(const po::variables_map& values) {
    if (values.count("manifest") > 0) {
        const auto& given = values["manifest"].as<std::vector<std::string>>();
        files.assign(given.begin(), given.end());
    }
    if (values.count("override") > 0) overrides = values["override"].as<std::vector<std::string>>();
    if (files.empty()) throw UsageError("which manifest? e.g. `dvhost run configs/quickstart.toml`");
}

Loaded load(const ManifestOptions& options) {
    manifest::Node manifest = manifest::load({options.files, options.overrides});
    auto plugins = registry::Registry::scan(registry::search_path(compose::plugin_paths(manifest), options.plugin_paths));
    if (plugins.plugins().empty()) {
        std::string searched;
        for (const registry::SearchDirectory& d : plugins.directories()) {
            searched += "\n  " + d.path.string() + "  (" + d.reason + ")";
        }
        throw registry::Refusal("dvhost", "no plugins found; searched:" + searched +
                                              "\nBuild them (cmake --build build/release), or name a folder with --plugin-path; "
                                              "`dvhost plugins doctor` tells what is in each folder",
                                ExitCode::not_found);
    }
    return {std::move(manifest), std::move(plugins)};
}

}  // namespace dvhost::cli
