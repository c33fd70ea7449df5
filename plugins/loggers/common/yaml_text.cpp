#include "yaml_text.hpp"

#include "json_text.hpp"
#include "number_text.hpp"

#include <dv/binding.hpp>
#include <dv/error.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace loggers::yaml {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// What YAML 1.1 takes for a bool or for nothing, in any case.
bool is_word_with_a_meaning(std::string_view text) {
    std::string lower(text);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    constexpr std::array<std::string_view, 9> words{"y", "n", "yes", "no", "true", "false", "on", "off", "null"};
    return std::ranges::find(words, lower) != words.end();
}

bool is_plain(std::string_view text) {
    if (text.empty() || !is_letter(text.front()) || is_word_with_a_meaning(text)) return false;
    return std::ranges::all_of(text, [](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-';
    });
}

template <class T>
T scalar(dv_status (*read)(const dv_node*, T*), const dv_node* node) {
    T value{};
    if (read(node, &value) != DV_OK) throw dv::Error("the host could not read a value of the manifest as what it is");
    return value;
}

class Emitter {
public:
    Emitter(std::string& out, const dv_config& config) : out_(out), config_(config) {}

    void table(const dv_node* node, std::size_t indent) {
        std::vector<std::pair<std::string_view, const dv_node*>> entries;
        for (std::uint64_t i = 0, n = config_.count(node); i < n; ++i) {
            entries.emplace_back(dv::detail::view(config_.key(node, i)), config_.item(node, i));
        }
        std::ranges::sort(entries);
        for (const auto& [key, value] : entries) {
            if (&key != &entries.front().first) out_.append(indent, ' ');
            append_string(out_, key);
            out_ += ':';
            behind_key(value, indent);
        }
    }

private:
    bool is_empty(const dv_node* node) const { return config_.count(node) == 0; }

    void behind_key(const dv_node* node, std::size_t indent) {
        const std::int32_t kind = config_.kind(node);
        const bool nested = (kind == DV_KIND_TABLE || kind == DV_KIND_LIST) && !is_empty(node);
        if (!nested) {
            out_ += ' ';
            scalar_or_empty(node);
            out_ += '\n';
            return;
        }
        out_ += '\n';
        const std::size_t inner = kind == DV_KIND_TABLE ? indent + 2 : indent;  // as PyYAML: a list is not set in
        out_.append(inner, ' ');
        block(node, inner);
    }

    void block(const dv_node* node, std::size_t indent) {
        if (config_.kind(node) == DV_KIND_TABLE) return table(node, indent);
        for (std::uint64_t i = 0, n = config_.count(node); i < n; ++i) {
            if (i != 0) out_.append(indent, ' ');
            out_ += "- ";
            const dv_node* item = config_.item(node, i);
            const std::int32_t kind = config_.kind(item);
            if ((kind == DV_KIND_TABLE || kind == DV_KIND_LIST) && !is_empty(item)) {
                block(item, indent + 2);
            } else {
                scalar_or_empty(item);
                out_ += '\n';
            }
        }
    }

    void scalar_or_empty(const dv_node* node) {
        switch (config_.kind(node)) {
            case DV_KIND_BOOL: out_ += scalar(config_.as_bool, node) != 0 ? "true" : "false"; return;
            case DV_KIND_INT: loggers::append_number(out_, scalar(config_.as_int, node)); return;
            case DV_KIND_FLOAT: append_number(out_, scalar(config_.as_float, node)); return;
            case DV_KIND_STRING: append_string(out_, dv::detail::view(scalar(config_.as_string, node))); return;
            case DV_KIND_LIST: out_ += "[]"; return;
            case DV_KIND_TABLE: out_ += "{}"; return;
            default: out_ += "null";  // a kind of a newer host
        }
    }

    std::string& out_;
    const dv_config& config_;
};

}  // namespace

void append_table(std::string& out, const dv_config& config, const dv_node* table) {
    if (config.count(table) == 0) {
        out += "{}\n";
    } else {
        Emitter(out, config).table(table, 0);
    }
}

void append_string(std::string& out, std::string_view text) {
    if (is_plain(text)) {
        out += text;
    } else {
        json::append_string(out, text);
    }
}

void append_number(std::string& out, double value) {
    if (std::isnan(value)) {
        out += ".nan";
    } else if (std::isinf(value)) {
        out += value < 0 ? "-.inf" : ".inf";
    } else {
        const std::size_t before = out.size();
        append_python_number(out, value);
        const std::size_t e = out.find('e', before);
        if (e != std::string::npos && out.find('.', before) == std::string::npos) out.insert(e, ".0");
    }
}

}  // namespace loggers::yaml
