#include "manifest/merge.hpp"

#include "manifest/key_path.hpp"
#include "manifest/suggest.hpp"
#include "manifest/text.hpp"

#include <iterator>
#include <string>
#include <utility>

namespace dvhost::manifest {
namespace {

constexpr std::string_view kMerge = "merge";

/// The `[merge]` table of one file.
class Rules {
public:
    Rules(const Node& tree, std::vector<Problem>& problems) : problems_(problems) {
        const Node* const table = tree.find(kMerge);
        if (!table) return;
        KeyPath path;
        if (table->is_table()) {
            read(*table, path);
        } else {
            problems_.push_back({table->source(), "'merge' is " + std::string(table->type_name()) +
                                                      "; expected a table such as merge = { callback = \"append\" }"});
        }
        check_targets(tree);
    }

    bool appends(const KeyPath& path) const {
        for (const Rule& rule : rules_) {
            if (rule.path == path) return true;
        }
        return false;
    }

    const Source& place(const KeyPath& path) const {
        for (const Rule& rule : rules_) {
            if (rule.path == path) return rule.place;
        }
        return rules_.front().place;
    }

private:
    struct Rule {
        KeyPath path;
        Source place;
    };

    /// Keys may be dotted (`optimizer.groups`, which TOML reads as nested tables) or quoted ("optimizer.groups").
    void read(const Node& table, KeyPath& path) {
        for (const Member& member : table.as_table()) {
            const KeyPathResult key = parse_key_path(member.key);
            if (!key.problem.empty()) {
                problems_.push_back({member.key_source, "[merge] " + in_quotes(member.key) + ": " + key.problem});
                continue;
            }
            const std::size_t above = path.size();
            path.insert(path.end(), key.path.begin(), key.path.end());
            read_rule(member, path);
            path.resize(above);
        }
    }

    void read_rule(const Member& member, KeyPath& path) {
        if (member.value.is_table()) return read(member.value, path);
        const std::string* const word = member.value.is_string() ? &member.value.as_string() : nullptr;
        if (word && *word == "append") {
            rules_.push_back({path, member.key_source});
        } else if (!word || *word != "replace") {
            problems_.push_back(
                {member.value.source(), "[merge] " + in_quotes(to_text(path)) + " is " +
                                            (word ? in_quotes(*word) : std::string(member.value.type_name())) +
                                            "; expected \"append\" or \"replace\""});
        }
    }

    void check_targets(const Node& tree) {
        for (const Rule& rule : rules_) {
            const Node* node = &tree;
            const Node* parent = nullptr;
            std::string_view last;
            for (const std::string& segment : rule.path) {
                parent = node;
                last = segment;
                node = node->is_table() ? node->find(segment) : nullptr;
                if (!node) break;
            }
            const std::string name = "[merge] names " + in_quotes(to_text(rule.path));
            if (!node) {
                problems_.push_back({rule.place, name + ", which this file does not set" + suggestion(*parent, last)});
            } else if (!node->is_list()) {
                problems_.push_back({rule.place, name + ", which is " + std::string(node->type_name()) + " (" +
                                                     node->source().text() + "); only lists can be appended to"});
            }
        }
    }

    static std::string suggestion(const Node& parent, std::string_view key) {
        if (!parent.is_table()) return "";
        std::vector<std::string> names;
        for (const Member& member : parent.as_table()) names.push_back(member.key);
        const std::optional<std::string> name = closest(key, names);
        return name ? "; did you mean " + in_quotes(*name) + "?" : "";
    }

    std::vector<Problem>& problems_;
    std::vector<Rule> rules_;
};

class Merger {
public:
    Merger(const Rules& rules, std::vector<Problem>& problems) : rules_(rules), problems_(problems) {}

    void merge_table(Node& into, Node from) {
        for (Member& member : from.as_table()) {
            path_.push_back(member.key);
            if (Member* const earlier = member_of(into, member.key)) {
                merge_member(*earlier, std::move(member));
            } else {
                into.as_table().push_back(std::move(member));
            }
            path_.pop_back();
        }
        into.set_source(from.source());
    }

private:
    static Member* member_of(Node& table, std::string_view key) {
        for (Member& member : table.as_table()) {
            if (member.key == key) return &member;
        }
        return nullptr;
    }

    void merge_member(Member& earlier, Member later) {
        if (earlier.value.is_table() && later.value.is_table()) {
            merge_table(earlier.value, std::move(later.value));
        } else if (rules_.appends(path_)) {
            append(earlier.value, std::move(later.value));
        } else {
            earlier.value = std::move(later.value);
        }
        earlier.key_source = std::move(later.key_source);
    }

    void append(Node& earlier, Node later) {
        if (!later.is_list()) return;  // the rules have reported it
        if (!earlier.is_list()) {
            problems_.push_back({rules_.place(path_), "[merge] cannot append to " + in_quotes(to_text(path_)) +
                                                          ": it is " + std::string(earlier.type_name()) + " in " +
                                                          earlier.source().text() + "; only lists can be appended to"});
            return;
        }
        Node::List& elements = later.as_list();
        earlier.as_list().insert(earlier.as_list().end(), std::make_move_iterator(elements.begin()),
                                 std::make_move_iterator(elements.end()));
    }

    const Rules& rules_;
    std::vector<Problem>& problems_;
    KeyPath path_;
};

}  // namespace

Node merge(std::vector<Node> trees, std::vector<Problem>& problems) {
    Node merged;
    for (Node& tree : trees) {
        const Rules rules(tree, problems);
        tree.erase(kMerge);
        Merger(rules, problems).merge_table(merged, std::move(tree));
    }
    return merged;
}

}  // namespace dvhost::manifest
