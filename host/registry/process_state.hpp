#pragma once
/// What a plugin could change about the whole process just by being loaded.

#include <map>
#include <string>
#include <vector>

namespace dvhost::registry {

/// Name -> value, as text: "working directory", "umask", "environment HOME", "handler of signal 2", "open file 5", ...
using ProcessState = std::map<std::string, std::string>;

ProcessState process_state();

/// "working directory: /a before, / after", ...
std::vector<std::string> changes(const ProcessState& before, const ProcessState& after);

}  // namespace dvhost::registry
