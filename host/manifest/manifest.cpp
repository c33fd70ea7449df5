#include "manifest/manifest.hpp"

#include "manifest/includes.hpp"
#include "manifest/interpolate.hpp"
#include "manifest/merge.hpp"
#include "manifest/overrides.hpp"

#include <utility>

namespace dvhost::manifest {
namespace {

std::string joined(const std::vector<Problem>& problems) {
    std::string out;
    for (const Problem& problem : problems) out += (out.empty() ? "" : "\n") + problem.text();
    return out;
}

}  // namespace

std::string Problem::text() const {
    const bool has_place = where.kind != Source::Kind::fallback && !where.origin.empty();
    return has_place ? where.text() + ": " + message : message;
}

ManifestError::ManifestError(std::vector<Problem> found)
    : std::runtime_error(joined(found)), problems(std::move(found)) {}

Node load(const LoadRequest& request) {
    std::vector<Problem> problems;
    if (request.files.empty()) {
        const Source nowhere;
        problems.push_back({nowhere, "no manifest is given; name at least one TOML file"});
    }
    FileSet files = read_with_includes(request.files, problems);
    const bool files_complete = files.complete && problems.empty();
    Node root = merge(std::move(files.trees), problems);
    apply_overrides(root, request.overrides, files_complete, problems);
    interpolate(root, problems.empty(), problems);
    if (!problems.empty()) throw ManifestError(std::move(problems));
    return root;
}

}  // namespace dvhost::manifest
