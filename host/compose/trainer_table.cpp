#include "compose/trainer_table.hpp"

#include "compose/trainer_options.hpp"
#include "manifest/parse.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <unistd.h>

namespace dvhost::compose {

namespace {

using manifest::Node;
using manifest::Source;

constexpr std::string_view kPrefix = "DVHOST_TRAINER_";

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

/// The table, made if it is not there; null when [trainer] is something else, which the check says.
Node* trainer_of(Node& root) {
    Node* trainer = root.find("trainer");
    if (trainer == nullptr) trainer = &root.set("trainer", Node());
    return trainer->is_table() ? trainer : nullptr;
}

/// { days = 1, hours = 2, ... }
std::optional<double> seconds_of_table(const Node& table) {
    static constexpr std::pair<std::string_view, double> kUnits[] = {{"days", 86400.0}, {"hours", 3600.0}, {"minutes", 60.0}, {"seconds", 1.0}};
    double out = 0.0;
    for (const manifest::Member& member : table.as_table()) {
        const auto unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& u) { return u.first == member.key; });
        if (unit == std::end(kUnits) || !member.value.is_number()) return std::nullopt;
        out += member.value.as_number() * unit->second;
    }
    return out;
}

/// Seconds of a duration, if `value` is one that can be read; the check answers the others.
std::optional<double> duration_of(const Node& value) {
    if (value.is_table()) return seconds_of_table(value);
    if (!value.is_string()) return std::nullopt;
    try {
        return seconds_of(value.as_string());
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

}  // namespace

void add_trainer_environment(Node& root, const std::vector<std::string>& keys, std::vector<std::string>& warnings) {
    for (char** at = environ; *at != nullptr; ++at) {
        const std::string_view entry = *at;
        const std::size_t equals = entry.find('=');
        if (!entry.starts_with(kPrefix) || equals == std::string_view::npos) continue;
        const std::string name(entry.substr(0, equals));
        const std::string key = lower(name.substr(kPrefix.size()));
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
            warnings.push_back("the environment has " + name + ", and [trainer] has no key '" + key + "': it is ignored");
            continue;
        }
        Node* trainer = trainer_of(root);
        if (trainer == nullptr || trainer->find(key) != nullptr) continue;
        const Source source{Source::Kind::environment, name};
        const std::string_view text = entry.substr(equals + 1);
        manifest::ValueResult value = manifest::parse_value(text, source);
        trainer->set(key, value.node ? std::move(*value.node) : Node(std::string(text), source));
    }
}

void translate_trainer_forms(Node& root) {
    Node* trainer = root.find("trainer");
    if (trainer == nullptr || !trainer->is_table()) return;
    if (Node* trial = trainer->find("fast_dev_run"); trial && trial->is_bool()) {
        *trial = Node(std::int64_t{trial->as_bool() ? 1 : 0}, trial->source());
    }
    if (Node* every = trainer->find("check_val_every_n_epoch"); every && every->is_string() && every->as_string() == "none") {
        *every = Node(std::int64_t{0}, every->source());
    }
    if (Node* kind = trainer->find("accelerator"); kind && kind->is_string() && kind->as_string() == "gpu") {
        *kind = Node(std::string("cuda"), kind->source());
    }
    if (Node* deterministic = trainer->find("deterministic"); deterministic && deterministic->is_string() && deterministic->as_string() == "warn") {
        const Source source = deterministic->source();
        *deterministic = Node(true, source);
        trainer->set("deterministic_warn_only", Node(true, source));
    }
    const auto as_seconds = [&](const char* given, const char* own) {
        const Node* value = trainer->find(given);
        const std::optional<double> seconds = value ? duration_of(*value) : std::nullopt;
        if (!seconds || trainer->find(own) != nullptr) return;
        const Source source = value->source();
        trainer->erase(given);
        trainer->set(own, Node(*seconds, source));
    };
    as_seconds("val_check_interval", "val_check_seconds");
    if (const Node* time = trainer->find("max_time"); time && time->is_table()) as_seconds("max_time", "max_seconds");
}

}  // namespace dvhost::compose
