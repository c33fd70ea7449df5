#include "checkpoint/zip_directory.hpp"

#include <dv/error.hpp>

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <sstream>

namespace dvhost::checkpoint {

namespace {

constexpr std::uint32_t kEntry = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kEntrySize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20, kLongestComment = 65535;

[[noreturn]] void refuse(const std::string& why) { throw dv::Error("its zip is damaged (" + why + ")"); }

/// Little-endian numbers of a block of bytes.
class Bytes {
public:
    explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
    std::size_t size() const { return bytes_.size(); }

    template <class Number>
    Number at(std::size_t offset) const {
        static_assert(std::endian::native == std::endian::little);
        if (offset > bytes_.size() || sizeof(Number) > bytes_.size() - offset) refuse("its directory is cut short");
        Number number{};
        std::memcpy(&number, bytes_.data() + offset, sizeof number);
        return number;
    }
    std::string_view text(std::size_t offset, std::size_t n) const {
        if (offset > bytes_.size() || n > bytes_.size() - offset) refuse("its directory is cut short");
        return std::string_view(bytes_).substr(offset, n);
    }

private:
    std::string bytes_;
};

class Reader {
public:
    explicit Reader(std::istream& in) : in_(in) {
        in_.clear();
        in_.seekg(0, std::ios::end);
        size_ = static_cast<std::uint64_t>(in_.tellg());
    }
    std::uint64_t size() const { return size_; }
    Bytes read(std::uint64_t offset, std::uint64_t n) {
        if (offset > size_ || n > size_ - offset) refuse("its directory reaches outside the file");
        std::string bytes(static_cast<std::size_t>(n), '\0');
        in_.seekg(static_cast<std::streamoff>(offset));
        if (!in_.read(bytes.data(), static_cast<std::streamsize>(n))) refuse("its directory cannot be read");
        return Bytes(std::move(bytes));
    }

private:
    std::istream& in_;
    std::uint64_t size_ = 0;
};

struct Place {
    std::uint64_t offset = 0, size = 0, n_entries = 0;
};

/// Where the directory lies, as the record at the file's end says.
Place find_directory(Reader& file) {
    const std::uint64_t n = std::min<std::uint64_t>(file.size(), kEndSize + kLongestComment);
    const Bytes tail = file.read(file.size() - n, n);
    for (std::size_t back = kEndSize; back <= n; ++back) {
        const std::size_t at = n - back;
        if (tail.at<std::uint32_t>(at) != kEnd) continue;
        Place place{tail.at<std::uint32_t>(at + 16), tail.at<std::uint32_t>(at + 12), tail.at<std::uint16_t>(at + 10)};
        const bool is_64 = place.offset == 0xffffffff || place.size == 0xffffffff || place.n_entries == 0xffff;
        if (at < kLocator64Size || tail.at<std::uint32_t>(at - kLocator64Size) != kLocator64) {
            if (is_64) refuse("the end of its zip64 directory is missing");
            return place;
        }
        const Bytes end = file.read(tail.at<std::uint64_t>(at - kLocator64Size + 8), kEnd64Size);
        if (end.at<std::uint32_t>(0) != kEnd64) refuse("the end of its zip64 directory is missing");
        return {end.at<std::uint64_t>(48), end.at<std::uint64_t>(40), end.at<std::uint64_t>(32)};
    }
    refuse("the end of its directory is missing");
}

std::string hex(std::uint32_t value) {
    std::ostringstream text;
    text << std::hex << value;
    return text.str();
}

}  // namespace

ZipDirectory::ZipDirectory(std::istream& in) {
    Reader file(in);
    const Place place = find_directory(file);
    const Bytes directory = file.read(place.offset, place.size);
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < place.n_entries; ++i) {
        if (directory.at<std::uint32_t>(at) != kEntry) refuse("entry " + std::to_string(i) + " of its directory");
        const std::size_t n_name = directory.at<std::uint16_t>(at + 28), n_extra = directory.at<std::uint16_t>(at + 30),
                          n_comment = directory.at<std::uint16_t>(at + 32);
        const std::string_view path = directory.text(at + kEntrySize, n_name);
        const std::string name(path.substr(std::min(path.size(), path.find('/') + 1)));
        const auto checksum = directory.at<std::uint32_t>(at + 16);
        if (!checksums_.emplace(name, checksum).second) refuse("it has two records '" + name + "'");
        has_checksums_ = has_checksums_ || checksum != 0;
        at += kEntrySize + n_name + n_extra + n_comment;
    }
}

void ZipDirectory::expect_undamaged(std::string_view name, const void* bytes, std::size_t n_bytes) const {
    const auto found = checksums_.find(name);
    if (found == checksums_.end()) refuse("its directory lacks the record '" + std::string(name) + "'");
    if (!has_checksums_) return;
    const auto checksum = static_cast<std::uint32_t>(crc32_z(0, static_cast<const Bytef*>(bytes), n_bytes));
    if (checksum == found->second) return;
    throw dv::Error("its record '" + std::string(name) + "' is damaged: the checksum of its " + std::to_string(n_bytes) +
                    " bytes is " + hex(checksum) + ", and " + hex(found->second) + " when it was written; use another copy");
}

}  // namespace dvhost::checkpoint
