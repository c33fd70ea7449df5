#include "wire/child.hpp"

#include <gtest/gtest.h>

namespace {

using loggers::wire::run_child;

TEST(Child, SaysHowItEnded) {
    EXPECT_EQ(run_child({"true"}, 60), "");
    EXPECT_EQ(run_child({"sh", "-c", "exit 3"}, 60), "ended with code 3");
    EXPECT_EQ(run_child({"sh", "-c", "kill -9 $$"}, 60), "was ended by signal 9");
    EXPECT_EQ(run_child({"no such program"}, 60), "is not installed");
}

TEST(Child, DoesNotTakeLongerThanItMay) { EXPECT_EQ(run_child({"sleep", "100"}, 0.05), "took longer than 0 s"); }

TEST(Child, ArgumentsAreNotForAShell) { EXPECT_EQ(run_child({"test", "$HOME; false", "=", "$HOME; false"}, 60), ""); }

}  // namespace
