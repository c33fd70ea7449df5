#include "compose/check.hpp"

#include "compose/compat.hpp"
#include "compose/roles.hpp"
#include "compose/trainer_table.hpp"
#include "compose/value_check.hpp"
#include "manifest/suggest.hpp"

#include <algorithm>

namespace dvhost::compose {

using manifest::Node;
using manifest::Source;
using registry::ComponentInfo;
using registry::ParameterSchema;
using registry::ParameterType;

namespace {

/// "; did you mean 'x'?" or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
    const auto near = manifest::closest(word, known);
    return near ? "; did you mean '" + *near + "'?" : std::string();
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
    return out;
}

constexpr std::string_view kSecrets[] = {"api_key", "token", "password", "secret"};

/// The part of an interface's name that people use: "dv.recurrence" → "recurrence".
std::string kind_of(std::string_view iface) { return std::string(iface.substr(iface.rfind('.') + 1)); }

std::vector<std::string> names_of(const std::vector<const ParameterSchema*>& schemas) {
    std::vector<std::string> names;
    for (const ParameterSchema* s : schemas) names.push_back(s->name);
    return names;
}

/// Keys under which people write down what nobody else is to read.
bool names_a_secret(std::string_view key) {
    return std::any_of(std::begin(kSecrets), std::end(kSecrets), [&](std::string_view s) { return key == s || key.ends_with(std::string("_").append(s)); });
}

/// The place, without the value that an override would show.
Source without_secret(Source where) {
    const std::size_t equals = where.origin.find('=');
    if (where.kind != Source::Kind::command_line || equals == std::string::npos) return where;
    const std::string_view path = std::string_view(where.origin).substr(0, equals);
    if (names_a_secret(path.substr(path.rfind('.') + 1)) || holds_a_password(std::string_view(where.origin).substr(equals))) where.origin.resize(equals);
    return where;
}

/// Walks one manifest. Each function gets the node in place, puts defaults into it, and notes problems.
class Checker {
public:
    Checker(const registry::Registry& plugins, std::vector<manifest::Problem>& problems, std::vector<std::string>& warnings)
        : plugins_(plugins), problems_(problems), warnings_(warnings) {}

    ExitCode code() const { return code_; }

    void problem(const Source& where, const std::string& context, const std::string& message) {
        problems_.push_back({without_secret(where), "[" + context + "] " + message});
    }

    /// A table with `type` and parameters; `keys` are the host's own. `context` is its path in the manifest.
    void component_table(Node& table, const std::string& iface, const std::vector<ParameterSchema>& keys,
                         const std::string& context) {
        Node* type = table.find("type");
        if (type == nullptr) {
            return problem(table.source(), context, "has no 'type': choose a " + kind_of(iface) + " (have: " +
                                                        joined(short_names(iface)) + ")");
        }
        if (!type->is_string()) {
            return problem(type->source(), context, "'type' is " + std::string(type->type_name()) + ": must be a string");
        }
        const ComponentInfo* component = find_component(iface, *type, context);
        if (component == nullptr) return;
        *type = Node(component->id, type->source());
        std::vector<const ParameterSchema*> schemas;
        for (const ParameterSchema& s : keys) schemas.push_back(&s);
        for (const ParameterSchema& s : component->parameters) schemas.push_back(&s);
        table_values(table, schemas, context, component->id, /*has_type=*/true);
    }

    /// The kind of a role of which there are two: the second if only that has the component.
    const std::string& kind_for(const Node& table, const Role& role) const {
        const Node* type = table.find("type");
        if (role.also_iface.empty() || type == nullptr || !type->is_string()) return role.iface;
        const bool is_second = plugins_.find(role.iface, type->as_string()).component == nullptr &&
                               plugins_.find(role.also_iface, type->as_string()).component != nullptr;
        return is_second ? role.also_iface : role.iface;
    }

    /// The values of a table against schemas: unknown keys, each known one, missing ones.
    void table_values(Node& table, const std::vector<const ParameterSchema*>& schemas, const std::string& context,
                      const std::string& owner, bool has_type) {
        unknown_keys(table, schemas, context, owner, has_type);
        leave_out_none(table, schemas);
        for (const ParameterSchema* schema : schemas) {
            if (Node* value = table.find(schema->name)) {
                if (!schema->deprecated.empty()) deprecated_key(table, *schema, context);
                if (schema->secret) {
                    problem(value->source(), context, "'" + schema->name + "' is secret and has no place in a manifest, which is kept in the run's folder (" + owner + ")");
                    continue;
                }
                value_of(*value, *schema, context, owner);
            } else {
                absent_value(table, *schema, context, owner);
            }
        }
    }

private:
    std::vector<std::string> short_names(const std::string& iface) const {
        std::vector<std::string> names;
        for (const ComponentInfo* c : plugins_.components(iface)) names.emplace_back(c->short_name());
        return names;
    }

    const ComponentInfo* find_component(const std::string& iface, const Node& type, const std::string& context) {
        const std::string& wanted = type.as_string();
        const registry::Lookup found = plugins_.find(iface, wanted);
        if (found.component != nullptr) return found.component;
        if (!found.refused.empty()) {
            code_ = found.refused_code;
            problem(type.source(), context, "'" + wanted + "' is in a plugin that cannot be used: " + joined(found.refused));
        } else if (is_ambiguous(wanted, found.candidates)) {
            problem(type.source(), context, "type '" + wanted + "' is ambiguous: " + joined(found.candidates) + "; write one of them in full");
        } else {
            problem(type.source(), context, "no " + kind_of(iface) + " '" + wanted + "'" +
                                                did_you_mean(wanted, short_names(iface)) + " (have: " +
                                                joined(short_names(iface)) + ")");
        }
        return nullptr;
    }

    static bool is_ambiguous(const std::string& wanted, const std::vector<std::string>& candidates) {
        return !candidates.empty() && std::all_of(candidates.begin(), candidates.end(),
                           [&](const std::string& id) { return id.ends_with("." + wanted); });
    }

    void unknown_keys(const Node& table, const std::vector<const ParameterSchema*>& schemas, const std::string& context,
                      const std::string& owner, bool has_type) {
        for (const manifest::Member& member : table.as_table()) {
            const bool known = (has_type && member.key == "type") ||
                               std::any_of(schemas.begin(), schemas.end(),
                                           [&](const ParameterSchema* s) { return s->name == member.key; });
            if (known) continue;
            if (names_a_secret(member.key)) {
                problem(member.key_source, context, "'" + member.key + "' has no place in a manifest, which is kept in the run's folder: " +
                                                        "put it into the environment, or into a file that 'api_key_file' names, where " + owner + " has that");
                continue;
            }
            const std::vector<std::string> names = names_of(schemas);
            problem(member.key_source, context,
                    "unknown key '" + member.key + "' for " + owner + did_you_mean(member.key, names) +
                        (names.empty() ? " (it has no keys)" : " (known: " + joined(names) + ")"));
        }
    }

    /// `key = "none"` is how a table that may be absent is taken back.
    static void leave_out_none(Node& table, const std::vector<const ParameterSchema*>& schemas) {
        for (const ParameterSchema* schema : schemas) {
            if (schema->type != ParameterType::table || schema->is_list || !schema->optional) continue;
            const Node* value = table.find(schema->name);
            if (value != nullptr && value->is_string() && value->as_string() == "none") table.erase(schema->name);
        }
    }

    void deprecated_key(const Node& table, const ParameterSchema& schema, const std::string& context) {
        warnings_.push_back(table.key_source(schema.name)->text() + ": [" + context + "] '" + schema.name +
                            "' is deprecated: " + schema.deprecated +
                            (schema.replace_with.empty() ? "" : "; write '" + schema.replace_with + "'"));
    }

    void absent_value(Node& table, const ParameterSchema& schema, const std::string& context, const std::string& owner) {
        if (schema.required) {
            return problem(table.source(), context,
                           "misses the required key '" + schema.name + "' of " + owner + " (" + schema.type_text() + ": " +
                               schema.doc + ")");
        }
        if (schema.optional) return;
        std::optional<Node> fallback = default_node(schema);
        if (!fallback && schema.type == ParameterType::table && !schema.is_list) fallback = Node();
        if (!fallback) return;
        value_of(table.set(schema.name, std::move(*fallback)), schema, context, owner);
    }

    void value_of(Node& value, const ParameterSchema& schema, const std::string& context, const std::string& owner) {
        if (!schema.is_list) return one_value(value, schema, schema.name, context, owner);
        if (!value.is_list()) {
            return problem(value.source(), context,
                           "'" + schema.name + "' is " + std::string(value.type_name()) + ": must be a list (" +
                               schema.type_text() + ", " + owner + ")");
        }
        std::size_t i = 0;
        for (Node& element : value.as_list()) {
            one_value(element, schema, schema.name + "." + std::to_string(i++), context, owner);
        }
    }

    void one_value(Node& value, const ParameterSchema& schema, const std::string& name, const std::string& context,
                   const std::string& owner) {
        const std::string inside = context + "." + name;
        if (schema.type == ParameterType::component) {
            // `recurrence = "full"` is short for `recurrence = { type = "full" }`.
            if (value.is_string()) {
                Node table(Node::Table{}, value.source());
                table.set("type", value, value.source());
                value = std::move(table);
            }
            if (!value.is_table()) {
                return problem(value.source(), context, "'" + name + "' is " + std::string(value.type_name()) +
                                                            ": must be a " + kind_of(schema.iface) +
                                                            ", as \"name\" or { type = \"name\", ... }");
            }
            return component_table(value, schema.iface, {}, inside);
        }
        if (schema.type == ParameterType::table) {
            if (!value.is_table()) {
                return problem(value.source(), context,
                               "'" + name + "' is " + std::string(value.type_name()) + ": must be a table (" + owner + ")");
            }
            std::vector<const ParameterSchema*> nested;
            for (const ParameterSchema& s : schema.nested) nested.push_back(&s);
            return table_values(value, nested, inside, owner, /*has_type=*/false);
        }
        if (const auto wrong = scalar_problem(value, schema)) {
            return problem(value.source(), context, "'" + name + "' " + *wrong + " (" + owner + ")");
        }
        if (schema.type == ParameterType::path) value = Node(absolute_path(value.as_string(), value.source()), value.source());
    }

    const registry::Registry& plugins_;
    std::vector<manifest::Problem>& problems_;
    std::vector<std::string>& warnings_;
    ExitCode code_ = ExitCode::manifest;
};

bool has_component(const Node& root, const std::string& role, std::string_view short_name) {
    const Node* list = root.find(role);
    if (list == nullptr || !list->is_list()) return false;
    return std::any_of(list->as_list().begin(), list->as_list().end(), [&](const Node& entry) {
        const Node* type = entry.is_table() ? entry.find("type") : nullptr;
        return type != nullptr && type->is_string() &&
               (type->as_string() == short_name || type->as_string().ends_with("." + std::string(short_name)));
    });
}

bool flag(const Node& root, std::string_view path, bool fallback) {
    const Node* node = manifest::find_path(root, path);
    return node != nullptr && node->is_bool() ? node->as_bool() : fallback;
}

Node table_of_type(const std::string& type) {
    Node table;
    table.set("type", Node(type, Source{}));
    return table;
}

/// What a manifest may leave out, as if it had been written (with source "default").
void add_what_goes_without_saying(Node& root, const registry::Registry& plugins) {
    if (root.find("strategy") == nullptr) root.set("strategy", table_of_type("single_device"));
    const auto add_callback = [&](const std::string& name, const std::string& id) {
        const Node* list = root.find("callback");
        if (list != nullptr && !list->is_list()) return;  // judged later
        if (plugins.find("dv.callback", id).component == nullptr || has_component(root, "callback", name)) return;
        if (list == nullptr) root.set("callback", Node(Node::List{}, Source{}));
        root.find("callback")->as_list().push_back(table_of_type(id));
    };
    const Node* trial = manifest::find_path(root, "trainer.fast_dev_run");
    if (flag(root, "trainer.barebones", false) || (trial != nullptr && trial->is_int() && trial->as_int() > 0)) return;
    if (flag(root, "trainer.enable_model_summary", false)) add_callback("model_summary", "dvhost.callback.model_summary");
    if (flag(root, "trainer.enable_progress_bar", true)) add_callback("progress", "dvhost.callback.progress");
    if (flag(root, "trainer.enable_checkpointing", true)) add_callback("checkpoint", "dvhost.callback.checkpoint");
}

bool asks_for(const Node& root, std::string_view stage) {
    const Node* stages = manifest::find_path(root, "run.stages");
    if (stages == nullptr || !stages->is_list()) return stage == "fit";
    return std::any_of(stages->as_list().begin(), stages->as_list().end(),
                       [&](const Node& s) { return s.is_string() && s.as_string() == stage; });
}

bool is_needed(const Role& role, const Node& root) {
    switch (role.need) {
        case Role::Need::always: return true;
        case Role::Need::to_fit: return asks_for(root, "fit");
        case Role::Need::to_score: return asks_for(root, "fit") || asks_for(root, "validate") || asks_for(root, "test");
        case Role::Need::never: return false;
    }
    return false;
}

void check_role(Checker& checker, Node& root, const Role& role) {
    Node* node = root.find(role.name);
    if (node == nullptr && role.iface.empty() && !role.is_list) node = &root.set(role.name, Node());
    if (node == nullptr) {
        if (!is_needed(role, root)) return;
        return checker.problem(root.source(), role.name, "is missing: add " + std::string(role.is_list ? "[[" : "[") +
                                                             role.name + (role.is_list ? "]]" : "]") + " with a 'type' (" +
                                                             role.doc + ")");
    }
    const bool as_list = role.is_list || (role.may_be_list && node->is_list());
    if (as_list != node->is_list() || (!as_list && !node->is_table())) {
        const std::string written = role.is_list ? "[[" + role.name + "]]" : "[" + role.name + "]";
        return checker.problem(node->source(), role.name,
                               "is " + std::string(node->type_name()) + ": must be " +
                                   (role.is_list ? "a list of tables, each begun by " : "one table, begun by ") + written);
    }
    const auto check_table = [&](Node& table, const std::string& context) {
        if (!role.iface.empty()) return checker.component_table(table, checker.kind_for(table, role), role.keys, context);
        std::vector<const ParameterSchema*> schemas;
        for (const ParameterSchema& s : role.keys) schemas.push_back(&s);
        checker.table_values(table, schemas, context, "[" + role.name + "]", /*has_type=*/false);
    };
    if (!as_list) return check_table(*node, role.name);
    std::size_t i = 0;
    for (Node& entry : node->as_list()) {
        const std::string context = role.name + "." + std::to_string(i++);
        if (entry.is_table()) {
            check_table(entry, context);
        } else {
            checker.problem(entry.source(), context, "is " + std::string(entry.type_name()) + ": must be a table" +
                                                         (role.iface.empty() ? "" : " with a 'type'"));
        }
    }
}

/// Rules that no single value shows.
void check_across(Checker& checker, const Node& root) {
    const auto contradicts = [&](const std::string& key, const std::string& callback) {
        if (flag(root, "trainer." + key, true) || !has_component(root, "callback", callback)) return;
        checker.problem(manifest::find_path(root, "trainer." + key)->source(), "trainer",
                        "'" + key + "' is false, but there is a [[callback]] of type '" + callback + "': remove one of the two");
    };
    if (const Node* recorders = root.find("recorder"); recorders != nullptr && recorders->is_list()) {
        std::vector<std::string> names;
        for (const Node& r : recorders->as_list()) {
            const Node* name = r.is_table() ? r.find("name") : nullptr;
            const std::string text = name != nullptr && name->is_string() ? name->as_string() : "responses";
            if (text.find('/') != std::string::npos || text.empty()) {
                checker.problem(name->source(), "recorder", "'name' is \"" + text + "\": must be the name of a file, without '/'");
            }
            if (std::find(names.begin(), names.end(), text) != names.end()) {
                checker.problem(r.source(), "recorder", "two recorders are called '" + text + "': give each its own 'name'");
            }
            names.push_back(text);
        }
    }
    contradicts("enable_progress_bar", "progress");
    contradicts("enable_checkpointing", "checkpoint");
    for (const std::string key : {"limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches", "val_check_interval", "overfit_batches"}) {
        const Node* value = manifest::find_path(root, "trainer." + key);
        if (value == nullptr || !value->is_float() || value->as_number() <= 1.0) continue;
        checker.problem(value->source(), "trainer", "'" + key + "' is above 1: a share lies between 0.0 and 1.0; for a number of batches write an integer");
    }
}

/// The host's own keys of a table.
std::vector<std::string> key_names(const std::vector<Role>& all, std::string_view table) {
    std::vector<std::string> out;
    for (const Role& role : all) {
        if (role.name != table) continue;
        for (const ParameterSchema& key : role.keys) out.push_back(key.name);
    }
    return out;
}

}  // namespace

std::vector<std::filesystem::path> plugin_paths(const Node& manifest) {
    std::vector<std::filesystem::path> out;
    const Node* paths = manifest::find_path(manifest, "plugins.paths");
    if (paths == nullptr || !paths->is_list()) return out;
    for (const Node& path : paths->as_list()) {
        if (path.is_string()) out.emplace_back(absolute_path(path.as_string(), path.source()));
    }
    return out;
}

Node check_component(Node table, const std::string& iface, const std::string& context, const registry::Registry& plugins) {
    std::vector<manifest::Problem> problems;
    std::vector<std::string> warnings;
    Checker checker(plugins, problems, warnings);
    checker.component_table(table, iface, {}, context);
    if (!problems.empty()) throw CheckError(std::move(problems), checker.code());
    return table;
}

Checked check(const Node& given, const registry::Registry& plugins) {
    Checked out{given, {}};
    std::vector<manifest::Problem> problems;
    Checker checker(plugins, problems, out.warnings);

    const std::vector<Role> all = roles();
    add_trainer_environment(out.manifest, key_names(all, "trainer"), out.warnings);
    translate_trainer_forms(out.manifest);
    std::vector<std::string> names;
    for (const Role& role : all) names.push_back(role.name);
    names.push_back("compat");
    for (const manifest::Member& member : out.manifest.as_table()) {
        if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
        problems.push_back({member.key_source, "unknown table or key '" + member.key + "'" + did_you_mean(member.key, names) +
                                                   " (known: " + joined(names) + ")"});
    }
    check_across(checker, out.manifest);
    add_what_goes_without_saying(out.manifest, plugins);
    for (manifest::Problem& p : spread_compat(out.manifest, plugins)) problems.push_back(std::move(p));
    for (const Role& role : all) check_role(checker, out.manifest, role);

    if (!problems.empty()) throw CheckError(std::move(problems), checker.code());
    return out;
}

}  // namespace dvhost::compose
