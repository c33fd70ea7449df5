#include "manifest/overrides.hpp"

#include "manifest/key_path.hpp"
#include "manifest/parse.hpp"
#include "manifest/parser_guard.hpp"
#include "manifest/suggest.hpp"
#include "manifest/text.hpp"

#include <optional>
#include <string_view>
#include <utility>

namespace dvhost::manifest {
namespace {

/// The first '=' that is not inside a quoted key.
std::size_t find_equals(std::string_view text) {
    char quote = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote == '\0' && c == '=') return i;
        if (quote == '"' && c == '\\') {
            ++i;
        } else if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        }
    }
    return std::string_view::npos;
}

std::string shell_example(std::string_view key, std::string_view value) {
    return "-o '" + printable(key) + "=" + printable(value) + "'";
}

/// "the string 'quickstart' (m.toml:2:8)"
std::string what_is_there(const Node& node) {
    std::string text(node.type_name());
    if (node.is_string()) text += " " + in_quotes(node.as_string());
    return text + " (" + node.source().text() + ")";
}

enum class Operation { assign, append };

struct Override {
    Operation operation;
    KeyPath path;
    Node value;
};

class Application {
public:
    Application(Node& root, const std::string& text, bool complete, std::vector<Problem>& problems)
        : root_(root),
          text_(text),
          complete_(complete),
          source_{Source::Kind::command_line, text},
          problems_(problems) {}

    void run() {
        if (std::optional<Override> change = parse()) apply(*change);
    }

private:
    void report(std::string message) { problems_.push_back({source_, std::move(message)}); }

    // --- reading the text ---

    std::optional<Override> parse() {
        if (first_non_utf8(text_) != std::string_view::npos) return refuse("not UTF-8");
        const std::string_view text = text_;
        const std::size_t equals = find_equals(text);
        if (equals == std::string_view::npos) {
            return refuse("expected path.to.key=VALUE, found no '='; for example -o trainer.max_epochs=3");
        }
        const bool appends = equals > 0 && text[equals - 1] == '+';
        const std::string_view key = trimmed(text.substr(0, appends ? equals - 1 : equals));
        KeyPathResult parsed = parse_key_path(key);
        if (!parsed.problem.empty()) return refuse("the part before '=' is no key: " + parsed.problem);
        if (parsed.path.front() == "include" || parsed.path.front() == "merge") {
            return refuse(in_quotes(parsed.path.front()) +
                          " is read from files only; name a second file on the command line instead");
        }
        std::optional<Node> value = parse_text(key, text.substr(equals + 1));
        if (!value) return std::nullopt;
        if (parsed.path.size() + nesting_of(*value) > kDeepestNesting + 1) {
            return refuse(too_deep_message());
        }
        return Override{appends ? Operation::append : Operation::assign, std::move(parsed.path), std::move(*value)};
    }

    std::optional<Override> refuse(std::string message) {
        report(std::move(message));
        return std::nullopt;
    }

    /// A TOML value, or a bare word taken as a string.
    std::optional<Node> parse_text(std::string_view key, std::string_view whole) {
        const std::string_view text = trimmed(whole);
        if (text.empty()) {
            report("the value is empty; for an empty string write " + shell_example(key, "\"\""));
            return std::nullopt;
        }
        ValueResult result = parse_value(text, source_);
        if (result.node) return std::move(result.node);
        const bool looks_like_toml = std::string_view("\"'[{").find(text.front()) != std::string_view::npos;
        if (!result.is_toml && !looks_like_toml) return Node(std::string(text), source_);
        std::string message = "the value cannot be read: " + result.reason;
        if (result.character > 0) {
            const std::size_t skipped = static_cast<std::size_t>(text.data() - text_.data());
            message += " (character " + std::to_string(position_at(text_, skipped).column - 1 + result.character) + ")";
        }
        if (text.front() == '[' || text.front() == '{') {
            message += "; strings in lists and tables are quoted, as in " + shell_example("logger", "[{type=\"csv\"}]");
        }
        report(std::move(message));
        return std::nullopt;
    }

    // --- changing the tree ---

    void apply(Override& change) {
        Node* parent = &root_;
        KeyPath above;
        if (!can_reach(change)) return;
        const std::string last = change.path.back();
        for (std::size_t i = 0; i + 1 < change.path.size(); ++i) {
            Node* next = child(*parent, change.path[i]);
            parent = next ? next : &parent->set(change.path[i], Node(Node::Table{}, source_));
        }
        Node* const target = child(*parent, last);
        if (change.operation == Operation::append) {
            Node& list = target ? *target : parent->set(last, Node(Node::List{}, source_));
            append(list, std::move(change.value));
        } else if (target) {
            *target = std::move(change.value);
        } else {
            parent->set(last, std::move(change.value));
        }
    }

    static void append(Node& list, Node value) {
        if (!value.is_list()) {
            list.as_list().push_back(std::move(value));
            return;
        }
        for (Node& element : value.as_list()) list.as_list().push_back(std::move(element));
    }

    /// Walks the path without changing anything; reports what is in the way.
    bool can_reach(const Override& change) {
        const Node* node = &root_;
        KeyPath walked;
        for (const std::string& segment : change.path) {
            const bool possible = node ? can_step(*node, walked, segment) : can_create(walked, segment);
            if (!possible) return false;
            node = node ? child(*node, segment) : nullptr;
            walked.push_back(segment);
        }
        if (change.operation == Operation::assign || !node || node->is_list()) return true;
        report(in_quotes(to_text(walked)) + " is " + what_is_there(*node) + ", not a list; += appends to lists");
        return false;
    }

    /// Tables are made on the way; list elements are not.
    bool can_create(const KeyPath& walked, const std::string& segment) {
        if (!parse_index(segment)) return true;
        if (complete_) {
            report("there is no list " + in_quotes(to_text(walked)) + "; to append to it: " + append_example(walked));
        }
        return false;
    }

    bool can_step(const Node& node, const KeyPath& walked, const std::string& segment) {
        const std::string name = in_quotes(to_text(walked));
        if (node.is_list()) return can_index(node, walked, segment);
        if (!node.is_table()) {
            report(name + " is " + what_is_there(node) + ", not a table or a list; it has no " + in_quotes(segment));
            return false;
        }
        if (!parse_index(segment) || node.find(segment)) return true;
        if (walked.empty()) {
            report("a path starts with a name, not with the number " + segment);
        } else {
            report(name + " is " + what_is_there(node) + ", not a list; it has no element " + segment);
        }
        return false;
    }

    bool can_index(const Node& list, const KeyPath& walked, const std::string& segment) {
        const std::size_t size = list.as_list().size();
        const std::string name = in_quotes(to_text(walked));
        const std::optional<std::size_t> index = parse_index(segment);
        if (index && *index < size) return true;
        const std::string first = to_text(walked) + ".0";
        const std::string there = size == 0   ? "no elements"
                                  : size == 1 ? "1 element (" + first + ")"
                                              : std::to_string(size) + " elements (" + first + " to " +
                                                    to_text(walked) + "." + std::to_string(size - 1) + ")";
        if (index) {
            report(name + " has " + there + ", so there is no " + segment + "; to append: " + append_example(walked));
        } else {
            report(name + " is a list with " + there + "; expected a number in place of " + in_quotes(segment));
        }
        return false;
    }

    static std::string append_example(const KeyPath& list) {
        return shell_example(to_text(list) + "+", "{type=\"...\"}");
    }

    Node& root_;
    const std::string& text_;
    bool complete_;
    Source source_;
    std::vector<Problem>& problems_;
};

}  // namespace

void apply_overrides(Node& root, const std::vector<std::string>& overrides, bool complete,
                     std::vector<Problem>& problems) {
    for (const std::string& text : overrides) Application(root, text, complete, problems).run();
}

}  // namespace dvhost::manifest
