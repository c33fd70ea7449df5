#pragma once
/// Manifests in a folder of their own, and what tests ask of them.

#include "manifest/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::manifest::testing {

/// Each test runs inside an empty folder, so that messages hold short file names.
class ManifestTest : public ::testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    static void write_file(const std::filesystem::path& name, std::string_view text);

    /// The texts of all problems; empty when the manifest loads.
    static std::vector<std::string> problems_of(const LoadRequest& request);
    /// Of one file m.toml with this text, and these overrides.
    static std::vector<std::string> problems_in(std::string_view text, std::vector<std::string> overrides = {});
    static Node load_text(std::string_view text, std::vector<std::string> overrides = {});

private:
    std::filesystem::path before_, folder_;
};

/// An environment variable for the length of a scope.
class Variable {
public:
    Variable(std::string name, const std::string& value);
    ~Variable();
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;

private:
    std::string name_;
};

/// Same types and values; doubles to the last bit (all NaNs are one); keys of a table in any order. Sources do not
/// count.
bool same(const Node& a, const Node& b);

/// Precondition: there is a node at the path.
const Node& at(const Node& root, std::string_view path);

}  // namespace dvhost::manifest::testing
