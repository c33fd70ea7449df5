#include "registry/dependencies.hpp"

#include "registry/library_search.hpp"
#include "registry/printable.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <memory>
#include <set>
#include <unordered_set>

namespace dvhost::registry {
namespace {

struct CloseLibrary {
    void operator()(void* handle) const { dlclose(handle); }
};
using Loaded = std::unique_ptr<void, CloseLibrary>;

/// A library that is in the process already, found as the loader finds it: by path or by soname.
Loaded loaded(const char* name) { return Loaded(dlopen(name, RTLD_LAZY | RTLD_NOLOAD)); }

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_python(std::string_view name) {
    return file_name(name).starts_with("libpython") || file_name(name).starts_with("libtorch_python");
}
bool is_torch(std::string_view name) {
    return file_name(name).starts_with("libtorch") || file_name(name).starts_with("libc10");
}
/// What every torch-class plugin links, whatever the program that looks at it has loaded.
bool is_torch_core(std::string_view name) { return name == "libtorch_cpu.so" || name == "libc10.so"; }

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + text;
    return out;
}

std::string demangled(std::string_view name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
    return printable(status == 0 && text ? std::string_view(text.get()) : name);
}

/// Everything that would be in a plugin's reach once it is loaded.
class Scope {
public:
    Scope(const PluginFile& file, const ElfImage& image) {
        add_needed(file.path(), image, "");
        while (!pending_.empty()) {
            const auto path = std::move(pending_.front());
            pending_.pop_front();
            add_file(path);
        }
    }

    const std::vector<std::string>& missing() const { return missing_; }    ///< "libx.so (needed by liby.so)"
    const std::vector<std::string>& searched() const { return searched_; }  ///< in the order of the search

    bool offers(const ElfSymbol& symbol) const {
        const std::string name(symbol.name), version(symbol.version);
        const auto has = [&](void* handle) {
            dlerror();
            const void* address =
                version.empty() ? dlsym(handle, name.c_str()) : dlvsym(handle, name.c_str(), version.c_str());
            return address != nullptr || dlerror() == nullptr;  // a name may stand for address 0
        };
        return offered_.contains(name) || has(program_.get()) ||
               std::any_of(loaded_.begin(), loaded_.end(), [&](const Loaded& library) { return has(library.get()); });
    }

private:
    void add_needed(const std::filesystem::path& path, const ElfImage& image, const std::string& by) {
        const ElfDynamic dynamic = image.dynamic();
        std::optional<LibrarySearch> search;  // costs something, and mostly everything is loaded already
        for (const std::string_view needed : dynamic.needed) {
            const std::string name(needed);
            if (!seen_.insert(name).second) continue;
            if (Loaded library = loaded(name.c_str())) {
                loaded_.push_back(std::move(library));
                continue;
            }
            if (!search) search.emplace(path, dynamic);
            if (const auto found = search->find(name)) {
                pending_.push_back(*found);
            } else {
                missing_.push_back(printable(name) + (by.empty() ? "" : " (needed by " + by + ")"));
                add_searched(search->folders());
            }
        }
    }

    void add_searched(const std::vector<std::string>& folders) {
        for (const std::string& folder : folders) {
            if (std::find(searched_.begin(), searched_.end(), folder) == searched_.end()) searched_.push_back(folder);
        }
    }

    void add_file(const std::filesystem::path& path) {
        try {
            const PluginFile file = PluginFile::open(path);
            const ElfImage image(file.bytes());
            for (const ElfSymbol& symbol : image.exports()) offered_.emplace(symbol.name);
            add_needed(path, image, path.filename().string());
        } catch (const std::runtime_error& error) {
            missing_.push_back(path.string() + " (" + error.what() + ")");
        }
    }

    Loaded program_{dlopen(nullptr, RTLD_LAZY)};
    std::vector<Loaded> loaded_;
    std::unordered_set<std::string> offered_;  ///< by libraries that are found but not loaded
    std::set<std::string> seen_;
    std::deque<std::filesystem::path> pending_;
    std::vector<std::string> missing_, searched_;
};

[[noreturn]] void refuse(const PluginFile& file, const std::string& reason) {
    throw Refusal(file.path().string(), reason, ExitCode::rejected);
}

void check_python_and_torch(const PluginFile& file, const ElfImage& image) {
    std::vector<std::string> python, torch;
    for (const std::string_view needed : image.dynamic().needed) {
        const std::string name(needed);
        if (is_python(name)) {
            python.push_back(printable(name));
        } else if (is_torch(name) && !is_torch_core(name) && !loaded(name.c_str())) {
            torch.push_back(printable(name));
        }
    }
    if (!python.empty()) {
        refuse(file,
               "needs " + joined(python) + ": plugins run without Python; link torch_cpu and c10, not torch_python");
    }
    if (!torch.empty()) {
        refuse(file, "needs " + joined(torch) +
                         ", which this host has not loaded: it would bring a second LibTorch into the process; "
                         "link torch_cpu and c10, and take the rest from the host");
    }
}

}  // namespace

void check_needed_libraries(const PluginFile& file, const ElfImage& image) {
    try {
        check_python_and_torch(file, image);
        const Scope scope(file, image);
        if (scope.missing().empty()) return;
        refuse(file, "needed libraries are missing: " + joined(scope.missing()) +
                         "; searched: " + joined(scope.searched()) +
                         " and the loader's cache. Install them, or put them beside the plugin and link it with "
                         "-Wl,-rpath,'$ORIGIN'");
    } catch (const ElfError& error) {
        refuse(file, error.what());
    }
}

void check_imports(const PluginFile& file, const ElfImage& image) {
    try {
        const Scope scope(file, image);
        std::vector<std::string> missing;
        for (const ElfSymbol& symbol : image.imports()) {
            if (symbol.weak || scope.offers(symbol)) continue;
            const std::string version = symbol.version.empty() ? "" : "@" + std::string(symbol.version);
            missing.push_back(demangled(symbol.name) + version);
        }
        if (missing.empty()) return;
        std::sort(missing.begin(), missing.end());
        const std::string count = std::to_string(missing.size()) + (missing.size() == 1 ? " name" : " names");
        refuse(file, "imports " + count + " that no library offers: " + joined(missing) +
                         ". Link the library that has them; -Wl,-z,defs finds them at build time");
    } catch (const ElfError& error) {
        refuse(file, error.what());
    }
}

}  // namespace dvhost::registry
