#pragma once
/// Ctrl-C and SIGTERM: the first asks the run to end after the step in hand, a second ends the process at once.

#include <stdexcept>

namespace dvhost::loops {

/// Thrown at the end of a step when a signal has asked for it.
struct Interrupted : std::runtime_error {
    explicit Interrupted(int signal_number);
    int signal;
    int exit_code() const { return 128 + signal; }
};

/// Takes SIGINT and SIGTERM while it lives and puts the former handlers back.
class SignalScope {
public:
    /// `answer` is written to the standard error when the first signal comes; it must stay.
    explicit SignalScope(const char* answer = "\ndvhost: stopping after this step (again: at once)\n");
    ~SignalScope();
    SignalScope(const SignalScope&) = delete;
    SignalScope& operator=(const SignalScope&) = delete;
};

/// Throws Interrupted if a signal has come since the SignalScope began.
void throw_if_interrupted();
/// That signal; 0: none.
int received_signal();

}  // namespace dvhost::loops
