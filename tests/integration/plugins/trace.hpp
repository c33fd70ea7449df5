#pragma once
// One line per call in a file that several plugins of a process write to.

#include <filesystem>
#include <string>

#include <fcntl.h>
#include <unistd.h>

namespace trace {

inline void note(const std::filesystem::path& file, std::string line) {
    line += '\n';
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (fd < 0) return;
    [[maybe_unused]] const auto written = ::write(fd, line.data(), line.size());
    ::close(fd);
}

}  // namespace trace
