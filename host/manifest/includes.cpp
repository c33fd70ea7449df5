#include "manifest/includes.hpp"

#include "manifest/file_text.hpp"
#include "manifest/interpolate.hpp"
#include "manifest/parse.hpp"
#include "manifest/text.hpp"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

namespace dvhost::manifest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInclude = "include";
/// Files that include each other twice at every level would double for ever.
constexpr std::size_t kMostFiles = 1000;
constexpr std::size_t kLongestChain = 64;

class Reader {
public:
    explicit Reader(std::vector<Problem>& problems) : problems_(problems) {}

    /// `included_from`: the place of the include, or null for a file of the command line.
    void read(const fs::path& path, const Source* included_from) {
        const std::string origin = path.string();
        const Source place = included_from ? *included_from : Source{Source::Kind::file, origin};
        const std::string cannot = included_from ? "cannot include " + in_quotes(origin) + ": " : "";
        if (std::string problem = refused_before_reading(path); !problem.empty()) {
            problems_.push_back({place, cannot + problem});
            return;
        }
        const FileText file = read_file(path);
        if (!file.problem.empty()) {
            problems_.push_back({place, cannot + file.problem});
            return;
        }
        ++files_;
        chain_.push_back({canonical(path), origin});
        const std::size_t before = problems_.size();
        std::optional<Node> tree = parse_document(file.text, origin, problems_);
        if (included_from) {
            for (std::size_t i = before; i < problems_.size(); ++i) {
                problems_[i].message += " (included from " + included_from->text() + ")";
            }
        }
        if (tree) {
            read_includes_of(*tree, path.parent_path());
            tree->erase(kInclude);
            trees_.push_back(std::move(*tree));
        }
        chain_.pop_back();
    }

    std::vector<Node> take_trees() { return std::move(trees_); }

private:
    struct Link {
        fs::path file;
        std::string origin;
    };

    static fs::path canonical(const fs::path& path) {
        std::error_code error;
        fs::path result = fs::canonical(path, error);
        return error ? path : result;
    }

    /// Without "x/.." where that names the same file (behind a symbolic link it need not).
    static fs::path shortened(const fs::path& path) {
        std::error_code error;
        fs::path normal = path.lexically_normal();
        return fs::equivalent(path, normal, error) && !error ? normal : path;
    }

    std::string refused_before_reading(const fs::path& path) const {
        if (path.empty()) return "a file name is empty";
        const fs::path file = canonical(path);
        const auto begin =
            std::find_if(chain_.begin(), chain_.end(), [&](const Link& link) { return link.file == file; });
        if (begin != chain_.end()) {
            std::string circle;
            for (auto link = begin; link != chain_.end(); ++link) circle += printable(link->origin) + " -> ";
            return "the files include each other: " + circle + printable(path.string());
        }
        if (chain_.size() >= kLongestChain)
            return "more than " + std::to_string(kLongestChain) + " files include each other";
        if (files_ >= kMostFiles) return "more than " + std::to_string(kMostFiles) + " files are included";
        return "";
    }

    void read_includes_of(const Node& tree, const fs::path& directory) {
        const Node* const include = tree.find(kInclude);
        if (!include) return;
        if (!include->is_list()) return read_include(*include, directory);
        for (const Node& entry : include->as_list()) read_include(entry, directory);
    }

    void read_include(const Node& entry, const fs::path& directory) {
        const Source& place = entry.source();
        if (!entry.is_string()) {
            problems_.push_back({place, "'include' holds " + std::string(entry.type_name()) +
                                            "; expected a file name or a list of file names"});
            return;
        }
        const std::optional<std::string> name = expand_environment(entry.as_string(), place, problems_);
        if (!name) return;
        if (name->empty() || name->find('\0') != std::string::npos) {
            problems_.push_back({place, "'include' holds " + in_quotes(*name) + "; expected a file name"});
            return;
        }
        read(shortened(directory / *name), &place);
    }

    std::vector<Problem>& problems_;
    std::vector<Node> trees_;
    std::vector<Link> chain_;
    std::size_t files_ = 0;
};

}  // namespace

FileSet read_with_includes(const std::vector<fs::path>& files, std::vector<Problem>& problems) {
    const std::size_t before = problems.size();
    Reader reader(problems);
    for (const fs::path& file : files) reader.read(file, nullptr);
    return {reader.take_trees(), problems.size() == before};
}

}  // namespace dvhost::manifest
