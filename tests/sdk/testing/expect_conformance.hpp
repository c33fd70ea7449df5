#pragma once
/// What the tests of the suites say about a component.

#include <dv/testing/conformance.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dv_tests {

/// A component that is wrong on purpose, and the check that must notice.
struct Wrong {
    const char* plugin;
    const char* component;
    const char* check;
};

inline void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.component << " in " << wrong.check; }

/// A test's name out of a component's and a check's.
inline std::string test_name(const ::testing::TestParamInfo<Wrong>& info) {
    const auto last = [](std::string text) { return text.substr(text.rfind('.') + 1); };
    return last(info.param.component) + "_fails_" + last(info.param.check);
}

inline std::vector<dv::testing::CheckResult> results_of(const char* plugin, const char* component,
                                                        const std::vector<dv::testing::Suite>& suites) {
    dv::testing::ConformanceOptions options;
    options.component = component;
    options.suites = suites;
    return dv::testing::check_conformance(plugin, options);
}

inline void expect_noticed(const Wrong& wrong, const std::vector<dv::testing::Suite>& suites) {
    const auto results = results_of(wrong.plugin, wrong.component, suites);
    const auto found = std::ranges::find(results, wrong.check, &dv::testing::CheckResult::id);
    ASSERT_NE(found, results.end()) << "there is no such check";
    EXPECT_EQ(found->verdict, dv::testing::Verdict::fail) << found->reason;
    EXPECT_FALSE(found->reason.empty());
}

inline void expect_clean(const char* plugin, const char* component, const std::vector<dv::testing::Suite>& suites) {
    const auto results = results_of(plugin, component, suites);
    EXPECT_GT(results.size(), 6u) << "only the checks of any kind ran";
    for (const auto& result : results) {
        EXPECT_NE(result.verdict, dv::testing::Verdict::fail) << result.id << ": " << result.reason;
    }
}

}  // namespace dv_tests
