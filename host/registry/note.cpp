#include "registry/note.hpp"

#include "registry/note_toml.hpp"
#include "registry/printable.hpp"

#include <dv/abi.h>

#include <algorithm>
#include <charconv>
#include <tuple>

namespace dvhost::registry {
namespace {

/// Counts what the file's notes claim, so that memory stays bounded whatever that is.
class Limits {
public:
    void admit(const ElfNote& note, const std::string& name) {
        ++n_notes_;
        n_bytes_ += note.payload.size();
        check(name + ": payload of ", note.payload.size(), kMaxNotePayload, " bytes");
        check(name + ": together with those before it ", n_bytes_, kMaxNotesPayload, " bytes of payload");
        check(name + ": number ", n_notes_, kMaxNotes, " of dvhost's notes");
    }

private:
    static void check(const std::string& what, std::size_t found, std::size_t allowed, const std::string& unit) {
        if (found <= allowed) return;
        throw NoteError(what + std::to_string(found) + unit + ", allowed are " + std::to_string(allowed));
    }
    std::size_t n_notes_ = 0, n_bytes_ = 0;
};

/// "1.0" -> {1, 0}.
std::pair<std::uint16_t, std::uint16_t> read_abi(const std::string& text, const std::string& name) {
    std::pair<std::uint16_t, std::uint16_t> abi;
    const char* end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, abi.first);
    if (major.ec == std::errc{} && major.ptr != end && *major.ptr == '.') {
        const auto minor = std::from_chars(major.ptr + 1, end, abi.second);
        if (minor.ec == std::errc{} && minor.ptr == end) return abi;
    }
    throw NoteError(name + ": 'abi' is \"" + text + "\", expected \"major.minor\"");
}

PluginClass read_class(const std::string& text, const std::string& name) {
    if (text == "portable") return PluginClass::portable;
    if (text == "torch") return PluginClass::torch;
    throw NoteError(name + ": 'class' is \"" + text + "\", expected \"portable\" or \"torch\"");
}

/// Operators are registered process-wide, so a namespace carries its vendor's name.
std::vector<std::string> read_op_namespaces(const toml::table& table, const std::string& vendor,
                                            const std::string& name) {
    std::vector<std::string> out;
    const toml::node* node = table.get("op_namespaces");
    if (!node) return out;
    if (!node->is_array()) throw NoteError(name + ": 'op_namespaces' is " + type_name(*node) + ", expected a list");
    for (const toml::node& element : *node->as_array()) {
        if (!element.is_string()) {
            throw NoteError(name + ": an operator namespace is " + type_name(element) + ", expected a string");
        }
        out.push_back(printable(element.as_string()->get()));
        if (!out.back().starts_with(vendor)) {
            throw NameError(name + ": operator namespace '" + out.back() + "' does not begin with the vendor '" +
                            vendor + "'");
        }
    }
    return out;
}

void read_plugin(const toml::table& table, const std::string& name, PluginInfo& out) {
    const std::int64_t format = integer_of(table, "format", name);
    if (format != 1) throw NoteError(name + ": 'format' is " + std::to_string(format) + ", this host reads 1");
    out.id = text_of(table, "id", name);
    if (!well_formed_id(out.id, 2)) {
        throw NameError(name + ": '" + out.id + "' is not a plugin id (vendor.name, of a-z, 0-9 and _)");
    }
    out.version = text_of(table, "version", name);
    out.plugin_class = read_class(text_of(table, "class", name), name);
    std::tie(out.abi_major, out.abi_minor) = read_abi(text_of(table, "abi", name), name);
    out.license = optional_text_of(table, "license", name);
    out.authors = optional_text_of(table, "authors", name);
    out.url = optional_text_of(table, "url", name);
    out.description = optional_text_of(table, "description", name);
    out.build = optional_text_of(table, "build", name);
    out.op_namespaces = read_op_namespaces(table, out.id.substr(0, out.id.find('.')), name);
}

ComponentInfo read_component(const toml::table& table, const std::string& name) {
    ComponentInfo out;
    out.iface = text_of(table, "iface", name);
    if (!well_formed_id(out.iface, 2)) throw NameError(name + ": '" + out.iface + "' is not an interface id");
    const std::int64_t version = integer_of(table, "iface_version", name);
    if (version < 1 || version > UINT32_MAX) {
        throw NoteError(name + ": 'iface_version' is " + std::to_string(version) + ", expected 1 or more");
    }
    out.iface_version = static_cast<std::uint32_t>(version);
    out.id = text_of(table, "id", name);
    if (!well_formed_id(out.id, 3)) {
        throw NameError(name + ": '" + out.id + "' is not a component id (vendor.kind.name, of a-z, 0-9 and _)");
    }
    out.doc = optional_text_of(table, "doc", name);
    out.parameters = read_parameters(table, name);
    return out;
}

/// Collects the notes in the order of the file, which is not the order of the source.
class Reader {
public:
    void add(const ElfNote& note) {
        const std::string name = "note " + std::to_string(note.index);
        limits_.admit(note, name);
        const std::string_view text(reinterpret_cast<const char*>(note.payload.data()), note.payload.size());
        switch (note.type) {
            case DV_NOTE_PLUGIN:
                if (n_plugins_++ > 0) throw NoteError(name + ": a second plugin note, allowed is 1");
                read_plugin(parse_note(text, name), name, info_);
                break;
            case DV_NOTE_COMPONENT: info_.components.push_back(read_component(parse_note(text, name), name)); break;
            case DV_NOTE_FINGERPRINT: info_.fingerprints.emplace_back(text); break;
            default: break;  // a note of a newer SDK
        }
        found_ = true;
    }

    std::optional<PluginInfo> finish() {
        if (!found_) return std::nullopt;
        if (n_plugins_ == 0) throw NoteError("no plugin note, expected 1");
        if (info_.components.empty()) throw NoteError("no component note, expected 1 or more");
        std::sort(info_.components.begin(), info_.components.end(),
                  [](const ComponentInfo& a, const ComponentInfo& b) { return a.id < b.id; });
        const auto twice = std::adjacent_find(info_.components.begin(), info_.components.end(),
                                              [](const auto& a, const auto& b) { return a.id == b.id; });
        if (twice != info_.components.end()) throw NoteError("two component notes for '" + twice->id + "'");
        if (info_.plugin_class == PluginClass::torch && info_.fingerprints.empty()) {
            throw NoteError("class torch without a fingerprint note, expected one per translation unit");
        }
        return std::move(info_);
    }

private:
    Limits limits_;
    PluginInfo info_;
    int n_plugins_ = 0;
    bool found_ = false;
};

}  // namespace

bool well_formed_id(std::string_view id, int parts) {
    if (id.size() > 128) return false;
    int n_parts = 1;
    char previous = '.';
    for (const char c : id) {
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!is_word && (c != '.' || previous == '.')) return false;
        if (c == '.') ++n_parts;
        previous = c;
    }
    return previous != '.' && n_parts >= parts;
}

ComponentInfo read_component_note(std::string_view text, const std::string& name) {
    return read_component(parse_note(text, name), name);
}

std::optional<PluginInfo> read_notes(const ElfImage& image) {
    Reader reader;
    image.for_each_note([&](const ElfNote& note) {
        if (note.owner == "dvhost") reader.add(note);
    });
    return reader.finish();
}

}  // namespace dvhost::registry
