#include "manifest_fixture.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace dvhost::manifest::testing {

namespace fs = std::filesystem;

void ManifestTest::SetUp() {
    std::string name = ::testing::TempDir() + "/manifest_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    before_ = fs::current_path();
    folder_ = name;
    fs::current_path(folder_);
}

void ManifestTest::TearDown() {
    fs::current_path(before_);
    fs::remove_all(folder_);
}

void ManifestTest::write_file(const fs::path& name, std::string_view text) {
    if (name.has_parent_path()) fs::create_directories(name.parent_path());
    fs::remove(name);  // a new file, because some file systems write a truncated one to the disk at once
    std::ofstream(name, std::ios::binary) << text;
}

std::vector<std::string> ManifestTest::problems_of(const LoadRequest& request) {
    std::vector<std::string> texts;
    try {
        load(request);
    } catch (const ManifestError& error) {
        for (const Problem& problem : error.problems) texts.push_back(problem.text());
    }
    return texts;
}

std::vector<std::string> ManifestTest::problems_in(std::string_view text, std::vector<std::string> overrides) {
    write_file("m.toml", text);
    return problems_of({{"m.toml"}, std::move(overrides)});
}

Node ManifestTest::load_text(std::string_view text, std::vector<std::string> overrides) {
    write_file("m.toml", text);
    return load({{"m.toml"}, std::move(overrides)});
}

Variable::Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
}

Variable::~Variable() { unsetenv(name_.c_str()); }

namespace {

bool same_double(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

}  // namespace

bool same(const Node& a, const Node& b) {
    if (a.value().index() != b.value().index()) return false;
    if (a.is_float()) return same_double(a.as_number(), b.as_number());
    if (a.is_bool()) return a.as_bool() == b.as_bool();
    if (a.is_int()) return a.as_int() == b.as_int();
    if (a.is_string()) return a.as_string() == b.as_string();
    if (a.is_list()) {
        if (a.as_list().size() != b.as_list().size()) return false;
        for (std::size_t i = 0; i < a.as_list().size(); ++i) {
            if (!same(a.as_list()[i], b.as_list()[i])) return false;
        }
        return true;
    }
    if (a.as_table().size() != b.as_table().size()) return false;
    for (const Member& member : a.as_table()) {
        const Node* const other = b.find(member.key);
        if (!other || !same(member.value, *other)) return false;
    }
    return true;
}

const Node& at(const Node& root, std::string_view path) {
    const Node* const node = find_path(root, path);
    if (!node) throw std::out_of_range("no node at " + std::string(path));
    return *node;
}

}  // namespace dvhost::manifest::testing
