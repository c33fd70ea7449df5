#include "idx.hpp"

#include "gunzip.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

namespace dv::fashion_mnist {

namespace {

constexpr std::uint8_t kUnsignedBytes = 8;
constexpr std::size_t kMaxInflation = 1032;     // deflate cannot make more of one byte
constexpr std::size_t kEnoughForHeader = 4096;  // compressed; a gzip header with a file name and a block of 16 bytes

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& problem) {
    throw IoError(path.string() + ": " + problem);
}

/// A file's bytes, not initialised first: 26 MB are read in one go.
struct FileBytes {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
    std::span<const std::uint8_t> span() const { return {bytes.get(), size}; }
};

FileBytes read_file(const std::filesystem::path& path, std::size_t at_most) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error) refuse(path, "cannot be read (" + error.message() + ")");
    std::ifstream in(path, std::ios::binary);
    if (!in) refuse(path, std::string("cannot be opened (") + std::strerror(errno) + ")");

    FileBytes file;
    file.size = static_cast<std::size_t>(std::min<std::uintmax_t>(size, at_most));
    file.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(file.size);
    in.read(reinterpret_cast<char*>(file.bytes.get()), static_cast<std::streamsize>(file.size));
    if (static_cast<std::size_t>(in.gcount()) != file.size) {
        refuse(path,
               "has " + std::to_string(size) + " bytes, but only " + std::to_string(in.gcount()) + " could be read");
    }
    return file;
}

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string text = "0x";
    for (const std::uint8_t b : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(b));
        text += digits;
    }
    return text;
}

std::string shape_text(const IdxHeader& header) {
    std::string text;
    for (const std::int64_t n : header.sizes) text += (text.empty() ? "" : " × ") + std::to_string(n);
    return text;
}

/// From the first bytes of the decompressed file.
IdxHeader parse_header(const std::filesystem::path& path, std::span<const std::uint8_t> head,
                       std::size_t n_dimensions) {
    const std::uint8_t expected[] = {0, 0, kUnsignedBytes, static_cast<std::uint8_t>(n_dimensions)};
    if (head.size() < 4 || !std::equal(std::begin(expected), std::end(expected), head.begin())) {
        refuse(path, "is no IDX file of unsigned bytes in " + std::to_string(n_dimensions) +
                         " dimension(s): expected " + hex(expected) + " at its beginning, found " +
                         (head.empty() ? "nothing" : hex(head.first(std::min<std::size_t>(4, head.size())))));
    }
    if (head.size() < 4 + 4 * n_dimensions) {
        refuse(path, "ends inside its header, after " + std::to_string(head.size()) + " of " +
                         std::to_string(4 + 4 * n_dimensions) + " bytes");
    }
    IdxHeader header;
    for (std::size_t i = 0; i < n_dimensions; ++i) {
        const std::uint8_t* b = head.data() + 4 + 4 * i;
        header.sizes.push_back(std::int64_t{b[0]} << 24 | std::int64_t{b[1]} << 16 | std::int64_t{b[2]} << 8 | b[3]);
    }
    return header;
}

/// Refuses sizes that no file of this length can hold, before any memory is asked for.
void expect_possible(const std::filesystem::path& path, const IdxHeader& header, std::size_t most_bytes) {
    std::size_t room = most_bytes;
    for (const std::int64_t n : header.sizes) {
        if (n == 0) return;
        room /= static_cast<std::size_t>(n);
    }
    if (room == 0) {
        refuse(path, "promises " + shape_text(header) +
                         " values in its header, but a file of its length holds at most " + std::to_string(most_bytes) +
                         " bytes; it is damaged");
    }
}

[[noreturn]] void refuse_length(const std::filesystem::path& path, const IdxHeader& header, std::size_t n_bytes) {
    const std::size_t expected = header.n_bytes() + header.n_values();
    refuse(path, "holds " + (n_bytes > expected ? "more than " + std::to_string(expected) : std::to_string(n_bytes)) +
                     " bytes, but its header (" + shape_text(header) + ") promises " + std::to_string(expected) +
                     (n_bytes < expected ? "; it is cut off" : "; something is appended"));
}

/// The first bytes of the content.
std::vector<std::uint8_t> head_of(const std::filesystem::path& path, std::span<const std::uint8_t> file,
                                  std::size_t n_bytes) {
    if (!is_gzip(file))
        return {file.begin(), file.begin() + static_cast<std::ptrdiff_t>(std::min(n_bytes, file.size()))};
    std::vector<std::uint8_t> head(n_bytes);
    const Gunzip got = gunzip_head(file, head);
    if (got.end == Gunzip::End::corrupt) refuse(path, "is not a valid gzip file (" + got.reason + ")");
    if (got.end == Gunzip::End::cut && got.n_written < n_bytes) {
        refuse(path,
               "is cut off: its gzip stream ends inside the header, after " + std::to_string(file.size()) + " bytes");
    }
    head.resize(got.n_written);
    return head;
}

std::unique_ptr<std::uint8_t[]> unpack(const std::filesystem::path& path, std::span<const std::uint8_t> file,
                                       const IdxHeader& header) {
    const std::size_t expected = header.n_bytes() + header.n_values();
    // One byte more than expected, so that what is appended shows.
    auto bytes = std::make_unique_for_overwrite<std::uint8_t[]>(expected + 1);
    const Gunzip got = gunzip(file, {bytes.get(), expected + 1});
    if (got.end == Gunzip::End::corrupt) {
        refuse(path, "is damaged: after " + std::to_string(got.n_written) + " of " + std::to_string(expected) +
                         " bytes its gzip stream is not valid (" + got.reason + ")");
    }
    if (got.end == Gunzip::End::cut) {
        refuse(path, "is cut off: its gzip stream ends after " + std::to_string(got.n_written) + " of " +
                         std::to_string(expected) + " bytes");
    }
    if (got.n_written != expected) refuse_length(path, header, got.n_written);
    if (got.n_read != file.size()) {
        refuse(path, std::to_string(file.size() - got.n_read) + " bytes follow its gzip stream; something is appended");
    }
    return bytes;
}

}  // namespace

std::size_t IdxHeader::n_values() const {
    std::size_t n = 1;
    for (const std::int64_t size : sizes) n *= static_cast<std::size_t>(size);
    return n;
}

IdxHeader read_idx_header(const std::filesystem::path& path, std::size_t n_dimensions) {
    const FileBytes file = read_file(path, kEnoughForHeader);
    IdxHeader header = parse_header(path, head_of(path, file.span(), 4 + 4 * n_dimensions), n_dimensions);
    const auto size = static_cast<std::size_t>(std::filesystem::file_size(path));
    if (is_gzip(file.span())) {
        expect_possible(path, header, kMaxInflation * size);
    } else {
        expect_possible(path, header, size);
        if (size != header.n_bytes() + header.n_values()) refuse_length(path, header, size);
    }
    return header;
}

IdxFile read_idx(const std::filesystem::path& path, std::size_t n_dimensions) {
    IdxFile idx;
    idx.header = read_idx_header(path, n_dimensions);
    FileBytes file = read_file(path, static_cast<std::size_t>(-1));
    if (is_gzip(file.span())) {
        idx.bytes = unpack(path, file.span(), idx.header);
    } else {
        if (file.size != idx.header.n_bytes() + idx.header.n_values()) refuse_length(path, idx.header, file.size);
        idx.bytes = std::move(file.bytes);
    }
    return idx;
}

}  // namespace dv::fashion_mnist
