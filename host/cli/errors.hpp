#pragma once
/// Errors as people read them, and the exit code of each.

#include "cli/command.hpp"

namespace dvhost::cli {

/// Prints the exception being handled to stderr and returns its exit code. Precondition: inside a catch block.
int report_current_exception();

/// "no command 'rum'; did you mean 'run'?"
UsageError unknown_command(const Arguments& words);

/// Name, version, and the fingerprint that torch-class plugins must match.
void print_version();

}  // namespace dvhost::cli
