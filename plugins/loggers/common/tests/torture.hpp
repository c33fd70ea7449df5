#pragma once
// What any logger must bear, for the readers' samples: torture.py beside this file knows what comes back.

#include <dv/testing/load.hpp>

#include <limits>
#include <string>

namespace dv::loggers {

/// A million numbers under 10 000 names with spaces, slashes and letters beyond ASCII; steps out of order; the largest numbers and those
/// that are none; names that come late.
inline void torture(dv::testing::LoggerHandle& logger) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    dv::testing::Metrics many;
    for (int i = 0; i < 10'000; ++i) many.emplace_back("\u00fc space/" + std::to_string(i), i + 0.5);
    logger.metrics({{"late", 1e308}}, 7, 0, 1700000000.0);
    logger.metrics(many, 3, 0, 1700000001.0);
    logger.metrics({{"late", -1e308}}, 3, 1, 1700000002.0);
    logger.metrics({{"up", kInf}, {"down", -kInf}, {"none", std::numeric_limits<double>::quiet_NaN()}}, 5, 1, 1700000002.0);
    for (int i = 0; i < 100; ++i) logger.metrics(many, 10 + i, 1, 1700000003.0);
}

}  // namespace dv::loggers
