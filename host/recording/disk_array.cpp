#include "recording/disk_array.hpp"

#include "recording/npy_header.hpp"

#include <dv/error.hpp>

#include <ATen/ops/from_blob.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace dvhost::recording {

namespace {

class Descriptor {
public:
    explicit Descriptor(const std::filesystem::path& file)
        : number(open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)) {}
    ~Descriptor() {
        if (number >= 0) close(number);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    const int number;
};

[[noreturn]] void refuse(const std::filesystem::path& file, int why) {
    throw dv::IoError("cannot keep responses in " + file.string() + ": " + std::strerror(why));
}

std::uintptr_t page_size() {
    static const auto size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    return size;
}

}  // namespace

at::Tensor disk_array(const std::filesystem::path& file, const std::vector<std::int64_t>& shape, at::ScalarType type) {
    std::error_code made;
    std::filesystem::create_directories(file.parent_path(), made);
    if (made) throw dv::IoError("cannot make the folder " + file.parent_path().string() + ": " + made.message());
    const std::string header = npy_header(npy_type(type), shape);
    std::size_t n_bytes =
        header.size() + c10::elementSize(type) * static_cast<std::size_t>(c10::multiply_integers(shape));
    const Descriptor descriptor(file);
    if (descriptor.number < 0) refuse(file, errno);
    // A page that cannot be stored later would end the process with a signal.
    if (const int why = posix_fallocate(descriptor.number, 0, static_cast<off_t>(n_bytes))) refuse(file, why);
    void* map = mmap(nullptr, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0);
    if (map == MAP_FAILED) refuse(file, errno);
    std::memcpy(map, header.data(), header.size());
    return at::from_blob(
        static_cast<char*>(map) + header.size(), shape, [map, n_bytes](void*) { munmap(map, n_bytes); },
        at::TensorOptions(at::kCPU).dtype(type));
}

void let_go(const void* data, std::uint64_t n_bytes) {
    const std::uintptr_t page = page_size(), from = reinterpret_cast<std::uintptr_t>(data);
    const std::uintptr_t begin = (from + page - 1) / page * page, end = (from + n_bytes) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace dvhost::recording
