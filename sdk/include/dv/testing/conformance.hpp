#pragma once
/// Conformance: what every component of a kind promises, as checks that any plugin can be put through.
///
///     for (const auto& result : dv::testing::check_conformance(file)) EXPECT_NE(result.verdict, Verdict::fail);
///
/// or `dv-conformance plugin.so`, which dv_add_plugin() adds as the test conformance.<name>. The suites of the torch
/// kinds come with <dv/testing/torch.hpp>.

#include <dv/testing/load.hpp>

#include <filesystem>
#include <functional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dv::testing {

enum class Verdict { pass, fail, skip };

struct CheckResult {
    Verdict verdict = Verdict::pass;
    std::string id;      ///< "logger.flush_is_durable"
    std::string reason;  ///< why it failed or was skipped
};

/// A component to be checked. Every object has a host of its own, so checks do not see each other.
class Subject {
public:
    Subject(Plugin plugin, ComponentNote note, Config config)
        : plugin_(std::move(plugin)), note_(std::move(note)), config_(std::move(config)) {}

    const ComponentNote& note() const { return note_; }
    const Config& config() const { return config_; }
    /// The plugin with a new host.
    Plugin plugin() const { return plugin_.with_new_host(); }
    template <class Kind>
    auto make(std::string place = {}) const {
        return plugin().make<Kind>(note_.id, config_, std::move(place));
    }
    /// With further parameters. Throws std::invalid_argument when the component does not declare them.
    template <class Kind>
    auto make_with(const Config& more) const {
        Config config = config_;
        for (const Entry& entry : *more.as<Value::Table>()) config.set(entry.key, entry.value);
        return plugin().make<Kind>(note_.id, config);
    }

private:
    Plugin plugin_;
    ComponentNote note_;
    Config config_;
};

/// Runs checks one by one and keeps what came out.
class Checks {
public:
    using Report = std::function<void(const CheckResult&)>;
    /// `begin` hears of a check before it runs, `end` of its result.
    explicit Checks(std::function<void(std::string_view id)> begin = {}, Report end = {})
        : begin_(std::move(begin)), end_(std::move(end)) {}

    /// The body fails by throwing: fail(), or anything else, whose text becomes the reason.
    void operator()(std::string id, const std::function<void()>& body);
    const std::vector<CheckResult>& results() const { return results_; }

private:
    std::function<void(std::string_view id)> begin_;
    Report end_;
    std::vector<CheckResult> results_;
};

struct CheckFailed : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct CheckSkipped : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <class... Parts>
std::string cat(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}
/// Ends a check: it failed, for this reason.
template <class... Parts>
[[noreturn]] void fail(const Parts&... reason) {
    throw CheckFailed(cat(reason...));
}
template <class... Parts>
void expect(bool condition, const Parts&... reason) {
    if (!condition) fail(reason...);
}
/// Ends a check: it does not apply, for this reason.
template <class... Parts>
[[noreturn]] void skip(const Parts&... reason) {
    throw CheckSkipped(cat(reason...));
}
/// Runs `body`, which may be refused. Returns the refusal's text, empty when there was none; fails when a refusal has
/// no text.
std::string refusal_of(const std::function<void()>& body);
/// Fails when a hook was entered and not left.
void expect_balanced(const Host& host);

/// The checks of one kind.
struct Suite {
    std::string_view iface;  ///< "dv.logger"
    void (*run)(const Subject& subject, Checks& check);
};

/// Loggers, callbacks, schedules.
std::vector<Suite> portable_suites();
/// What holds for components of any kind.
void check_life(const Subject& subject, Checks& check);

struct ConformanceOptions {
    std::string component = {};                    ///< full id or last part; empty: all of the plugin
    std::vector<std::filesystem::path> with = {};  ///< further plugins or folders, for nested components
    Config config = {};                            ///< the component's table
    std::vector<Suite> suites = portable_suites();
    int seconds_per_check = 300;  ///< run_conformance() ends a check that hangs
};

/// Runs all checks in this process. Throws std::runtime_error when the file is no plugin.
std::vector<CheckResult> check_conformance(const std::filesystem::path& file, const ConformanceOptions& options = {});

/// Runs each component's checks in a child process, so that a crash is a failed check, and prints one line per check:
/// `pass|fail|skip component check: reason`. Returns 0 when nothing failed, else 1.
int run_conformance(const std::filesystem::path& file, const ConformanceOptions& options = {});

}  // namespace dv::testing
