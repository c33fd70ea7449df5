#pragma once
/// From files and the command line to one Node. Knows TOML, includes, overrides and interpolation; knows no plugin.

#include "manifest/node.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace dvhost::manifest {

/// One thing that is wrong, with its place. `text()` is what people see:
/// "m.toml:9:13: [model.recurrence] 'kernel' is 40: must be between 1 and 31 (dynvision.recurrence.full)".
struct Problem {
    Source where;
    std::string message;
    std::string text() const;
};

/// All that is wrong with a manifest, at once. `what()` joins the texts, one per line.
struct ManifestError : std::runtime_error {
    explicit ManifestError(std::vector<Problem> found);
    std::vector<Problem> problems;
};

struct LoadRequest {
    std::vector<std::filesystem::path> files;  ///< merged left to right; tables key by key, other values replaced
    std::vector<std::string> overrides;        ///< "path.to.key=VALUE", in order
};

/// Reads, merges, overrides and interpolates. Throws ManifestError with every problem that could be found.
///
///  - `include = ["a.toml"]` (or one string) in a file: those files first, relative to the including file; the
///    including file's keys win. Refused: a cycle (the message shows the chain), a missing file, a file that is not
///    TOML. `${env:NAME}` may stand in it. The key is taken out of the tree.
///  - `[merge] callback = "append"` in a file: its list is appended to the earlier one instead of replacing it. The
///    table is taken out of the tree.
///  - Not UTF-8, empty (or only comments), syntax errors, dates and times, files over 16 MiB, nesting deeper than 64:
///    refused with file:line:column.
///  - Override VALUE is a TOML value; a bare word that is none is a string. A number in the path is a list index
///    (`logger.0.type`); the list element must exist. `key+={...}` appends to a list (`key+=[...]`: each element). A
///    path into something that is not a table or list is refused with what is there. Assigning a whole table or list
///    replaces it. Tables on the way are created, also for a top-level word that no file mentions (the schema check
///    judges it later); lists are not.
///  - `${env:NAME}` anywhere in a string: the environment variable; refused with the place when it is not set.
///    `${path.to.key}`: another string, number or bool of the manifest, e.g. `${run.name}`; refused when absent or
///    circular. `$${` is a literal `${`. The result is always a string; what is inserted is not searched again.
///  - Strings that came from a file keep that file as their source, so a relative `path` parameter can be resolved
///    against it.
Node load(const LoadRequest& request);

/// The tree as TOML that loads to the same tree; in each table, plain values come before tables. With `provenance`,
/// each value carries a comment with its source. Precondition: all text is UTF-8, as it is in a tree from load().
std::string write(const Node& root, bool provenance);

}  // namespace dvhost::manifest
