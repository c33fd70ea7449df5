#include "registry/preflight.hpp"

#include "registry/fingerprint.hpp"
#include "registry/note.hpp"
#include "registry/registry.hpp"

#include <dv/abi.h>

#include <fcntl.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;

std::string mode_text(mode_t mode) {
    char text[8];
    std::snprintf(text, sizeof text, "%03o", mode & 07777u);
    return text;
}

std::string owner_name(uid_t id) {
    char buffer[1024];
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(id, &entry, buffer, sizeof buffer, &found) == 0 && found) return found->pw_name;
    return std::to_string(id);
}

std::string kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "directory";
    if (S_ISFIFO(mode)) return "fifo";
    if (S_ISSOCK(mode)) return "socket";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "device";
    return "unknown kind";
}

/// Why open() or stat() failed with `error`, with what a person needs to put it right.
std::string reason_for(const fs::path& path, int error) {
    struct stat status {};
    const bool is_link = lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    switch (error) {
        case ENOENT: {
            if (!is_link) return "does not exist";
            std::error_code ignored;
            return "dangling symbolic link to " + fs::read_symlink(path, ignored).string();
        }
        case ELOOP: return "symbolic link loop";
        case EACCES:
            if (stat(path.c_str(), &status) != 0) return "permission denied (a directory on the way)";
            return "permission denied (mode " + mode_text(status.st_mode) + ", owner " + owner_name(status.st_uid) +
                   ")";
        default: return std::generic_category().message(error);
    }
}

FileIdentity identity_of(const struct stat& s) {
    return {s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec * 1'000'000'000 + s.st_mtim.tv_nsec};
}

[[noreturn]] void refuse(const fs::path& path, const std::string& reason, ExitCode code) {
    throw Refusal(path.string(), reason, code);
}

}  // namespace

std::string world_writable(const fs::path& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || (status.st_mode & S_IWOTH) == 0) return "";
    return "world-writable (mode " + mode_text(status.st_mode) + "): anyone could put code there; chmod o-w " +
           path.string();
}

namespace {

/// The same for a file: itself, or the directory in which anyone could put another one in its place.
std::string open_to_anyone(const fs::path& file) {
    if (std::string why = world_writable(file); !why.empty()) return why;
    std::error_code failed;
    const fs::path folder = fs::canonical(file, failed).parent_path();
    struct stat status {};
    const bool sticky = stat(folder.c_str(), &status) == 0 && (status.st_mode & S_ISVTX) != 0;
    const std::string why = failed || sticky ? "" : world_writable(folder);
    return why.empty() ? "" : "its directory is " + why;
}

}  // namespace

bool refuses_world_writable() { return geteuid() == 0; }

PluginFile PluginFile::open(const fs::path& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) refuse(path, reason_for(path, errno), ExitCode::not_found);
    if (!S_ISREG(status.st_mode)) {  // before open(): opening a device may have effects
        refuse(path, "not a regular file (" + kind_of(status.st_mode) + ")", ExitCode::not_found);
    }
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0) refuse(path, reason_for(path, errno), ExitCode::not_found);
    return PluginFile(path, descriptor);
}

PluginFile::PluginFile(fs::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {
    struct stat status {};
    std::string problem;
    ExitCode code = ExitCode::not_found;
    if (fstat(descriptor_, &status) != 0) {
        problem = std::generic_category().message(errno);
    } else if (!S_ISREG(status.st_mode)) {
        problem = "not a regular file (" + kind_of(status.st_mode) + ")";
    } else if (warning_ = open_to_anyone(path_); !warning_.empty() && refuses_world_writable()) {
        problem = warning_;
        code = ExitCode::rejected;
    } else if (identity_ = identity_of(status); identity_.size > 0) {
        const auto size = static_cast<std::size_t>(identity_.size);
        void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor_, 0);
        if (mapped == MAP_FAILED) {
            problem = "cannot be read: " + std::generic_category().message(errno);
        } else {
            bytes_ = {static_cast<const std::byte*>(mapped), size};
        }
    }
    if (problem.empty()) return;
    close(descriptor_);
    refuse(path_, problem, code);
}

PluginFile::PluginFile(PluginFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      identity_(other.identity_),
      bytes_(std::exchange(other.bytes_, {})),
      warning_(std::move(other.warning_)) {}

PluginFile::~PluginFile() {
    if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
    if (descriptor_ >= 0) close(descriptor_);
}

FileIdentity PluginFile::current_identity() const {
    struct stat status {};
    return fstat(descriptor_, &status) == 0 ? identity_of(status) : FileIdentity{};
}

ElfImage checked_image(const PluginFile& file) {
    try {
        ElfImage image(file.bytes());
        if (image.dynamic().executable) throw ElfError("not a shared object (position-independent executable)");
        return image;
    } catch (const ElfError& error) {
        refuse(file.path(), error.what(), ExitCode::rejected);
    }
}

namespace {

/// "built for plugin ABI 2.0, this host has 1.0" or "".
std::string abi_problem(const PluginInfo& info) {
    if (info.abi_major == DV_ABI_MAJOR) return "";
    return "plugin '" + info.id + "' " + info.version + " is built for plugin ABI " + std::to_string(info.abi_major) +
           "." + std::to_string(info.abi_minor) + ", this host has " + std::to_string(DV_ABI_MAJOR) + "." +
           std::to_string(DV_ABI_MINOR) + "; rebuild it with this host's SDK";
}

std::optional<PluginInfo> noted(const PluginFile& file, const ElfImage& image) {
    try {
        auto info = read_notes(image);
        if (info) info->path = file.path();
        return info;
    } catch (const NoteError& error) {
        refuse(file.path(), error.what(), ExitCode::rejected);
    } catch (const ElfError& error) {
        refuse(file.path(), error.what(), ExitCode::rejected);
    }
}

}  // namespace

Inspection inspect_file(const PluginFile& file) {
    Inspection out;
    try {
        const ElfImage image = checked_image(file);
        out.info = noted(file, image);
        if (!out.info) return out;
        if (!file.warning().empty()) out.warnings.push_back(file.warning());
        if (const std::string problem = abi_problem(*out.info); !problem.empty()) {
            refuse(file.path(), problem, ExitCode::rejected);
        }
        if (out.info->fingerprints.empty()) return out;
        const auto differences = compare_fingerprints(out.info->fingerprints, host_fingerprint());
        if (!differences.rejected.empty()) {
            refuse(file.path(), fingerprint_refusal(out.info->id, out.info->version, differences.rejected),
                   ExitCode::rejected);
        }
        out.warnings.insert(out.warnings.end(), differences.warned.begin(), differences.warned.end());
        return out;
    } catch (const Refusal& refusal) {
        throw Refused(refusal, out.info);
    } catch (const NoteError& error) {
        throw Refused(Refusal(file.path().string(), error.what(), ExitCode::rejected), out.info);
    }
}

PluginInfo inspect(const fs::path& path) {
    const PluginFile file = PluginFile::open(path);
    Inspection found = inspect_file(file);
    if (!found.info) refuse(path, "no dvhost note; not a plugin", ExitCode::rejected);
    return std::move(*found.info);
}

}  // namespace dvhost::registry
