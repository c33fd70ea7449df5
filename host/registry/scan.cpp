#include "registry/scan.hpp"

#include "registry/preflight.hpp"

#include <dv/abi.h>

#include <algorithm>
#include <set>

namespace dvhost::registry {
namespace {

namespace fs = std::filesystem;

/// "abi1", "torch-2.11": directories that say for whom their plugins are built.
class Layout {
public:
    explicit Layout(std::string torch_series) : torch_series_(std::move(torch_series)) {}

    std::string abi() const { return "abi" + std::to_string(DV_ABI_MAJOR); }
    std::string torch() const { return "torch-" + torch_series_; }

    /// Why plugins in a directory of that name are not for this host; "" if they may be.
    std::string not_for_us(const std::string& name) const {
        const auto numbered = [&](std::string_view prefix) {
            return name.starts_with(prefix) && name.size() > prefix.size() &&
                   name.find_first_not_of("0123456789.", prefix.size()) == std::string::npos;
        };
        if (numbered("torch-") && name != torch()) {
            return "for LibTorch " + name.substr(6) + ", this host runs " + torch_series_;
        }
        if (numbered("abi") && name != abi()) {
            return "for plugin ABI " + name.substr(3) + ", this host has " + std::to_string(DV_ABI_MAJOR);
        }
        return "";
    }

private:
    std::string torch_series_;
};

class Walk {
public:
    explicit Walk(std::string torch_series) : layout_(std::move(torch_series)) {}

    void add(const fs::path& path) {
        std::error_code failed;
        const fs::file_status status = fs::status(path, failed);
        if (status.type() == fs::file_type::not_found) {
            set_aside(path, ScanEntry::State::missing_directory, "does not exist", ExitCode::ok);
        } else if (!fs::is_directory(status)) {  // a file, or something whose kind its opening will tell
            out_.files.push_back({path, true});
        } else {
            directory_with_children(path);
            const fs::path abi = path / layout_.abi();
            if (fs::is_directory(abi, failed)) directory_with_children(abi);
            if (fs::is_directory(abi / layout_.torch(), failed)) directory_with_children(abi / layout_.torch());
        }
    }

    Candidates finish() { return std::move(out_); }

private:
    struct Listing {
        std::vector<fs::path> libraries, folders;
    };

    void directory_with_children(const fs::path& path) {
        for (const fs::path& folder : directory(path)) {
            const std::string why = layout_.not_for_us(folder.filename().string());
            if (why.empty()) {
                directory(folder);
            } else if (first_visit(folder)) {
                set_aside(folder, ScanEntry::State::skipped_directory, why, ExitCode::ok);
            }
        }
    }

    /// Takes the libraries of one directory and gives its sub-directories; nothing when it was looked into before.
    std::vector<fs::path> directory(const fs::path& path) {
        const bool first = first_visit(path);
        const std::string open_to_all = world_writable(path);
        if (!open_to_all.empty() && refuses_world_writable()) {
            if (first) set_aside(path, ScanEntry::State::skipped_directory, open_to_all, ExitCode::rejected);
            return {};
        }
        if (!first) return listing_of(path).folders;
        std::error_code failed;
        Listing listing = listing_of(path, &failed);
        if (failed) {
            set_aside(path, ScanEntry::State::skipped_directory, "cannot be read: " + failed.message(),
                      ExitCode::not_found);
        } else if (listing.libraries.size() > kMaxCandidates) {
            set_aside(path, ScanEntry::State::skipped_directory,
                      std::to_string(listing.libraries.size()) + " files end in .so, allowed are " +
                          std::to_string(kMaxCandidates),
                      ExitCode::not_found);
        } else {
            for (fs::path& library : listing.libraries) out_.files.push_back({std::move(library), false});
        }
        return listing.folders;
    }

    static Listing listing_of(const fs::path& path, std::error_code* failed = nullptr) {
        std::error_code error;
        Listing out;
        for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
            const fs::path& entry = it->path();
            if (entry.filename().native().starts_with('.')) continue;
            std::error_code dangling;
            const bool is_folder = it->is_directory(dangling);
            if (entry.extension() == ".so") {
                out.libraries.push_back(entry);  // a directory of that name too: its check says what it is
            } else if (is_folder) {
                out.folders.push_back(entry);
            }
        }
        if (failed) *failed = error;
        std::sort(out.libraries.begin(), out.libraries.end());
        std::sort(out.folders.begin(), out.folders.end());
        return out;
    }

    bool first_visit(const fs::path& path) {
        std::error_code failed;
        const fs::path real = fs::canonical(path, failed);
        return visited_.insert(failed ? path : real).second;
    }

    void set_aside(const fs::path& path, ScanEntry::State state, std::string reason, ExitCode code) {
        out_.set_aside.push_back({path, state, std::move(reason), code, std::nullopt});
    }

    Layout layout_;
    std::set<fs::path> visited_;
    Candidates out_;
};

}  // namespace

Candidates find_candidates(const std::vector<SearchDirectory>& directories, const std::string& torch_series) {
    Walk walk(torch_series);
    for (const SearchDirectory& directory : directories) walk.add(directory.path);
    return walk.finish();
}

}  // namespace dvhost::registry
