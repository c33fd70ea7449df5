#include <dv/npy.hpp>

#include <dv/error.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <utility>

namespace dv::npy {

namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& file, int error) {
    throw IoError("cannot " + std::string(what) + " " + file.string() + ": " + std::strerror(error));
}

/// Closes what is open when a constructor fails.
struct Descriptor {
    int number;
    ~Descriptor() {
        if (number >= 0) close(number);
    }
};

std::string header_text(Type type, const Shape& shape) {
    static constexpr const char* kCodes[] = {"<f4", "<f8", "|u1", "<i4", "<i8"};
    std::string tuple;
    for (const std::int64_t n : shape) tuple += std::to_string(n) + ", ";
    if (shape.size() > 1) tuple.resize(tuple.size() - 2);
    std::string dict = "{'descr': '" + std::string(kCodes[static_cast<std::size_t>(type)]) +
                       "', 'fortran_order': False, 'shape': (" + tuple + "), }";
    constexpr std::size_t kBefore = 10;  // magic, version, length
    dict.append((64 - (kBefore + dict.size() + 1) % 64) % 64, ' ');
    dict += '\n';
    std::string out("\x93NUMPY\x01\x00", 8);
    out += static_cast<char>(dict.size() & 0xff);
    out += static_cast<char>(dict.size() >> 8);
    return out + dict;
}

}  // namespace

Array::Array(std::filesystem::path file) : file_(std::move(file)) {
    const Descriptor descriptor{open(file_.c_str(), O_RDONLY | O_CLOEXEC)};
    if (descriptor.number < 0) fail("open", file_, errno);
    struct stat facts {};
    if (fstat(descriptor.number, &facts) != 0) fail("look at", file_, errno);
    if (!S_ISREG(facts.st_mode)) throw IoError(file_.string() + " is no file: an .npy file is expected");
    map_size_ = static_cast<std::size_t>(facts.st_size);
    if (map_size_ == 0) throw IoError(file_.string() + " is empty: an .npy file is expected");
    void* map = mmap(nullptr, map_size_, PROT_READ, MAP_SHARED, descriptor.number, 0);
    if (map == MAP_FAILED) fail("map", file_, errno);
    map_ = static_cast<const std::byte*>(map);
    try {
        header_ = read_header({map_, map_size_}, file_.string());
        if (map_size_ != header_.file_size()) {
            throw IoError(file_.string() + (map_size_ < header_.file_size() ? " is cut short" : " is too long") +
                          ": its header promises " + std::string(name_of(header_.type)) + " " + text_of(header_.shape) +
                          ", " + std::to_string(header_.file_size()) + " bytes in all, and it has " +
                          std::to_string(map_size_));
        }
    } catch (...) {
        unmap();
        throw;
    }
}

Array::~Array() { unmap(); }

Array::Array(Array&& other) noexcept
    : file_(std::move(other.file_)),
      header_(std::move(other.header_)),
      map_(std::exchange(other.map_, nullptr)),
      map_size_(std::exchange(other.map_size_, 0)) {}

Array& Array::operator=(Array&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(header_, other.header_);
    std::swap(map_, other.map_);
    std::swap(map_size_, other.map_size_);
    return *this;
}

std::span<const std::byte> Array::bytes() const {
    return {map_ + header_.n_bytes, header_.n_values * size_of(header_.type)};
}

void Array::unmap() noexcept {
    if (map_ != nullptr) munmap(const_cast<std::byte*>(map_), map_size_);
    map_ = nullptr;
}

Writer::Writer(std::filesystem::path file, Type type, const Shape& shape) : file_(std::move(file)), temporary_(file_) {
    temporary_ += ".tmp";
    missing_ = size_of(type);
    for (const std::int64_t n : shape) missing_ *= static_cast<std::size_t>(n);
    if (file_.has_parent_path()) {
        std::error_code made;
        std::filesystem::create_directories(file_.parent_path(), made);
        if (made) throw IoError("cannot make the folder " + file_.parent_path().string() + ": " + made.message());
    }
    descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("create", temporary_, errno);
    const std::string header = header_text(type, shape);
    try {
        write_all(header.data(), header.size());
    } catch (...) {
        close(descriptor_);
        unlink(temporary_.c_str());
        throw;
    }
}

Writer::~Writer() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!committed_) unlink(temporary_.c_str());
}

void Writer::append(std::span<const std::byte> values) {
    if (values.size() > missing_) throw Error("more values than the shape of " + file_.string() + " holds");
    write_all(values.data(), values.size());
    missing_ -= values.size();
}

void Writer::commit() {
    if (missing_ != 0)
        throw Error(std::to_string(missing_) + " bytes fewer than the shape of " + file_.string() + " holds");
    if (fsync(descriptor_) != 0) fail("sync", temporary_, errno);
    if (rename(temporary_.c_str(), file_.c_str()) != 0) fail("rename a finished file to", file_, errno);
    committed_ = true;
}

void Writer::write_all(const void* data, std::size_t n) {
    const auto* bytes = static_cast<const char*>(data);
    for (std::size_t done = 0; done < n;) {
        const ssize_t written = ::write(descriptor_, bytes + done, n - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write", temporary_, errno);
        done += static_cast<std::size_t>(written);
    }
}

}  // namespace dv::npy
