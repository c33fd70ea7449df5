#include "verify/table_reader.hpp"

#include "compose/check.hpp"
#include "manifest/suggest.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace dvhost::verify {

using manifest::Node;

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

/// Nested lists of numbers, in C order; nothing when they are none, or ragged.
struct Nested {
    std::vector<double> values;
    std::vector<std::int64_t> shape;
};
std::optional<Nested> nested(const Node& node) {
    if (node.is_number()) return Nested{{node.as_number()}, {}};
    if (!node.is_list()) return std::nullopt;
    Nested out;
    std::optional<std::vector<std::int64_t>> inner;
    for (const Node& item : node.as_list()) {
        const auto one = nested(item);
        if (!one || (inner && one->shape != *inner)) return std::nullopt;
        inner = one->shape;
        out.values.insert(out.values.end(), one->values.begin(), one->values.end());
    }
    out.shape.push_back(static_cast<std::int64_t>(node.as_list().size()));
    if (inner) out.shape.insert(out.shape.end(), inner->begin(), inner->end());
    return out;
}

/// { sin = 1.0, shape = [2, 3] }
std::optional<at::Tensor> wave(const Node& node) {
    if (!node.is_table() || node.as_table().size() != 2) return std::nullopt;
    const Node *sine = node.find("sin"), *shape = node.find("shape");
    if (sine == nullptr || !sine->is_number() || shape == nullptr || !shape->is_list()) return std::nullopt;
    std::vector<std::int64_t> sizes;
    std::int64_t n = 1;
    for (const Node& item : shape->as_list()) {
        if (!item.is_int() || item.as_int() < 1) return std::nullopt;
        sizes.push_back(item.as_int());
        n *= item.as_int();
    }
    return at::arange(n, at::kDouble).mul(sine->as_number()).sin().view(sizes);
}

}  // namespace

TableReader::TableReader(const Node& table, std::string context, const registry::Registry& plugins,
                         std::vector<manifest::Problem>& problems)
    : table_(table), context_(std::move(context)), plugins_(plugins), problems_(problems) {}

void TableReader::problem(const manifest::Source& where, const std::string& message) const {
    problems_.push_back({where, "[" + context_ + "] " + message});
}

const Node* TableReader::find(const std::string& key) {
    known_.push_back(key);
    return table_.find(key);
}

const Node* TableReader::need(const std::string& key, const std::string& what) {
    const Node* node = find(key);
    if (node == nullptr) problem(table_.source(), "has no '" + key + "': " + what);
    return node;
}

std::int64_t TableReader::integer(const std::string& key, std::int64_t least, std::optional<std::int64_t> fallback) {
    const std::string what = "an integer from " + std::to_string(least) + " on";
    const Node* node = fallback ? find(key) : need(key, "give " + what);
    if (node == nullptr) return fallback.value_or(least);
    if (node->is_int() && node->as_int() >= least) return node->as_int();
    problem(node->source(), "'" + key + "' must be " + what);
    return least;
}

double TableReader::number(const std::string& key, std::optional<double> fallback) {
    const Node* node = fallback ? find(key) : need(key, "give a number");
    if (node == nullptr) return fallback.value_or(0.0);
    if (node->is_number()) return node->as_number();
    problem(node->source(), "'" + key + "' is " + std::string(node->type_name()) + ": must be a number");
    return fallback.value_or(0.0);
}

bool TableReader::flag(const std::string& key, bool fallback) {
    const Node* node = find(key);
    if (node == nullptr) return fallback;
    if (node->is_bool()) return node->as_bool();
    problem(node->source(), "'" + key + "' is " + std::string(node->type_name()) + ": must be true or false");
    return fallback;
}

std::string TableReader::word(const std::string& key, const std::vector<std::string>& choices,
                              std::optional<std::string> fallback) {
    const Node* node = fallback ? find(key) : need(key, "choose one of " + joined(choices));
    if (node == nullptr) return fallback.value_or(std::string());
    if (!node->is_string()) {
        problem(node->source(),
                "'" + key + "' is " + std::string(node->type_name()) + ": must be one of " + joined(choices));
        return {};
    }
    const std::string& word = node->as_string();
    if (choices.empty() || std::find(choices.begin(), choices.end(), word) != choices.end()) return word;
    const auto near = manifest::closest(word, choices);
    problem(node->source(), "'" + key + "' is '" + word + "'" +
                                (near ? "; did you mean '" + *near + "'?" : std::string()) +
                                " (have: " + joined(choices) + ")");
    return {};
}

std::vector<std::int64_t> TableReader::integers(const std::string& key) {
    const Node* node = find(key);
    std::vector<std::int64_t> out;
    if (node == nullptr) return out;
    const bool fits = node->is_list() && std::all_of(node->as_list().begin(), node->as_list().end(),
                                                     [](const Node& item) { return item.is_int(); });
    if (!fits) {
        problem(node->source(), "'" + key + "' must be a list of integers");
        return out;
    }
    for (const Node& item : node->as_list()) out.push_back(item.as_int());
    return out;
}

std::vector<std::string> TableReader::words(const std::string& key) {
    const Node* node = find(key);
    std::vector<std::string> out;
    if (node == nullptr) return out;
    const bool fits = node->is_list() && std::all_of(node->as_list().begin(), node->as_list().end(),
                                                     [](const Node& item) { return item.is_string(); });
    if (!fits) {
        problem(node->source(), "'" + key + "' must be a list of strings");
        return out;
    }
    for (const Node& item : node->as_list()) out.push_back(item.as_string());
    return out;
}

std::optional<at::Tensor> TableReader::tensor(const std::string& key) {
    const Node* node = find(key);
    if (node == nullptr) return std::nullopt;
    if (const auto made = wave(*node)) return made;
    if (const auto lists = nested(*node)) return at::tensor(lists->values, at::kDouble).view(lists->shape);
    problem(
        node->source(),
        "'" + key + "' must be a number, nested lists of numbers of equal lengths, or { sin = 1.0, shape = [2, 3] }");
    return std::nullopt;
}

at::Tensor TableReader::needed_tensor(const std::string& key) {
    if (table_.find(key) == nullptr) problem(table_.source(), "has no '" + key + "': give numbers");
    return tensor(key).value_or(at::zeros({1}, at::kDouble));
}

Node TableReader::component(const std::string& key, const std::string& iface) {
    const std::string kind = iface.substr(iface.rfind('.') + 1);
    const Node* node = need(key, "give a " + kind + ", as { type = \"name\", ... }");
    if (node == nullptr) return Node();
    Node table = *node;
    if (table.is_string()) {
        table = Node(Node::Table{}, node->source());
        table.set("type", *node);
    }
    if (!table.is_table()) {
        problem(node->source(), "'" + key + "' is " + std::string(node->type_name()) + ": must be a " + kind +
                                    ", as \"name\" or { type = \"name\", ... }");
        return Node();
    }
    return checked_component(table, iface, context_ + "." + key, plugins_, problems_);
}

void TableReader::finish() const {
    for (const manifest::Member& member : table_.as_table()) {
        if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
        const auto near = manifest::closest(member.key, known_);
        problem(member.key_source, "unknown key '" + member.key + "'" +
                                       (near ? "; did you mean '" + *near + "'?" : std::string()) +
                                       " (known: " + joined(known_) + ")");
    }
}

Node checked_component(const Node& table, const std::string& iface, const std::string& context,
                       const registry::Registry& plugins, std::vector<manifest::Problem>& problems) {
    try {
        return compose::check_component(table, iface, context, plugins);
    } catch (const compose::CheckError& error) {
        problems.insert(problems.end(), error.problems.begin(), error.problems.end());
        return Node();
    }
}

}  // namespace dvhost::verify
