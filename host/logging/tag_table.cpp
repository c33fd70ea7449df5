#include "logging/tag_table.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace dvhost::logging {

TagTable::TagTable(const std::filesystem::path& file) {
    if (file.empty()) return;
    fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) throw dv::IoError("cannot make '" + file.string() + "': " + std::generic_category().message(errno));
}

TagTable::~TagTable() {
    if (fd_ >= 0) ::close(fd_);
}

const std::vector<std::uint32_t>& TagTable::numbers(const loops::Names& names) {
    for (const Known& k : known_) {
        if (k.names == names) return k.numbers;
    }
    Known& fresh = known_[next_known_++ % known_.size()];
    fresh.names = names;
    fresh.numbers.clear();
    fresh.numbers.reserve(names->size());
    numbers_.reserve(numbers_.size() + names->size());
    for (const std::string& name : *names) fresh.numbers.push_back(number(name));
    write_new();
    return fresh.numbers;
}

std::uint32_t TagTable::number(const std::string& name) {
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    const auto length = static_cast<std::uint32_t>(name.size());
    new_.append(reinterpret_cast<const char*>(&length), sizeof length).append(name);
    const std::lock_guard lock(mutex_);
    const auto fresh = static_cast<std::uint32_t>(numbers_.size());
    numbers_.emplace(names_.emplace_back(name), fresh);
    return fresh;
}

/// In one write; a torn one is taken back, because numbers are places in the file.
void TagTable::write_new() {
    const std::string bytes = std::exchange(new_, {});
    if (bytes.empty() || fd_ < 0 || !whole_) return;
    ssize_t n = 0;
    do {
        n = ::write(fd_, bytes.data(), bytes.size());
    } while (n < 0 && errno == EINTR);
    whole_ = n == static_cast<ssize_t>(bytes.size());
    if (whole_) {
        size_ += bytes.size();
    } else if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {
        return;  // read_tags() leaves out a torn name anyway
    }
}

std::string_view TagTable::name(std::uint32_t number) {
    if (number >= seen_.size()) {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = seen_.size(); i < names_.size(); ++i) seen_.push_back(&names_[i]);
    }
    return *seen_.at(number);
}

std::vector<std::string> read_tags(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::vector<std::string> names;
    std::uint32_t length = 0;
    for (std::size_t at = 0; at + sizeof length <= bytes.size(); at += length) {
        std::memcpy(&length, bytes.data() + at, sizeof length);
        at += sizeof length;
        if (length > bytes.size() - at) break;
        names.push_back(bytes.substr(at, length));
    }
    return names;
}

}  // namespace dvhost::logging
