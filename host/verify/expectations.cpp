#include "verify/expectations.hpp"

#include "manifest/text.hpp"

#include <cmath>
#include <cstdlib>

namespace dvhost::verify {

using manifest::Node;

namespace {

/// The characters of the number that begins at `offset`.
std::string_view number_text(std::string_view text, std::size_t offset) {
    const std::string_view rest = text.substr(std::min(offset, text.size()));
    return rest.substr(0, rest.find_first_not_of("+-0123456789._eE"));
}

/// The size of the last digit: 1e-3 for "0.125", 0 for "17".
double unit_of(std::string_view number) {
    const std::size_t point = number.find('.');
    const std::size_t exponent_at = number.find_first_of("eE");
    if (point == std::string_view::npos && exponent_at == std::string_view::npos) return 0.0;
    const std::string_view mantissa = number.substr(0, exponent_at);
    const long places = point == std::string_view::npos ? 0 : static_cast<long>(mantissa.size() - point - 1);
    const long exponent = exponent_at == std::string_view::npos
                              ? 0
                              : std::strtol(std::string(number.substr(exponent_at + 1)).c_str(), nullptr, 10);
    return std::pow(10.0, static_cast<double>(exponent - places));
}

/// Numbers and "absent", in nested lists or alone.
void collect(const Node& node, std::string_view text, std::vector<Written>& out, const TableReader& reader) {
    if (node.is_list()) {
        for (const Node& item : node.as_list()) collect(item, text, out, reader);
    } else if (node.is_number()) {
        out.push_back(written_number(node, text));
    } else if (node.is_string() && node.as_string() == "absent") {
        out.push_back({0.0, 0.0, /*absent=*/true});
    } else {
        reader.problem(node.source(),
                       "an expected value is " + std::string(node.type_name()) + ": must be a number or \"absent\"");
    }
}

void collect_tables(const Node& table, const std::string& prefix, std::string_view text, std::vector<Expected>& out,
                    const TableReader& reader) {
    for (const manifest::Member& member : table.as_table()) {
        const std::string name = prefix + member.key;
        if (member.value.is_table()) {
            collect_tables(member.value, name + ".", text, out, reader);
            continue;
        }
        Expected expected{name, member.key_source, {}};
        collect(member.value, text, expected.values, reader);
        out.push_back(std::move(expected));
    }
}

Bound read_bound(TableReader& reader, const std::string& suffix) {
    Bound out;
    if (reader.table().find("relative" + suffix) != nullptr) out.relative = reader.number("relative" + suffix);
    if (reader.table().find("absolute" + suffix) != nullptr) out.absolute = reader.number("absolute" + suffix);
    reader.find("relative" + suffix);  // known, whether given or not
    reader.find("absolute" + suffix);
    return out;
}

}  // namespace

Written written_number(const Node& node, std::string_view text) {
    const manifest::Source& where = node.source();
    const std::string_view number = number_text(text, manifest::offset_of(text, {where.line, where.column}));
    return {node.as_number(), unit_of(number), false};
}

std::vector<Expected> read_expected(TableReader& reader, std::string_view text) {
    std::vector<Expected> out;
    const Node* node = reader.need("expect", "give a table of what the case should give");
    if (node == nullptr) return out;
    if (!node->is_table() || node->as_table().empty()) {
        reader.problem(node->source(), "'expect' must be a table that names at least one value");
        return out;
    }
    collect_tables(*node, "", text, out, reader);
    return out;
}

Tolerances read_tolerances(TableReader& reader) {
    Tolerances out;
    const Node* node = reader.find("tolerance");
    if (node == nullptr) return out;
    const std::string form = "{ \"*\" = { relative = 1e-12 }, loss = { absolute = 1e-6 } }";
    if (!node->is_table()) {
        reader.problem(node->source(), "'tolerance' must be a table by name of the value, as " + form);
        return out;
    }
    for (const manifest::Member& member : node->as_table()) {
        if (!member.value.is_table()) {
            reader.problem(member.value.source(), "'tolerance." + member.key + "' must be a table, as " + form);
            continue;
        }
        TableReader inside(member.value, reader.context() + ".tolerance." + member.key, reader.plugins(),
                           reader.problems());
        out[member.key] = {read_bound(inside, ""), read_bound(inside, "_32")};
        inside.finish();
    }
    return out;
}

}  // namespace dvhost::verify
