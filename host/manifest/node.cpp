#include "manifest/node.hpp"

#include "manifest/key_path.hpp"
#include "manifest/text.hpp"

#include <algorithm>
#include <array>

namespace dvhost::manifest {
namespace {

template <class Members>
auto* member_of(Members& members, std::string_view key) {
    const auto found = std::find_if(members.begin(), members.end(), [key](const Member& m) { return m.key == key; });
    return found == members.end() ? nullptr : &*found;
}

}  // namespace

std::string Source::text() const {
    const std::string shown = printable(origin);
    switch (kind) {
        case Kind::file: return line == 0 ? shown : shown + ":" + std::to_string(line) + ":" + std::to_string(column);
        case Kind::command_line: return "command line (-o " + shown + ")";
        case Kind::environment: return "environment (" + shown + ")";
        case Kind::fallback: return "default";
    }
    return "default";
}

Node::Node() : value_(Table{}) {}

Node::Node(Value value, Source source) : value_(std::move(value)), source_(std::move(source)) {}

std::string_view Node::type_name() const {
    constexpr std::array<std::string_view, std::variant_size_v<Value>> kNames{"a bool",   "an integer", "a float",
                                                                              "a string", "a list",     "a table"};
    return kNames[value_.index()];
}

const Node* Node::find(std::string_view key) const {
    const Member* const member = member_of(as_table(), key);
    return member ? &member->value : nullptr;
}

Node* Node::find(std::string_view key) {
    Member* const member = member_of(as_table(), key);
    return member ? &member->value : nullptr;
}

const Source* Node::key_source(std::string_view key) const {
    const Member* const member = member_of(as_table(), key);
    return member ? &member->key_source : nullptr;
}

Node& Node::set(std::string key, Node value) {
    if (Member* const member = member_of(as_table(), key)) return member->value = std::move(value);
    Source source = value.source();
    return as_table().emplace_back(Member{std::move(key), std::move(source), std::move(value)}).value;
}

Node& Node::set(std::string key, Node value, Source key_source) {
    if (Member* const member = member_of(as_table(), key)) {
        member->key_source = std::move(key_source);
        return member->value = std::move(value);
    }
    return as_table().emplace_back(Member{std::move(key), std::move(key_source), std::move(value)}).value;
}

void Node::erase(std::string_view key) {
    std::erase_if(as_table(), [key](const Member& member) { return member.key == key; });
}

const Node* find_path(const Node& root, std::string_view path) {
    const KeyPathResult parsed = parse_key_path(path);
    if (!parsed.problem.empty()) return nullptr;
    const Node* node = &root;
    for (const std::string& segment : parsed.path) {
        node = child(*node, segment);
        if (!node) return nullptr;
    }
    return node;
}

}  // namespace dvhost::manifest
