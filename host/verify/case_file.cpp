#include "verify/case_file.hpp"

#include "manifest/file_text.hpp"
#include "manifest/parse.hpp"
#include "verify/expectations.hpp"

#include <dv/error.hpp>
#include <dv/torch/parameters.hpp>

#include <algorithm>

namespace dvhost::verify {

using manifest::Node;
using manifest::Problem;

namespace {

const Kind* kind_of(TableReader& reader) {
    std::vector<std::string> names;
    for (const Kind& kind : kinds()) names.emplace_back(kind.name);
    const std::string wanted = reader.word("kind", names, std::nullopt);
    for (const Kind& kind : kinds()) {
        if (kind.name == wanted) return &kind;
    }
    return nullptr;
}

/// The id before anything else is known: it stands in every message.
std::string id_of(const Node& table, std::size_t index) {
    const Node* id = table.is_table() ? table.find("id") : nullptr;
    return id != nullptr && id->is_string() ? id->as_string() : "number " + std::to_string(index + 1);
}

Case read_case(const Node& table, const std::string& id, std::string_view text, const registry::Registry& plugins,
               std::vector<Problem>& problems) {
    TableReader reader(table, "case " + id, plugins, problems);
    Case out;
    out.id = id;
    out.where = table.source();
    reader.word("id", {}, std::nullopt);
    reader.word("note", {}, "");
    out.kind = kind_of(reader);
    out.expected = read_expected(reader, text);
    out.tolerances = read_tolerances(reader);
    if (out.kind == nullptr) return out;  // what else it may hold depends on the kind
    out.run = out.kind->read(reader);
    reader.finish();
    return out;
}

std::vector<Case> read_list(const Node& list, const std::string& only, std::string_view text,
                            const registry::Registry& plugins, std::vector<Problem>& problems) {
    std::vector<Case> out;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < list.as_list().size(); ++i) {
        const Node& table = list.as_list()[i];
        const std::string id = id_of(table, i);
        if (!table.is_table()) {
            problems.push_back({table.source(), "a case is a table, begun by [[case]]"});
            continue;
        }
        if (std::find(ids.begin(), ids.end(), id) != ids.end()) {
            problems.push_back({table.source(), "there is a case '" + id + "' above already: give each its own id"});
        }
        ids.push_back(id);
        if (dv::matches(only, id)) out.push_back(read_case(table, id, text, plugins, problems));
    }
    if (out.empty() && problems.empty()) {
        constexpr std::size_t kShown = 12;
        std::string names;
        for (std::size_t i = 0; i < std::min(ids.size(), kShown); ++i) names += (i == 0 ? "" : ", ") + ids[i];
        if (ids.size() > kShown) names += ", and " + std::to_string(ids.size() - kShown) + " more";
        problems.push_back({list.source(), "no case's id fits '" + only + "' (have: " + names + ")"});
    }
    return out;
}

}  // namespace

std::vector<Case> read_cases(const std::filesystem::path& file, const std::string& only,
                             const registry::Registry& plugins) {
    std::vector<Problem> problems;
    const manifest::Source whole{manifest::Source::Kind::file, file.string(), 1, 1};
    const manifest::FileText read = manifest::read_file(file);
    if (!read.problem.empty()) throw CaseFileError({{whole, read.problem}});
    const std::optional<Node> root = manifest::parse_document(read.text, file.string(), problems);
    std::vector<Case> out;
    if (root) {
        const Node* list = root->find("case");
        for (const manifest::Member& member : root->as_table()) {
            if (member.key != "case")
                problems.push_back(
                    {member.key_source, "unknown key '" + member.key + "': a case file is a list of [[case]]"});
        }
        if (list == nullptr || !list->is_list()) {
            problems.push_back({whole, "has no cases: each begins with [[case]]"});
        } else {
            out = read_list(*list, only, read.text, plugins, problems);
        }
    }
    if (!problems.empty()) throw CaseFileError(std::move(problems));
    return out;
}

std::filesystem::path suite_file(const std::string& name) {
    const auto folder =
        std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "share" / "dvhost" / "cases";
    const auto file = folder / (name + ".toml");
    std::error_code unknown;
    if (std::filesystem::is_regular_file(file, unknown)) return file;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, unknown)) {
        if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    throw dv::IoError("there is no suite '" + name + "' in " + folder.string() +
                      " (have: " + (known.empty() ? "none" : known) + ")");
}

}  // namespace dvhost::verify
