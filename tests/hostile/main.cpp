// The tests, and the child process that some of them start: "<this program> __verify-load <file>".
#include "registry/verify.hpp"

#include <gtest/gtest.h>

#include <cstring>

int main(int argc, char** argv) {
    if (argc == 3 && std::strcmp(argv[1], dvhost::registry::kVerifyLoadCommand) == 0) {
        dvhost::registry::report_verify_load(argv[2]);
        return 0;
    }
    ::testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
