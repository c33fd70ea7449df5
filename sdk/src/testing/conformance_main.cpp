// dv-conformance: puts a built plugin through the checks of its kind. Prints one line per check; exit code 0 when
// nothing failed, 1 when something did, 2 when the arguments or the file are wrong.
#include <dv/testing/conformance.hpp>
#include <dv/testing/torch.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

namespace {

constexpr const char* kUsage =
    "usage: dv-conformance PLUGIN.so [--component ID] [--with OTHER.so]... [--plugins DIR]... [--config TABLE]\n"
    "  --component ID   only this component; full id or last part\n"
    "  --with FILE      a further plugin, for nested components; those beside PLUGIN.so are known already\n"
    "  --plugins DIR    all plugins of a folder, for nested components\n"
    "  --config TABLE   the component's parameters: a TOML file, or text (TOML or JSON): 'patience = 2'\n";

struct Arguments {
    std::filesystem::path plugin;
    dv::testing::ConformanceOptions options;
};

dv::testing::Config read_config(const std::string& text) {
    std::error_code no_file;
    if (!std::filesystem::is_regular_file(text, no_file)) return dv::testing::Config::parse(text);
    std::ifstream in(text);
    return dv::testing::Config::parse(std::string(std::istreambuf_iterator<char>(in), {}));
}

Arguments read(std::span<char*> given) {
    Arguments out;
    out.options.suites = dv::testing::all_suites();
    for (std::size_t i = 0; i < given.size(); ++i) {
        const std::string argument = given[i];
        const auto value = [&]() -> std::string {
            if (i + 1 == given.size()) throw std::invalid_argument(argument + " needs a value");
            return given[++i];
        };
        if (argument == "--component") {
            out.options.component = value();
        } else if (argument == "--with" || argument == "--plugins") {
            out.options.with.emplace_back(value());
        } else if (argument == "--config") {
            out.options.config = read_config(value());
        } else if (argument.starts_with("--") || !out.plugin.empty()) {
            throw std::invalid_argument("unexpected argument " + argument);
        } else {
            out.plugin = argument;
        }
    }
    if (out.plugin.empty()) throw std::invalid_argument("no plugin was named");
    out.options.with.push_back(std::filesystem::absolute(out.plugin).parent_path());
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    std::optional<Arguments> arguments;
    try {
        arguments = read({argv + 1, static_cast<std::size_t>(argc - 1)});
    } catch (const std::invalid_argument& error) {
        std::cerr << "dv-conformance: " << error.what() << '\n' << kUsage;
        return 2;
    }
    try {
        return dv::testing::run_conformance(arguments->plugin, arguments->options);
    } catch (const std::exception& error) {
        std::cerr << "dv-conformance: " << error.what() << '\n';
        return 2;
    }
}
