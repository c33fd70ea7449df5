#include "registry/library_search.hpp"

#include "registry/preflight.hpp"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;

std::string with_origin(std::string folder, const std::string& origin) {
    for (const std::string token : {"${ORIGIN}", "$ORIGIN"}) {
        for (std::size_t at; (at = folder.find(token)) != std::string::npos;) folder.replace(at, token.size(), origin);
    }
    return folder;
}

void add_folders(std::string_view list, const std::string& origin, std::vector<std::string>& out) {
    while (!list.empty()) {
        const std::size_t end = std::min(list.find(':'), list.size());
        if (end > 0) out.push_back(with_origin(std::string(list.substr(0, end)), origin));
        list.remove_prefix(std::min(end + 1, list.size()));
    }
}

/// The folders that the loader uses for this program: its rpath, LD_LIBRARY_PATH, the built-in ones.
std::vector<std::string> program_folders() {
    struct Close {
        void operator()(void* handle) const { dlclose(handle); }
    };
    std::vector<std::string> out;
    const std::unique_ptr<void, Close> program(dlopen(nullptr, RTLD_LAZY));
    Dl_serinfo size{};
    if (!program || dlinfo(program.get(), RTLD_DI_SERINFOSIZE, &size) != 0) return out;
    const auto buffer = std::make_unique<std::max_align_t[]>(size.dls_size / sizeof(std::max_align_t) + 1);
    auto* info = reinterpret_cast<Dl_serinfo*>(buffer.get());
    std::memcpy(info, &size, offsetof(Dl_serinfo, dls_serpath));
    if (dlinfo(program.get(), RTLD_DI_SERINFO, info) != 0) return out;
    for (unsigned i = 0; i < info->dls_cnt; ++i) out.emplace_back(info->dls_serpath[i].dls_name);
    return out;
}

bool is_usable(const fs::path& path) {
    try {
        const PluginFile file = PluginFile::open(path);
        ElfImage image(file.bytes());
        return true;
    } catch (const Refusal&) {
        return false;
    } catch (const ElfError&) {
        return false;
    }
}

/// Looks a soname up in the loader's cache, format "glibc-ld.so.cache1.1": a header of 48 bytes whose word 5 counts the
/// entries of 24 bytes (flags, key, value, ...); key and value are places of strings in the file.
std::vector<fs::path> from_cache(std::string_view name) {
    constexpr std::string_view magic = "glibc-ld.so.cache1.1";
    std::ifstream in("/etc/ld.so.cache", std::ios::binary);
    const std::string cache{std::istreambuf_iterator<char>(in), {}};
    const std::size_t start = cache.find(magic);  // an older format may come first
    if (start == std::string::npos || cache.size() - start < 48) return {};
    const auto word = [&](std::size_t at) {
        std::uint32_t value = 0;
        if (at + sizeof value <= cache.size()) std::memcpy(&value, cache.data() + at, sizeof value);
        return value;
    };
    const auto text = [&](std::uint32_t at) -> std::string_view {
        if (start + at >= cache.size()) return {};
        const char* begin = cache.data() + start + at;
        return {begin, strnlen(begin, cache.size() - start - at)};
    };
    std::vector<fs::path> out;
    const std::uint32_t n_entries = word(start + magic.size());
    for (std::size_t i = 0; i < n_entries && start + 48 + (i + 1) * 24 <= cache.size(); ++i) {
        const std::size_t entry = start + 48 + i * 24;
        if (text(word(entry + 4)) == name) out.emplace_back(text(word(entry + 8)));
    }
    return out;
}

}  // namespace

LibrarySearch::LibrarySearch(const fs::path& file, const ElfDynamic& dynamic) {
    const std::string origin = fs::absolute(file).parent_path().string();
    add_folders(dynamic.runpath.empty() ? dynamic.rpath : dynamic.runpath, origin, folders_);
    for (std::string& folder : program_folders()) {
        if (std::find(folders_.begin(), folders_.end(), folder) == folders_.end())
            folders_.push_back(std::move(folder));
    }
}

std::optional<fs::path> LibrarySearch::find(std::string_view name) const {
    if (name.find('/') != std::string_view::npos) {
        return is_usable(name) ? std::optional<fs::path>(name) : std::nullopt;
    }
    std::vector<fs::path> candidates;
    for (const std::string& folder : folders_) candidates.push_back(fs::path(folder) / name);
    for (fs::path& path : from_cache(name)) candidates.push_back(std::move(path));
    const auto found = std::find_if(candidates.begin(), candidates.end(), [](const fs::path& path) {
        std::error_code ignored;
        return fs::exists(path, ignored) && is_usable(path);
    });
    return found == candidates.end() ? std::nullopt : std::optional<fs::path>(*found);
}

}  // namespace dvhost::registry
