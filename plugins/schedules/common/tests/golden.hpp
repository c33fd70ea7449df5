#pragma once
/// Compares a schedule with what PyTorch's scheduler of the same parameters gave (goldens/make_goldens.py).

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace dv::schedules::testing {

struct Golden {
    const char* parameters;        ///< TOML
    std::vector<double> observed;  ///< the metric before each count from 1 on; empty: the schedule follows none
    std::vector<double> factors;   ///< at counts 0, 1, ...
    std::vector<double> momenta;   ///< the same; empty: left alone
};

inline dv::testing::SchedulePoint at(std::int64_t count, std::int64_t total = -1) {
    return {.count = count, .total = total};
}

/// What a mistaken formula gives is further away; rounding along PyTorch's recursions is nearer.
constexpr double kTolerated = 1e-11;

inline void expect_equals_golden(dv::testing::Plugin& plugin, const Golden& golden, std::int64_t total = -1) {
    SCOPED_TRACE(golden.parameters);
    auto schedule = plugin.make<Schedule>({}, dv::testing::Config::parse(golden.parameters));
    for (std::size_t i = 0; i < golden.factors.size(); ++i) {
        if (i > 0 && !golden.observed.empty()) schedule.observe(golden.observed[i - 1]);
        const auto point = at(static_cast<std::int64_t>(i), total);
        EXPECT_NEAR(schedule.factor(point), golden.factors[i], kTolerated) << "at count " << i;
        if (golden.momenta.empty()) {
            EXPECT_TRUE(std::isnan(schedule.momentum(point))) << "at count " << i;
        } else {
            EXPECT_NEAR(schedule.momentum(point), golden.momenta[i], kTolerated) << "at count " << i;
        }
    }
}

/// Runs `make` with these parameters; the text of its refusal, or "".
inline std::string refusal(dv::testing::Plugin& plugin, const char* parameters) {
    try {
        plugin.make<Schedule>({}, dv::testing::Config::parse(parameters));
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

}  // namespace dv::schedules::testing
