#include "manifest/manifest.hpp"

#include "manifest/key_path.hpp"
#include "manifest/text.hpp"

#include <algorithm>

namespace dvhost::manifest {
namespace {

/// `${` would be a reference when the file is read again.
std::string escaped_references(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '{') out += '$';
        out += text[i];
    }
    return out;
}

/// All elements are tables and there is one: written as [[name]].
bool is_list_of_tables(const Node& node) {
    return node.is_list() && !node.as_list().empty() &&
           std::all_of(node.as_list().begin(), node.as_list().end(), [](const Node& n) { return n.is_table(); });
}

bool has_header(const Node& node) { return node.is_table() || is_list_of_tables(node); }

std::string inline_text(const Node& node);

std::string inline_list(const Node::List& list) {
    std::string out;
    for (const Node& element : list) out += (out.empty() ? "" : ", ") + inline_text(element);
    return "[" + out + "]";
}

std::string inline_table(const Node::Table& table) {
    std::string out;
    for (const Member& member : table) {
        out += (out.empty() ? " " : ", ") + key_text(member.key) + " = " + inline_text(member.value);
    }
    return out.empty() ? "{}" : "{" + out + " }";
}

std::string inline_text(const Node& node) {
    if (node.is_bool()) return node.as_bool() ? "true" : "false";
    if (node.is_int()) return std::to_string(node.as_int());
    if (node.is_float()) return toml_float(node.as_number());
    if (node.is_string()) return toml_string(escaped_references(node.as_string()));
    return node.is_list() ? inline_list(node.as_list()) : inline_table(node.as_table());
}

/// The source of a value on one line, and those of its parts that came from elsewhere.
void collect_sources(const Node& node, std::vector<Source>& sources) {
    const Source& source = node.source();
    const bool known = std::any_of(sources.begin(), sources.end(), [&](const Source& other) {
        return other.kind == source.kind && other.origin == source.origin;
    });
    if (!known) sources.push_back(source);
    if (node.is_list()) {
        for (const Node& element : node.as_list()) collect_sources(element, sources);
    } else if (node.is_table()) {
        for (const Member& member : node.as_table()) collect_sources(member.value, sources);
    }
}

class Writer {
public:
    explicit Writer(bool provenance) : provenance_(provenance) {}

    /// Plain values first: below a [header] they would belong to that table.
    void write_members(const Node::Table& table) {
        for (const Member& member : table) {
            if (!has_header(member.value)) write_value(member);
        }
        for (const Member& member : table) {
            if (!has_header(member.value)) continue;
            path_.push_back(member.key);
            if (member.value.is_table()) {
                write_table(member.value);
            } else {
                for (const Node& element : member.value.as_list()) write_element(element);
            }
            path_.pop_back();
        }
    }

    std::string take() { return std::move(out_); }

private:
    void write_value(const Member& member) {
        out_ += key_text(member.key) + " = " + inline_text(member.value);
        end_line(member.value);
    }

    /// [a.b] says that there is an [a]; so one that holds only such tables needs no header of its own.
    void write_table(const Node& table) {
        const Node::Table& members = table.as_table();
        const bool implied = !members.empty() && std::all_of(members.begin(), members.end(),
                                                             [](const Member& m) { return has_header(m.value); });
        if (!implied) write_header("[" + to_text(path_) + "]", table);
        write_members(members);
    }

    void write_element(const Node& element) {
        write_header("[[" + to_text(path_) + "]]", element);
        write_members(element.as_table());
    }

    void write_header(const std::string& header, const Node& table) {
        if (!out_.empty()) out_ += '\n';
        out_ += header;
        if (table.as_table().empty()) {
            end_line(table);
        } else {
            out_ += '\n';
        }
    }

    void end_line(const Node& node) {
        if (provenance_) {
            std::vector<Source> sources;
            collect_sources(node, sources);
            const char* separator = "  # ";
            for (const Source& source : sources) {
                out_ += separator + source.text();
                separator = ", ";
            }
        }
        out_ += '\n';
    }

    bool provenance_;
    std::string out_;
    KeyPath path_;
};

}  // namespace

std::string write(const Node& root, bool provenance) {
    Writer writer(provenance);
    writer.write_members(root.as_table());
    return writer.take();
}

}  // namespace dvhost::manifest
