#include "event_file.hpp"

#include "wire/crc32c.hpp"
#include "wire/proto.hpp"

#include <dv/error.hpp>

#include <unistd.h>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <system_error>

namespace tensorboard {

namespace {

namespace fs = std::filesystem;
using loggers::wire::AppendFile;

constexpr std::string_view kMark = "tfevents";

std::string host_name() {
    char name[256] = "";
    if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
    std::string out(name);
    std::ranges::replace_if(
        out, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.'; }, '_');
    return out;
}

/// The seconds in the newest name of a folder, or 0.
std::int64_t newest(const fs::path& folder) {
    std::int64_t out = 0;
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
        const std::string name = entry.path().filename().string();
        const std::size_t at = name.find(kMark);
        if (at == std::string::npos || at + kMark.size() >= name.size()) continue;
        std::int64_t seconds = 0;
        std::from_chars(name.data() + at + kMark.size() + 1, name.data() + name.size(), seconds);
        out = std::max(out, seconds);
    }
    return out;
}

fs::path new_path(const fs::path& folder, std::string_view suffix, double now) {
    std::string seconds = std::to_string(std::max(static_cast<std::int64_t>(now), newest(folder) + 1));
    seconds.insert(0, 10 - std::min<std::size_t>(10, seconds.size()), '0');
    const std::string front =
        "events.out." + std::string(kMark) + '.' + seconds + '.' + host_name() + '.' + std::to_string(::getpid()) + '.';
    for (int i = 0;; ++i) {
        fs::path path = folder / (front + std::to_string(i) + std::string(suffix));
        if (!fs::exists(path)) return path;
    }
}

}  // namespace

EventFile::EventFile(const fs::path& folder, std::string_view suffix, double now)
    : file_(new_path(folder, suffix, now)) {
    std::string event;
    loggers::wire::Message(event)
        .number(1, now)
        .bytes(3, "brain.Event:2")
        .nested(10, [](loggers::wire::Message& source) { source.bytes(1, "dvhost"); });
    add(event, now, 0.0);
}

void EventFile::add(std::string_view event, double now, double patience) {
    using loggers::wire::append_raw;
    using loggers::wire::crc32c;
    using loggers::wire::masked;
    std::string& out = file_.waiting();
    const std::size_t at = out.size();
    append_raw(out, std::uint64_t{event.size()});
    append_raw(out, masked(crc32c(std::string_view(out).substr(at, sizeof(std::uint64_t)))));
    out += event;
    append_raw(out, masked(crc32c(event)));
    file_.added(now, patience);
}

bool is_event_file(const fs::path& path) { return path.filename().string().find(kMark) != std::string::npos; }

bool has_event_files(const fs::path& folder) {
    std::error_code unreadable;
    for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
        if (is_event_file(entry.path())) return true;
    }
    return false;
}

}  // namespace tensorboard
