#include "logging/segment.hpp"

#include <dv/error.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace dvhost::logging {

/// The first 32 bytes.
struct Segment::Header {
    char magic[8];
    std::uint32_t capacity;
    std::uint32_t end;     // records in use + 1; 0: still being written
    std::uint64_t number;  // place in the order + 1; 0: not in use
    std::uint64_t unused;
};

namespace {

constexpr char kMagic[] = {'D', 'V', 'S', 'P', 'O', 'O', 'L', '2'};
constexpr std::uint64_t kInMemory = std::uint64_t{1} << 63;  // in a blob's offset: it could not be written

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& file, int reason) {
    throw dv::IoError(what + " '" + file.string() + "': " + std::generic_category().message(reason));
}

/// An open file that closes itself.
struct File {
    int fd;
    explicit File(int opened) : fd(opened) {}
    ~File() {
        if (fd >= 0) ::close(fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
};

/// Every page present and writable, so that the first write of a record costs nothing more.
void touch(void* memory, std::size_t bytes) {
#ifdef MADV_POPULATE_WRITE
    if (::madvise(memory, bytes, MADV_POPULATE_WRITE) == 0) return;
#endif
    std::memset(memory, 0, bytes);
}

bool write_all(int fd, const void* data, std::size_t size, std::uint64_t at) {
    const char* p = static_cast<const char*>(data);
    while (size > 0) {
        const ssize_t n = ::pwrite(fd, p, size, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n, at += static_cast<std::uint64_t>(n), size -= static_cast<std::size_t>(n);
    }
    return true;
}

bool read_all(int fd, void* data, std::size_t size, std::uint64_t at) {
    char* p = static_cast<char*>(data);
    while (size > 0) {
        const ssize_t n = ::pread(fd, p, size, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n, at += static_cast<std::uint64_t>(n), size -= static_cast<std::size_t>(n);
    }
    return true;
}

}  // namespace

Segment::Header& Segment::header() const { return *static_cast<Header*>(memory_); }

Segment::Segment(std::filesystem::path file, void* memory, std::size_t bytes)
    : file_(std::move(file)), memory_(memory), bytes_(bytes), capacity_(header().capacity),
      records_(static_cast<Record*>(memory) + 1) {
    static_assert(sizeof(Header) == sizeof(Record));
}

std::unique_ptr<Segment> Segment::make(std::filesystem::path path, std::uint32_t n_records) {
    const std::size_t bytes = (std::size_t{n_records} + 1) * sizeof(Record);
    const File file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.fd < 0) fail("cannot make", path, errno);
    // Not ftruncate: a hole that cannot be filled later would end the process by SIGBUS, in the middle of a training step.
    if (const int reason = ::posix_fallocate(file.fd, 0, static_cast<off_t>(bytes)); reason != 0) {
        ::unlink(path.c_str());
        fail("no room for", path, reason);
    }
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
    if (memory == MAP_FAILED) {
        const int reason = errno;
        ::unlink(path.c_str());
        fail("cannot map", path, reason);
    }
    touch(memory, bytes);
    Header head{{}, n_records, 0, 0, 0};
    std::memcpy(head.magic, kMagic, sizeof kMagic);
    std::memcpy(memory, &head, sizeof head);
    return std::unique_ptr<Segment>(new Segment(std::move(path), memory, bytes));
}

std::unique_ptr<Segment> Segment::make_in_memory(std::uint32_t n_records) {
    const std::size_t bytes = (std::size_t{n_records} + 1) * sizeof(Record);
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw dv::Error("no memory for what waits to be logged");
    static_cast<Header*>(memory)->capacity = n_records;
    return std::unique_ptr<Segment>(new Segment({}, memory, bytes));
}

std::unique_ptr<Segment> Segment::open(std::filesystem::path path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts {};
    if (file.fd < 0 || ::fstat(file.fd, &facts) != 0) fail("cannot read", path, errno);
    const auto bytes = static_cast<std::size_t>(facts.st_size);
    Header head{};
    const bool right = bytes >= sizeof head && read_all(file.fd, &head, sizeof head, 0) &&
                       std::memcmp(head.magic, kMagic, sizeof kMagic) == 0 &&
                       (std::size_t{head.capacity} + 1) * sizeof(Record) <= bytes;
    if (!right) throw dv::IoError("'" + path.string() + "' is no part of a spool, or it was cut off");
    // A copy of our own: reading a row whose numbers never came marks it so.
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file.fd, 0);
    if (memory == MAP_FAILED) fail("cannot map", path, errno);
    return std::unique_ptr<Segment>(new Segment(std::move(path), memory, bytes));
}

Segment::~Segment() {
    ::munmap(memory_, bytes_);
    if (blob_fd_ >= 0) ::close(blob_fd_);
}

std::uint32_t Segment::end() const {
    const std::uint32_t end = std::atomic_ref(header().end).load(std::memory_order_acquire);
    return end == 0 || end > capacity_ ? capacity_ : end - 1;
}

void Segment::set_number(std::uint64_t number) {
    std::atomic_ref(header().number).store(number + 1, std::memory_order_release);
}

std::optional<std::uint64_t> Segment::number_of(const std::filesystem::path& path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    Header head{};
    if (file.fd < 0 || !read_all(file.fd, &head, sizeof head, 0) || std::memcmp(head.magic, kMagic, sizeof kMagic) != 0) return std::nullopt;
    return head.number == 0 ? std::nullopt : std::optional(head.number - 1);
}

void Segment::close_at(std::uint32_t n_records) {
    std::atomic_ref(header().end).store(n_records + 1, std::memory_order_release);
}

std::span<Record> Segment::item(std::uint32_t at) const {
    for (std::uint32_t i = at; i < capacity_ && is_published(records_[i], i); ++i) {
        if (ends_item(records_[i])) return {records_ + at, records_ + i + 1};
    }
    return {};
}

std::span<Record> Segment::torn_item(std::uint32_t at) const {
    std::uint32_t i = at;
    while (i < capacity_ && is_published(records_[i], i)) ++i;
    return {records_ + at, records_ + i};
}

std::filesystem::path Segment::blob_file() const { return std::filesystem::path(file_).replace_extension(".blob"); }

std::uint64_t Segment::keep_blob(std::string_view bytes) {
    const std::lock_guard lock(blobs_);
    const std::uint64_t at = blob_size_;
    if (is_file() && blob_fd_ < 0) {
        blob_fd_ = ::open(blob_file().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    }
    const std::uint64_t size = bytes.size();
    if (blob_fd_ >= 0 && write_all(blob_fd_, &size, sizeof size, at) &&
        write_all(blob_fd_, bytes.data(), bytes.size(), at + sizeof size)) {
        blob_size_ += sizeof size + bytes.size();
        return at;
    }
    const std::uint64_t offset = kInMemory | blobs_in_memory_.size();
    blobs_in_memory_.emplace(offset, bytes);
    return offset;
}

std::string Segment::blob(std::uint64_t offset) const {
    const std::lock_guard lock(blobs_);
    if ((offset & kInMemory) != 0) {
        const auto found = blobs_in_memory_.find(offset);
        if (found == blobs_in_memory_.end()) throw dv::Error("it was kept in the memory of a process that is gone");
        return found->second;
    }
    if (blob_fd_ < 0) blob_fd_ = ::open(blob_file().c_str(), O_RDONLY | O_CLOEXEC);
    struct stat facts {};
    std::uint64_t size = 0;
    if (blob_fd_ < 0 || ::fstat(blob_fd_, &facts) != 0 || !read_all(blob_fd_, &size, sizeof size, offset) ||
        size > static_cast<std::uint64_t>(facts.st_size)) {
        throw dv::IoError("'" + blob_file().string() + "' does not hold it");
    }
    std::string bytes(size, '\0');
    if (!read_all(blob_fd_, bytes.data(), size, offset + sizeof size)) {
        throw dv::IoError("'" + blob_file().string() + "' does not hold all of it");
    }
    return bytes;
}

void Segment::clear() {
    std::atomic_ref(header().number).store(0, std::memory_order_release);  // first: who is killed here leaves no half of it
    std::memset(records_, 0, std::size_t{capacity_} * sizeof(Record));
    std::atomic_ref(header().end).store(0, std::memory_order_release);
    const std::lock_guard lock(blobs_);
    if (blob_fd_ >= 0) {
        ::close(blob_fd_);
        ::unlink(blob_file().c_str());
    }
    blob_fd_ = -1;
    blob_size_ = 0;
    blobs_in_memory_.clear();
}

void Segment::remove() {
    if (!is_file()) return;
    ::unlink(file_.c_str());
    ::unlink(blob_file().c_str());
}

}  // namespace dvhost::logging
