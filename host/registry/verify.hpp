#pragma once
/// `dvhost plugins verify`: whether a plugin keeps the rules, as a list of checks. The command line is not its
/// business.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::registry {

enum class Verdict { pass, fail, warn, skip };

struct CheckResult {
    std::string id;  ///< "S06"
    Verdict verdict = Verdict::pass;
    std::string reason;  ///< one line; of a passed check what was looked at
    std::string fix;     ///< what would do; "" unless it failed or warns
};

/// "pass", "fail", "warn", "skip".
std::string_view verdict_text(Verdict verdict);

/// S01 to S14, in order. Runs no plugin code. Where an early check fails, those that need it are skipped.
std::vector<CheckResult> verify_static(const std::filesystem::path& path);

/// L01 to L06, in order, in this process: loads the plugin for good and may crash or hang with it. `report`, if given,
/// hears each result as soon as it is known.
std::vector<CheckResult> verify_load(const std::filesystem::path& path,
                                     const std::function<void(const CheckResult&)>& report = {});

/// The command that verify_load_in_child() gives its child, followed by the file.
inline constexpr const char* kVerifyLoadCommand = "__verify-load";

/// What that command does: verify_load(), each result written to descriptor 3 as one line of JSON.
void report_verify_load(const std::filesystem::path& path);

/// verify_load() in a child process, `program` __verify-load `path`, which is ended with all its children at `limit`. A
/// child that crashes, exits or hangs fails the check it was in.
std::vector<CheckResult> verify_load_in_child(const std::filesystem::path& program, const std::filesystem::path& path,
                                              std::chrono::milliseconds limit = std::chrono::seconds(45));

}  // namespace dvhost::registry
