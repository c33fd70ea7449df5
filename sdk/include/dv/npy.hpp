#pragma once
/// NumPy's .npy files: read through a memory map, written as a whole or not at all.
///
/// C order, little endian, of the types below; anything else is refused with what would do. Format: numpy.lib.format, versions
/// 1 to 3.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dv::npy {

enum class Type { float32, float64, uint8, int32, int64 };

std::size_t size_of(Type type);
/// "float32", as NumPy calls it.
std::string_view name_of(Type type);

using Shape = std::vector<std::int64_t>;

/// "[10, 3, 32, 32]".
std::string text_of(const Shape& shape);

/// What stands before the values.
struct Header {
    Type type = Type::float32;
    Shape shape;
    std::size_t n_bytes = 0;   ///< of the header: where the values begin
    std::size_t n_values = 1;  ///< the product of the shape

    std::size_t file_size() const { return n_bytes + n_values * size_of(type); }
};

/// Reads the header at the beginning of a file's bytes. `file` is named in errors. Throws IoError: no .npy file, a format or type that
/// is not read, Fortran order, big endian, a shape too large to count.
Header read_header(std::span<const std::byte> bytes, const std::string& file);

/// An open file. Moves, does not copy. Const functions: any thread.
class Array {
public:
    /// Throws IoError naming the file: missing, a folder, not readable, as read_header(), fewer or more bytes than the header says.
    explicit Array(std::filesystem::path file);
    ~Array();
    Array(Array&& other) noexcept;
    Array& operator=(Array&& other) noexcept;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;

    const std::filesystem::path& file() const { return file_; }
    Type type() const { return header_.type; }
    const Shape& shape() const { return header_.shape; }
    std::size_t n_values() const { return header_.n_values; }
    /// The values, in C order; size_of(type()) bytes each. Valid while this object lives.
    std::span<const std::byte> bytes() const;

private:
    void unmap() noexcept;
    std::filesystem::path file_;
    Header header_;
    const std::byte* map_ = nullptr;
    std::size_t map_size_ = 0;
};

/// Writes a file piece by piece under a temporary name in the same folder; commit() syncs and renames it. Without commit() nothing is
/// left behind.
class Writer {
public:
    /// Makes the folder. Throws IoError with path and reason.
    Writer(std::filesystem::path file, Type type, const Shape& shape);
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// The next values, in C order. Throws IoError with path and reason (a full disk).
    void append(std::span<const std::byte> values);
    /// Precondition: as many values as the shape holds have been appended. Throws IoError.
    void commit();

private:
    void write_all(const void* data, std::size_t n);
    std::filesystem::path file_, temporary_;
    std::size_t missing_ = 0;  // bytes
    int descriptor_ = -1;
    bool committed_ = false;
};

}  // namespace dv::npy
