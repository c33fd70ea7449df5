#include "logging/console.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sys/ioctl.h>
#include <unistd.h>

namespace dvhost::logging {

namespace {

bool can_redraw(int fd) {
    const char* term = std::getenv("TERM");
    return isatty(fd) == 1 && term != nullptr && std::strcmp(term, "dumb") != 0;
}

constexpr std::string_view kEraseLine = "\r\x1b[2K";

}  // namespace

Console::Console(int fd) : fd_(fd), interactive_(can_redraw(fd)) {}

Console::~Console() { status({}); }

int Console::width() const {
    winsize size{};
    return ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void Console::status(std::string_view line) {
    if (!interactive_) return;
    const std::lock_guard lock(mutex_);
    if (line.empty() && status_.empty()) return;
    status_ = line;
    put(std::string(kEraseLine) + status_);
}

void Console::print(std::string_view line) {
    const std::lock_guard lock(mutex_);
    std::string text;
    if (!status_.empty()) text += kEraseLine;
    text.append(line).append("\n").append(status_);
    put(text);
}

void Console::put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = write(fd_, text.data(), text.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;  // a terminal that is gone must not end a training
        text.remove_prefix(static_cast<std::size_t>(n));
    }
}

}  // namespace dvhost::logging
