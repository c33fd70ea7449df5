#pragma once
/// The terminal: lines, and below them one status line that can be redrawn. One object for the process's stderr; [any] thread.

#include <mutex>
#include <string>
#include <string_view>

namespace dvhost::logging {

class Console {
public:
    /// `fd` is where lines go; redrawing happens only if it is a terminal that is not "dumb".
    explicit Console(int fd);
    ~Console();
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    bool interactive() const { return interactive_; }
    /// Columns of the terminal now; 80 when it has none.
    int width() const;
    /// Replaces the status line; empty removes it. Does nothing on what cannot redraw.
    void status(std::string_view line);
    /// One line above the status line.
    void print(std::string_view line);

private:
    void put(std::string_view text);

    int fd_;
    bool interactive_;
    std::mutex mutex_;
    std::string status_;
};

}  // namespace dvhost::logging
