#include "logging/console.hpp"
#include "logging/host_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <pty.h>
#include <sstream>
#include <unistd.h>

namespace dvhost::logging {
namespace {

using ::testing::HasSubstr;

std::string drain(int fd) {
    fcntl(fd, F_SETFL, O_NONBLOCK);
    std::string out;
    char buffer[4096];
    for (ssize_t n = 0; (n = read(fd, buffer, sizeof buffer)) > 0;) out.append(buffer, static_cast<std::size_t>(n));
    return out;
}

TEST(Console, OnAPipeItPrintsLinesAndNoStatus) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    Console console(ends[1]);
    EXPECT_FALSE(console.interactive());
    console.status("50 %");
    console.print("hello");
    EXPECT_EQ(drain(ends[0]), "hello\n");
}

TEST(Console, OnATerminalLinesGoAboveTheStatusLine) {
    int terminal = -1, program = -1;
    ASSERT_EQ(openpty(&terminal, &program, nullptr, nullptr, nullptr), 0);
    setenv("TERM", "xterm", 1);
    {
        Console console(program);
        EXPECT_TRUE(console.interactive());
        console.status("50 %");
        console.print("hello");
        console.status("60 %");
    }
    EXPECT_EQ(drain(terminal), "\r\x1b[2K50 %\r\x1b[2Khello\r\n50 %\r\x1b[2K60 %\r\x1b[2K");
}

TEST(Console, ADumbTerminalIsNotRedrawn) {
    int terminal = -1, program = -1;
    ASSERT_EQ(openpty(&terminal, &program, nullptr, nullptr, nullptr), 0);
    setenv("TERM", "dumb", 1);
    EXPECT_FALSE(Console(program).interactive());
}

TEST(HostLog, ShowsWhatMattersAndKeepsEverythingInTheFile) {
    const auto file = std::filesystem::temp_directory_path() / ("dvhost-log-" + std::to_string(getpid()));
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    {
        Console console(ends[1]);
        HostLog log(console, /*info*/ 2);
        log.keep_in(file);
        log.log(1, "a.b.c", "detail {}");
        log.warn("look out");
        log.error("too late");
    }
    EXPECT_EQ(drain(ends[0]), "warning: look out\nerror: too late\n");
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    EXPECT_THAT(text.str(), HasSubstr("a.b.c: detail {}"));
    std::filesystem::remove(file);
}

}  // namespace
}  // namespace dvhost::logging
