#pragma once
/// Other people's programs, started by a logger.

#include <string>
#include <vector>

namespace loggers::wire {

/// Runs a program found along PATH, without a shell and with this process's environment, for at most `budget` [s]; it
/// is ended when it takes longer. Its words go nowhere. Returns why it did not succeed, or nothing: "is not installed",
/// "ended with code 1", "took longer than 60 s".
std::string run_child(const std::vector<std::string>& command, double budget);

}  // namespace loggers::wire
