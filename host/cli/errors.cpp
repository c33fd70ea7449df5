#include "cli/errors.hpp"

#include "compose/assembler.hpp"
#include "compose/check.hpp"
#include "loops/interrupt.hpp"
#include "manifest/suggest.hpp"
#include "registry/fingerprint.hpp"
#include "registry/refusal.hpp"
#include "verify/case_file.hpp"

#include <c10/util/Exception.h>

#include <iostream>

namespace dvhost::cli {

namespace {

int print(const std::string& text, ExitCode code) {
    std::cerr << "dvhost: " << text << "\n";
    return static_cast<int>(code);
}

int print_problems(const manifest::ManifestError& error, ExitCode code, const std::string& what = "manifest") {
    for (const manifest::Problem& p : error.problems) std::cerr << p.text() << "\n";
    const std::size_t n = error.problems.size();
    return print(std::to_string(n) + (n == 1 ? " problem" : " problems") + " in the " + what + "; nothing was run", code);
}

}  // namespace

int report_current_exception() {
    try {
        throw;
    } catch (const UsageError& error) {
        return print(error.what(), ExitCode::usage);
    } catch (const compose::CheckError& error) {
        return print_problems(error, error.code);
    } catch (const verify::CaseFileError& error) {
        return print_problems(error, ExitCode::manifest, "case file");
    } catch (const manifest::ManifestError& error) {
        return print_problems(error, ExitCode::manifest);
    } catch (const registry::Refusal& error) {
        return print(error.what(), error.code);
    } catch (const compose::CreateError& error) {
        return print(error.what(), ExitCode::initialise);
    } catch (const loops::Interrupted& signal) {
        std::cerr << "dvhost: " << signal.what() << "; what was logged and saved is kept\n";
        return signal.exit_code();
    } catch (const dv::IoError& error) {
        return print(error.what(), ExitCode::not_found);
    } catch (const c10::Error& error) {
        return print(error.what_without_backtrace(), ExitCode::running);
    } catch (const std::exception& error) {
        return print(error.what(), ExitCode::running);
    }
}

UsageError unknown_command(const Arguments& words) {
    std::vector<std::string> known;
    for (const Command& c : commands()) known.emplace_back(c.name);
    std::string wanted = words[0];
    if (words.size() > 1 && (words[0] == "plugins" || words[0] == "checkpoint" || words[0] == "tune" || words[0] == "logs")) wanted += " " + words[1];
    const auto near = manifest::closest(wanted, known);
    return UsageError("no command '" + wanted + "'" + (near ? "; did you mean '" + *near + "'?" : "") +
                      " See `dvhost --help`.");
}

void print_version() {
    std::cout << "dvhost " << DVHOST_VERSION << "\n" << registry::host_fingerprint();
}

}  // namespace dvhost::cli
