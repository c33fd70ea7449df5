#pragma once
/// Cases as data: a TOML file becomes what can be computed and what should come out.

#include "verify/kinds.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace dvhost::verify {

struct Case {
    std::string id;
    const Kind* kind = nullptr;
    manifest::Source where;
    std::vector<Expected> expected;
    Tolerances tolerances;
    Run run;
};

/// A case file with mistakes: all of them, each with its place and what would do.
struct CaseFileError : manifest::ManifestError {
    using ManifestError::ManifestError;
};

/// Reads the cases whose id fits `only` (a glob pattern; "*": all). Components are checked against the plugins, none is made. Throws
/// CaseFileError: no such file, no TOML, unknown keys, kinds and calls, values of the wrong type, components that do not exist, ids that
/// come twice, nothing to expect, no case that fits.
std::vector<Case> read_cases(const std::filesystem::path& file, const std::string& only,
                             const registry::Registry& plugins);

/// The file of a shipped suite: share/dvhost/cases/<name>.toml beside the program. Throws dv::IoError that lists the suites there are.
std::filesystem::path suite_file(const std::string& name);

}  // namespace dvhost::verify
