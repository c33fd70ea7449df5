/// The program: one command, one exit code, one place where errors become words.

#include "cli/command.hpp"
#include "cli/errors.hpp"
#include "registry/boundary.hpp"
#include "registry/refusal.hpp"
#include "registry/verify.hpp"

#include <csignal>
#include <iostream>

namespace {

using namespace dvhost;

void print_help() {
    std::cout << "dvhost trains and studies neural networks with time in them.\n\n"
                 "  dvhost run configs/quickstart.toml                     train, test, log, save\n"
                 "  dvhost run configs/quickstart.toml -o trainer.max_epochs=3 -o logger.0.type=jsonl\n"
                 "  dvhost check configs/quickstart.toml                   is the manifest right? runs no plugin code\n"
                 "  dvhost plugins info full                               what a plugin takes, with an example\n"
                 "  dvhost plugins new recurrence my_lab.recurrence.gabor  a plugin that builds and passes its tests\n\n"
                 "Commands:\n";
    for (const cli::Command& c : cli::commands()) {
        std::string line = "  " + std::string(c.name) + " " + std::string(c.usage);
        line.resize(std::max<std::size_t>(line.size() + 2, 46), ' ');
        std::cout << line << c.summary << "\n";
    }
    std::cout << "\n`dvhost COMMAND --help` explains a command. `dvhost --version` tells what this build is.\n"
                 "Exit codes: 0 ok, 64 usage, 65 manifest, 66 not found or not readable, 67 plugin rejected,\n"
                 "68 failed to start, 69 failed while running, 70 crashed, 75 timed out, 130 Ctrl-C, 143 SIGTERM.\n";
}

/// The command whose words begin `words`, the longest one.
const cli::Command* find_command(const cli::Arguments& words) {
    const cli::Command* best = nullptr;
    for (const cli::Command& c : cli::commands()) {
        const std::string joined = words[0] + (words.size() > 1 ? " " + words[1] : "");
        const bool fits = c.name == words[0] || c.name == joined;
        if (fits && (best == nullptr || c.name.size() > best->name.size())) best = &c;
    }
    return best;
}

int dispatch(cli::Arguments words) {
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        print_help();
        return words.empty() ? static_cast<int>(ExitCode::usage) : 0;
    }
    if (words[0] == "--version") {
        cli::print_version();
        return 0;
    }
    if (words[0] == registry::kVerifyLoadCommand && words.size() == 2) {
        registry::report_verify_load(words[1]);  // the child of `plugins verify`; not for people
        return 0;
    }
    const cli::Command* command = find_command(words);
    if (command == nullptr) throw cli::unknown_command(words);
    const bool two_words = command->name.find(' ') != std::string_view::npos;
    words.erase(words.begin(), words.begin() + (two_words ? 2 : 1));
    return command->run(words);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int dvhost_main(int argc, char** argv) {
    registry::install_crash_handlers();
    std::signal(SIGXFSZ, SIG_IGN);  // a file beyond its limit is an error of that write, not the end of the process
    try {
        return dispatch(cli::Arguments(argv + 1, argv + argc));
    } catch (...) {
        return cli::report_current_exception();
    }
}
