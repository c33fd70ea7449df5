#include "expect_conformance.hpp"

using dv::testing::portable_suites;
using dv_tests::Wrong;

namespace {

class WrongPortable : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongPortable, IsNoticed) { dv_tests::expect_noticed(GetParam(), portable_suites()); }

INSTANTIATE_TEST_SUITE_P(
    Loggers, WrongPortable,
    ::testing::Values(Wrong{DV_WRONG_LOGGERS, "test.logger.lossy", "logger.a_full_disk_is_said"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.lazy", "logger.flush_is_durable"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.ascii", "logger.names_may_be_any_text"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.finite", "logger.values_may_be_no_numbers"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.fixed_columns", "logger.metrics_may_come_and_go"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.short", "logger.a_long_run_passes"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.flat", "logger.the_manifest_is_taken"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.no_files", "logger.a_finished_file_is_taken"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.happy_end", "logger.any_end_passes"},
                      Wrong{DV_WRONG_BY_HAND, "test.logger.silent", "logger.newer_hosts_are_understood"},
                      Wrong{DV_WRONG_BY_HAND, "test.logger.deaf", "logger.takes_metrics"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Life, WrongPortable,
    ::testing::Values(Wrong{DV_WRONG_LOGGERS, "test.logger.leaks_descriptor", "life.leaves_nothing_behind"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.leaks_memory", "life.leaves_nothing_behind"},
                      Wrong{DV_WRONG_LOGGERS, "test.logger.leaks_thread", "life.leaves_nothing_behind"},
                      Wrong{DV_WRONG_BY_HAND, "test.logger.silent", "life.refusals_have_a_text"},
                      Wrong{DV_WRONG_BY_HAND, "test.logger.unbalanced", "life.created"},
                      Wrong{DV_WRONG_BY_HAND, "test.logger.other_version", "life.table_matches_note"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Callbacks, WrongPortable,
    ::testing::Values(Wrong{DV_WRONG_CALLBACKS, "test.callback.idle", "callback.asks_for_phases"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.grumpy", "callback.a_whole_run_passes"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.needs_metrics", "callback.missing_metrics_are_survived"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.needs_numbers",
                            "callback.values_that_are_no_numbers_are_survived"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.needs_order", "callback.any_order_is_survived"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.loses", "callback.state_goes_round"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.trusting", "callback.foreign_states_are_survived"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.known_phases", "callback.unknown_phases_are_ignored"},
                      Wrong{DV_WRONG_CALLBACKS, "test.callback.known_size", "callback.newer_hosts_are_understood"}),
    dv_tests::test_name);

INSTANTIATE_TEST_SUITE_P(
    Schedules, WrongPortable,
    ::testing::Values(Wrong{DV_WRONG_CALLBACKS, "test.schedule.negative", "schedule.factors_are_usable"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.undefined", "schedule.factors_are_usable"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.counting", "schedule.depends_on_the_point_alone"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.heavy_momentum", "schedule.momentum_is_usable"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.forgetful", "schedule.state_continues_where_it_was"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.odd_interval", "schedule.interval_is_known"},
                      Wrong{DV_WRONG_CALLBACKS, "test.schedule.exact_size", "schedule.newer_hosts_are_understood"}),
    dv_tests::test_name);

TEST(PortableSuites, LetWhatKeepsItsPromisesPass) {
    dv_tests::expect_clean(DV_WRONG_LOGGERS, "test.logger.plain", portable_suites());
    dv_tests::expect_clean(DV_WRONG_CALLBACKS, "test.callback.quiet", portable_suites());
    dv_tests::expect_clean(DV_WRONG_CALLBACKS, "test.schedule.steady", portable_suites());
}

TEST(RunConformance, ACrashIsAFailedCheckThatIsNamed) {
    ::testing::internal::CaptureStdout();
    const int code = dv::testing::run_conformance(DV_WRONG_LOGGERS, {.component = "trusting"});
    const std::string printed = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 1);
    EXPECT_NE(printed.find("pass test.logger.trusting life.created\n"), std::string::npos) << printed;
    EXPECT_NE(printed.find("fail test.logger.trusting life.missing_services_are_said: crashed: "), std::string::npos)
        << printed;
}

TEST(RunConformance, PrintsOneLineACheckAndReturnsZeroWhenAllPass) {
    ::testing::internal::CaptureStdout();
    const int code = dv::testing::run_conformance(DV_WRONG_CALLBACKS, {.component = "test.schedule.steady"});
    const std::string printed = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(code, 0);
    EXPECT_NE(printed.find("pass test.schedule.steady schedule.factors_are_usable\n"), std::string::npos) << printed;
    EXPECT_EQ(printed.find("fail"), std::string::npos) << printed;
}

}  // namespace
