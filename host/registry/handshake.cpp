#include "registry/handshake.hpp"

#include "registry/door.hpp"
#include "registry/printable.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

namespace dvhost::registry {
namespace {

constexpr std::uint32_t kMaxSize = 64 * 1024;  ///< of any struct at the door [bytes]
constexpr std::uint32_t kMaxComponents = 4096;
constexpr std::size_t kMaxString = 4096;  ///< [bytes]

/// The first fields of every struct, without which it is of no use. Later ones an older plugin may lack.
constexpr std::size_t kPluginHead = offsetof(dv_plugin, init);
constexpr std::size_t kComponentHead = offsetof(dv_component, query);

/// The portable kinds' tables: 8 bytes, then functions only. `head` are the functions that every plugin has.
struct Table {
    std::string_view iface;
    std::size_t head, known;
};
constexpr Table kTables[] = {
    {DV_IFACE_LOGGER, offsetof(dv_logger_1, hyperparameters), sizeof(dv_logger_1)},
    {DV_IFACE_CALLBACK, sizeof(dv_callback_1), sizeof(dv_callback_1)},
    {DV_IFACE_SCHEDULE, sizeof(dv_schedule_1), sizeof(dv_schedule_1)},
};

const Table* find_table(std::string_view iface) {
    const auto* known =
        std::find_if(std::begin(kTables), std::end(kTables), [&](const Table& t) { return t.iface == iface; });
    return known == std::end(kTables) ? nullptr : known;
}

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string hexadecimal(std::uint32_t value) {
    char text[16];
    std::snprintf(text, sizeof text, "0x%08x", value);
    return text;
}

class Checker {
public:
    explicit Checker(const Module& module) : module_(module) {}

    void plugin(const dv_plugin* p) const {
        if (!p) throw HandshakeError("entry returned null");
        readable(p, kPluginHead, "the plugin's table");
        if (p->magic != DV_PLUGIN_MAGIC) {
            throw HandshakeError("dv_plugin.magic is " + hexadecimal(p->magic) + ", expected " +
                                 hexadecimal(DV_PLUGIN_MAGIC));
        }
        size(p, p->size, kPluginHead, "dv_plugin");
        if (p->abi_major != DV_ABI_MAJOR) {
            throw HandshakeError("dv_plugin.abi_major is " + number(p->abi_major) + ", accepted is " +
                                 number(DV_ABI_MAJOR));
        }
        if (p->plugin_class != DV_CLASS_PORTABLE && p->plugin_class != DV_CLASS_TORCH) {
            throw HandshakeError("dv_plugin.plugin_class is " + number(p->plugin_class) +
                                 ", accepted are 1 (portable) and 2 (torch)");
        }
        text(p->id, "dv_plugin.id");
        text(p->version, "dv_plugin.version");
        if (p->n_components < 1 || p->n_components > kMaxComponents) {
            throw HandshakeError("dv_plugin.n_components is " + number(p->n_components) + ", accepted are 1 to " +
                                 number(kMaxComponents));
        }
        readable(p->components, p->n_components * sizeof(const dv_component*), "dv_plugin.components");
        const dv_plugin known = copy_known(p);
        function(known.init, "dv_plugin.init");
        function(known.fini, "dv_plugin.fini");
        for (std::uint32_t i = 0; i < p->n_components; ++i) {
            component(p->components[i], "components[" + number(i) + "]");
        }
    }

private:
    void component(const dv_component* c, std::string name) const {
        readable(c, kComponentHead, name);
        size(c, c->size, kComponentHead, name);
        text(c->id, name + ".id");
        name = "component '" + printable(c->id) + "'";
        text(c->iface, name + ": iface");
        const dv_component known = copy_known(c);
        required(known.create, name + ": create");
        required(known.destroy, name + ": destroy");
        function(known.query, name + ": query");
        if (known.vtable) {
            table(known.vtable, c->iface, name + ": vtable");
        } else if (!known.query) {
            throw HandshakeError(name + " has neither a vtable nor a query function");
        }
    }

    void table(const void* vtable, std::string_view iface, const std::string& name) const {
        constexpr std::size_t kFirstFunction = 8;
        const Table* known = find_table(iface);
        const std::size_t head = known ? known->head : kFirstFunction;
        readable(vtable, head, name);
        std::uint32_t table_size = 0;
        std::memcpy(&table_size, vtable, sizeof table_size);
        size(vtable, table_size, head, name);
        if (!known) return;  // a kind of its own: whoever knows it looks closer
        const std::size_t end = std::min<std::size_t>(table_size, known->known);
        for (std::size_t at = kFirstFunction; at + sizeof(void*) <= end; at += sizeof(void*)) {
            const void* pointer = nullptr;
            std::memcpy(&pointer, static_cast<const char*>(vtable) + at, sizeof pointer);
            code(pointer, name + ", function " + number((at - kFirstFunction) / sizeof(void*)));
        }
    }

    void readable(const void* pointer, std::size_t n, const std::string& what) const {
        if (!pointer) throw HandshakeError(what + " is null");
        if (!module_.holds(pointer, n)) throw HandshakeError(what + " points outside the plugin");
    }
    void size(const void* pointer, std::uint32_t found, std::size_t least, const std::string& what) const {
        if (found < least || found > kMaxSize) {
            throw HandshakeError(what + ".size is " + number(found) + ", accepted are " + number(least) + " to " +
                                 number(kMaxSize));
        }
        readable(pointer, found, what + " (" + number(found) + " bytes)");
    }
    void text(const char* pointer, const std::string& what) const {
        readable(pointer, 1, what);
        if (!module_.holds_text(pointer, kMaxString)) {
            throw HandshakeError(what + " is not terminated within " + number(kMaxString) + " bytes");
        }
    }
    void code(const void* pointer, const std::string& what) const {
        if (pointer && !module_.holds_code(pointer)) throw HandshakeError(what + " points outside the plugin's code");
    }
    template <class Function>
    void function(Function* pointer, const std::string& what) const {
        code(reinterpret_cast<const void*>(pointer), what);
    }
    template <class Function>
    void required(Function* pointer, const std::string& what) const {
        if (!pointer) throw HandshakeError(what + " is null");
        function(pointer, what);
    }

    const Module& module_;
};

void same(const std::string& what, const std::string& table, const std::string& note) {
    if (table == note) return;
    throw HandshakeError(what + " is '" + printable(table) + "' in the plugin's table, '" + note + "' in its note");
}

std::string class_text(PluginClass plugin_class) { return plugin_class == PluginClass::torch ? "torch" : "portable"; }

}  // namespace

void check_tables(const Module& module, const dv_plugin* plugin) { Checker(module).plugin(plugin); }

std::size_t known_table_size(std::string_view iface) {
    const Table* known = find_table(iface);
    return known ? known->known : 0;
}

void check_against_note(const dv_plugin& plugin, const PluginInfo& note) {
    same("plugin id", plugin.id, note.id);
    same("plugin version", plugin.version, note.version);
    same("plugin class", plugin.plugin_class == DV_CLASS_TORCH ? "torch" : "portable", class_text(note.plugin_class));

    std::map<std::string_view, const dv_component*> in_table;
    for (std::uint32_t i = 0; i < plugin.n_components; ++i) {
        const dv_component* c = plugin.components[i];
        if (!in_table.emplace(c->id, c).second) {
            throw HandshakeError("component '" + printable(c->id) + "' is twice in the plugin's table");
        }
    }
    for (const ComponentInfo& listed : note.components) {
        const auto found = in_table.find(listed.id);
        if (found == in_table.end()) {
            throw HandshakeError("component '" + listed.id + "' is in the note but missing in the plugin's table");
        }
        const dv_component& c = *found->second;
        same("component '" + listed.id + "': iface", c.iface, listed.iface);
        same("component '" + listed.id + "': iface_version", number(c.iface_version), number(listed.iface_version));
        in_table.erase(found);
    }
    if (!in_table.empty()) {
        throw HandshakeError("component '" + printable(in_table.begin()->first) +
                             "' is in the plugin's table but missing in the note");
    }
}

}  // namespace dvhost::registry
