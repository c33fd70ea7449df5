#include "manifest/interpolate.hpp"

#include "manifest/key_path.hpp"
#include "manifest/suggest.hpp"
#include "manifest/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <unordered_map>
#include <utility>

namespace dvhost::manifest {
namespace {

/// Stops strings that double each other into gigabytes.
constexpr std::size_t kMostInserted = std::size_t{16} << 20U;
/// References of references; each level recurses.
constexpr std::size_t kLongestChain = 64;

/// The replacement of what stands between ${ and }, or nothing when a problem was reported.
using Lookup = std::function<std::optional<std::string>(std::string_view)>;
using Report = std::function<void(std::string)>;

/// `text` with all references replaced; nothing when one could not be. Every reference is looked up, so that all are
/// reported.
std::optional<std::string> expand(std::string_view text, const Lookup& lookup, const Report& report) {
    std::string out;
    bool failed = false;
    while (!text.empty()) {
        const std::size_t dollar = std::min(text.find('$'), text.size());
        out += text.substr(0, dollar);
        text.remove_prefix(dollar);
        if (text.starts_with("$${")) {
            out += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            const std::size_t close = text.find('}');
            if (close == std::string_view::npos) {
                report("holds '${' without '}'; write $${ for the two characters themselves");
                return std::nullopt;
            }
            const std::optional<std::string> value = lookup(text.substr(2, close - 2));
            failed |= !value;
            out += value.value_or("");
            text.remove_prefix(close + 1);
        } else if (!text.empty()) {
            out += '$';
            text.remove_prefix(1);
        }
    }
    return failed ? std::nullopt : std::optional(std::move(out));
}

constexpr std::string_view kEnvironment = "env:";

bool is_variable_name(std::string_view name) {
    const auto is_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !name.empty() && (name[0] < '0' || name[0] > '9') && std::all_of(name.begin(), name.end(), is_word);
}

std::optional<std::string> environment(std::string_view name, const Report& report) {
    const std::string reference = in_quotes("${env:" + std::string(name) + "}");
    if (!is_variable_name(name)) {
        report("holds " + reference + "; expected the name of an environment variable, as in ${env:HOME}");
        return std::nullopt;
    }
    const char* const value = std::getenv(std::string(name).c_str());
    if (!value) {
        report("needs the environment variable " + std::string(name) + ", which is not set (" + reference + ")");
        return std::nullopt;
    }
    if (first_non_utf8(value) != std::string_view::npos) {
        report("needs the environment variable " + std::string(name) + ", whose value is not UTF-8 (" + reference +
               ")");
        return std::nullopt;
    }
    return value;
}

std::string scalar_text(const Node& node) {
    if (node.is_bool()) return node.as_bool() ? "true" : "false";
    if (node.is_int()) return std::to_string(node.as_int());
    if (node.is_float()) return toml_float(node.as_number());
    return node.as_string();
}

/// Calls `visit(node, path)` for every scalar of the tree.
template <class Tree, class Visit>
void for_each_scalar(Tree& node, KeyPath& path, const Visit& visit) {
    if (node.is_table()) {
        for (auto& member : node.as_table()) {
            path.push_back(member.key);
            for_each_scalar(member.value, path, visit);
            path.pop_back();
        }
    } else if (node.is_list()) {
        for (std::size_t i = 0; i < node.as_list().size(); ++i) {
            path.push_back(std::to_string(i));
            for_each_scalar(node.as_list()[i], path, visit);
            path.pop_back();
        }
    } else {
        visit(node, path);
    }
}

/// Resolves strings depth first, each once, in place.
class Interpolation {
public:
    Interpolation(Node& root, bool complete, std::vector<Problem>& problems)
        : root_(root), complete_(complete), problems_(problems) {}

    void run() {
        std::vector<std::pair<Node*, std::string>> strings;
        KeyPath path;
        for_each_scalar(root_, path, [&](Node& node, const KeyPath& at) {
            if (node.is_string() && node.as_string().find("${") != std::string::npos) {
                strings.emplace_back(&node, to_text(at));
                progress_[&node];
            }
        });
        for (const auto& [node, text] : strings) resolve(*node, text);
    }

private:
    enum class State { waiting, active, done, failed };
    struct Progress {
        State state = State::waiting;
        std::size_t chain = 0;  ///< references below it
    };
    struct Link {
        const Node* node;
        std::string path;
    };

    /// False when the string could not be resolved; the reason is among the problems then.
    bool resolve(Node& node, const std::string& path) {
        const auto found = progress_.find(&node);
        if (found == progress_.end() || found->second.state == State::done) return true;
        Progress& progress = found->second;
        if (progress.state == State::failed) return false;
        progress.state = State::active;
        active_.push_back({&node, path});
        const Report report = [&](std::string message) {
            problems_.push_back({node.source(), in_quotes(path) + " " + std::move(message)});
        };
        const auto lookup = [&](std::string_view inner) { return value_of(inner, progress, report); };
        std::optional<std::string> text = expand(node.as_string(), lookup, report);
        active_.pop_back();
        progress.state = text ? State::done : State::failed;
        if (text) node = Node(std::move(*text), node.source());
        return progress.state == State::done;
    }

    std::optional<std::string> value_of(std::string_view inner, Progress& user, const Report& report) {
        std::optional<std::string> value = inner.starts_with(kEnvironment)
                                               ? environment(inner.substr(kEnvironment.size()), report)
                                               : referred(inner, user, report);
        if (!value || exhausted_) return std::nullopt;
        inserted_ += value->size();
        if (inserted_ <= kMostInserted) return value;
        exhausted_ = true;
        report("and other strings grow to more than " + std::to_string(kMostInserted >> 20U) +
               " MiB by their references");
        return std::nullopt;
    }

    std::optional<std::string> referred(std::string_view inner, Progress& user, const Report& report) {
        const std::string reference = in_quotes("${" + std::string(inner) + "}");
        const KeyPathResult parsed = parse_key_path(inner);
        if (!parsed.problem.empty()) {
            report("holds " + reference + ": " + parsed.problem +
                   "; expected ${path.to.key} or ${env:NAME} ($${ stands for the two characters)");
            return std::nullopt;
        }
        Node* target = &root_;
        for (const std::string& segment : parsed.path) {
            target = target ? child(*target, segment) : nullptr;
        }
        if (!target) {
            if (complete_) report("refers to " + reference + ", which the manifest does not set" + suggestion(inner));
            return std::nullopt;
        }
        if (target->is_table() || target->is_list()) {
            report("refers to " + reference + ", which is " + std::string(target->type_name()) +
                   "; expected a string, a number or a bool");
            return std::nullopt;
        }
        return text_of(*target, to_text(parsed.path), user, report);
    }

    std::optional<std::string> text_of(Node& target, const std::string& path, Progress& user, const Report& report) {
        const auto found = progress_.find(&target);
        if (found != progress_.end() && found->second.state == State::active) {
            report("refers to itself: " + circle(target, path));
            return std::nullopt;
        }
        if (active_.size() > kLongestChain || !resolve(target, path)) {
            if (active_.size() > kLongestChain) report(chain_too_long());
            return std::nullopt;
        }
        const std::size_t below = found == progress_.end() ? 0 : found->second.chain + 1;
        user.chain = std::max(user.chain, below);
        if (user.chain <= kLongestChain) return scalar_text(target);
        report(chain_too_long());
        return std::nullopt;
    }

    static std::string chain_too_long() {
        return "refers to a chain of more than " + std::to_string(kLongestChain) + " references";
    }

    std::string circle(const Node& target, const std::string& path) const {
        const auto begin =
            std::find_if(active_.begin(), active_.end(), [&](const Link& l) { return l.node == &target; });
        std::string text;
        for (auto link = begin; link != active_.end(); ++link) text += printable(link->path) + " -> ";
        return text + printable(path);
    }

    std::string suggestion(std::string_view inner) const {
        std::vector<std::string> candidates{"env:" + std::string(inner.substr(inner.find(':') + 1))};
        if (inner.find(':') == std::string_view::npos) candidates.clear();
        KeyPath path;
        for_each_scalar(std::as_const(root_), path,
                        [&](const Node&, const KeyPath& at) { candidates.push_back(to_text(at)); });
        const std::optional<std::string> name = closest(inner, candidates);
        return name ? "; did you mean " + in_quotes("${" + *name + "}") + "?" : "";
    }

    Node& root_;
    bool complete_;
    std::vector<Problem>& problems_;
    std::unordered_map<const Node*, Progress> progress_;  ///< of the strings that hold references
    std::vector<Link> active_;
    std::size_t inserted_ = 0;
    bool exhausted_ = false;
};

}  // namespace

void interpolate(Node& root, bool complete, std::vector<Problem>& problems) {
    Interpolation(root, complete, problems).run();
}

std::optional<std::string> expand_environment(const std::string& text, const Source& source,
                                              std::vector<Problem>& problems) {
    const Report report = [&](std::string message) {
        problems.push_back({source, in_quotes(text) + " " + std::move(message)});
    };
    const Lookup lookup = [&](std::string_view inner) -> std::optional<std::string> {
        if (inner.starts_with(kEnvironment)) return environment(inner.substr(kEnvironment.size()), report);
        report("is read before the values of the manifest are known; only ${env:NAME} can stand in it");
        return std::nullopt;
    };
    return expand(text, lookup, report);
}

}  // namespace dvhost::manifest
