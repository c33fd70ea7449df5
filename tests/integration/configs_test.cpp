/// The manifests that come with the program.

#include "program.hpp"

namespace dvhost::testing {
namespace {

using ShippedConfigs = ProgramTest;

TEST_F(ShippedConfigs, AreRight) {
    int n_checked = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(DVHOST_CONFIGS)) {
        const auto& path = entry.path();
        // A fragment is included by a manifest and is none itself.
        if (path.extension() != ".toml" || path.parent_path().filename() == "fragments") continue;
        const Result result = dvhost({"check", path.string()});
        EXPECT_EQ(result.code, 0) << path << '\n' << result.err;
        ++n_checked;
    }
    EXPECT_GT(n_checked, 3);
}

}  // namespace
}  // namespace dvhost::testing
