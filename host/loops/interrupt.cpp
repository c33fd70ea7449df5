#include "loops/interrupt.hpp"

#include <csignal>
#include <cstring>
#include <string>
#include <unistd.h>

namespace dvhost::loops {

namespace {

// A signal handler reaches nothing but this: the one place in the program where state is global by nature.
volatile std::sig_atomic_t received = 0;
const char* volatile first_answer = "";
struct sigaction former_int, former_term;

void handle(int signal) {
    if (received != 0) {
        constexpr char text[] = "\ndvhost: second signal, ending at once\n";
        [[maybe_unused]] const auto written = write(STDERR_FILENO, text, sizeof text - 1);
        _exit(128 + signal);
    }
    received = signal;
    [[maybe_unused]] const auto written = write(STDERR_FILENO, first_answer, std::strlen(first_answer));
}

}  // namespace

Interrupted::Interrupted(int signal_number)
    : std::runtime_error(signal_number == SIGINT ? "interrupted (SIGINT)" : "terminated (SIGTERM)"),
      signal(signal_number) {}

SignalScope::SignalScope(const char* answer) {
    received = 0;
    first_answer = answer;
    struct sigaction action {};
    action.sa_handler = handle;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &former_int);
    sigaction(SIGTERM, &action, &former_term);
}

SignalScope::~SignalScope() {
    sigaction(SIGINT, &former_int, nullptr);
    sigaction(SIGTERM, &former_term, nullptr);
}

int received_signal() { return received; }

void throw_if_interrupted() {
    if (received != 0) throw Interrupted(received);
}

}  // namespace dvhost::loops
