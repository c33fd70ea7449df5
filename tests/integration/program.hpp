#pragma once
/// The real program, run as a person would run it, in a folder of the test's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace dvhost::testing {

struct Result {
    int code = -1;    ///< exit code; 128 + signal when one ended it
    std::string out;  ///< standard output
    std::string err;  ///< standard error
};

/// A running program.
class Process {
public:
    Process(const std::vector<std::string>& words, const std::filesystem::path& folder,
            const std::map<std::string, std::string>& environment);
    ~Process();  ///< kills it if it still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void send(int signal) const;
    /// Waits until its standard error holds `text`; false when it ended or 60 s passed first.
    bool wait_for_error_text(const std::string& text) const;
    Result wait();

private:
    std::filesystem::path out_, err_;
    pid_t pid_ = -1;
};

class ProgramTest : public ::testing::Test {
protected:
    ProgramTest();
    ~ProgramTest() override;

    std::filesystem::path folder;                   ///< the working folder, empty at first
    std::map<std::string, std::string> environment;  ///< added to this process's

    /// Writes a file into the folder and returns its name.
    std::string file(const std::string& name, const std::string& text) const;
    /// A complete manifest of a second's length, "tiny.toml".
    std::string tiny() const;
    Process start(const std::vector<std::string>& arguments) const;
    Result dvhost(const std::vector<std::string>& arguments) const { return start(arguments).wait(); }
    std::string read(const std::filesystem::path& relative) const;
};

/// Lines of a text.
std::vector<std::string> lines(const std::string& text);

}  // namespace dvhost::testing
