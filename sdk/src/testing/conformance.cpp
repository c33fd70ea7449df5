#include <dv/testing/conformance.hpp>

#include <algorithm>

namespace dv::testing {

void Checks::operator()(std::string id, const std::function<void()>& body) {
    if (begin_) begin_(id);
    CheckResult result{Verdict::pass, std::move(id), {}};
    try {
        body();
    } catch (const CheckSkipped& skipped) {
        result.verdict = Verdict::skip;
        result.reason = skipped.what();
    } catch (const std::exception& error) {
        result.verdict = Verdict::fail;
        result.reason = error.what();
    }
    if (end_) end_(result);
    results_.push_back(std::move(result));
}

std::string refusal_of(const std::function<void()>& body) {
    try {
        body();
        return {};
    } catch (const ComponentError& error) {
        if (error.text.empty() || error.text.ends_with("without a message")) {
            fail("refused with code ", error.code(), " and no text; say what was expected and what was found");
        }
        return error.what();
    }
}

void expect_balanced(const Host& host) {
    expect(host.open_hooks() == 0, host.open_hooks(),
           " hook(s) were entered and not left; each enter() needs its leave()");
    expect(host.misplaced_leaves() == 0, "leave() was called with a token that is not the newest enter()'s");
}

std::vector<CheckResult> check_conformance(const std::filesystem::path& file, const ConformanceOptions& options) {
    Plugin plugin(file);
    for (const auto& further : options.with) plugin.with(further);
    Checks check;
    for (const ComponentNote& note : plugin.notes()) {
        if (!options.component.empty() && &note != &plugin.note(options.component)) continue;
        const Subject subject(plugin, note, options.config);
        check_life(subject, check);
        const auto suite = std::ranges::find(options.suites, note.iface, &Suite::iface);
        if (suite != options.suites.end()) suite->run(subject, check);
    }
    return check.results();
}

}  // namespace dv::testing
