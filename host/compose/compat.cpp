#include "compose/compat.hpp"

#include "compose/roles.hpp"

#include <algorithm>

namespace dvhost::compose {

using manifest::Node;

namespace {

constexpr std::string_view kTables[] = {"trainer", "data", "model", "loss", "optimizer"};
constexpr std::string_view kNames[] = {"none", "lightning", "dynvision-0.1"};

const std::vector<std::string>* choices_of_compat(const std::vector<registry::ParameterSchema>& keys) {
    const auto found = std::find_if(keys.begin(), keys.end(), [](const auto& key) { return key.name == "compat"; });
    return found == keys.end() ? nullptr : &found->choices;
}

/// The value as a table may have it; none when nothing in it differs.
std::string_view suited(std::string_view value, const std::vector<std::string>& choices) {
    const auto has = [&](std::string_view name) { return std::find(choices.begin(), choices.end(), name) != choices.end(); };
    if (has(value)) return value;
    return value == "dynvision-0.1" && has("lightning") ? "lightning" : std::string_view();
}

void spread(Node& table, const Role& role, const Node& compat, const registry::Registry& plugins) {
    if (!table.is_table() || table.find("compat") != nullptr) return;
    const std::vector<std::string>* choices = choices_of_compat(role.keys);
    if (!role.iface.empty()) {
        const Node* type = table.find("type");
        if (type == nullptr || !type->is_string()) return;  // judged later
        const registry::ComponentInfo* component = plugins.find(role.iface, type->as_string()).component;
        if (component == nullptr) return;
        if (const auto* own = choices_of_compat(component->parameters)) choices = own;
    }
    if (choices == nullptr) return;
    const std::string_view value = suited(compat.as_string(), *choices);
    if (!value.empty()) table.set("compat", Node(std::string(value), compat.source()));
}

}  // namespace

std::vector<manifest::Problem> spread_compat(Node& root, const registry::Registry& plugins) {
    const Node* given = root.find("compat");
    if (given == nullptr) return {};
    const Node compat = *given;
    const bool is_known = compat.is_string() && std::find(std::begin(kNames), std::end(kNames), compat.as_string()) != std::end(kNames);
    if (!is_known) {
        const std::string found = compat.is_string() ? '"' + compat.as_string() + '"' : std::string(compat.type_name());
        return {{compat.source(), "'compat' is " + found + ": must be one of: none, lightning, dynvision-0.1"}};
    }
    for (const Role& role : roles()) {
        if (std::find(std::begin(kTables), std::end(kTables), role.name) == std::end(kTables)) continue;
        if (role.name == "trainer" && root.find("trainer") == nullptr) root.set("trainer", Node());
        Node* node = root.find(role.name);
        if (node == nullptr) continue;
        if (node->is_list()) {
            for (Node& entry : node->as_list()) spread(entry, role, compat, plugins);
        } else {
            spread(*node, role, compat, plugins);
        }
    }
    return {};
}

}  // namespace dvhost::compose
