#pragma once
/// Small IDX files for tests.

#include <zlib.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace dv::fashion_mnist::testing {

using Bytes = std::vector<std::uint8_t>;

/// An IDX file of unsigned bytes.
inline Bytes idx(const std::vector<std::uint32_t>& sizes, const Bytes& values) {
    Bytes file{0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
    for (const std::uint32_t n : sizes) {
        for (const int shift : {24, 16, 8, 0}) file.push_back(static_cast<std::uint8_t>(n >> shift));
    }
    file.insert(file.end(), values.begin(), values.end());
    return file;
}

inline Bytes gzip(const Bytes& content) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    Bytes file(deflateBound(&stream, content.size()) + 64);
    stream.next_in = const_cast<Bytef*>(content.data());
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = file.data();
    stream.avail_out = static_cast<uInt>(file.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    file.resize(stream.total_out);
    deflateEnd(&stream);
    return file;
}

inline Bytes first(const Bytes& bytes, std::size_t n) { return {bytes.begin(), bytes.begin() + static_cast<long>(n)}; }
inline Bytes joined(Bytes bytes, const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return bytes;
}
/// n values that do not compress to nothing.
inline Bytes values(std::size_t n) {
    Bytes bytes(n);
    std::uint32_t state = 1;
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
    return bytes;
}

/// A folder that is removed at the end.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "idx.XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const std::string& name, const Bytes& bytes) const {
        std::ofstream(path_ / name, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        return path_ / name;
    }

private:
    std::filesystem::path path_;
};

}  // namespace dv::fashion_mnist::testing
