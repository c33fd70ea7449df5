#include "registry/library.hpp"

#include "registry/door.hpp"
#include "registry/handshake.hpp"
#include "registry/printable.hpp"

#include <boost/dll/shared_library.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

namespace dvhost::registry {
namespace {

constexpr const char* kEntry = "dv_plugin_entry";

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
    throw Refusal(path.string(), reason, ExitCode::rejected);
}

boost::dll::shared_library opened(const PluginFile& file) {
    using boost::dll::load_mode::type;
    const auto mode =
        static_cast<type>(boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local | RTLD_NODELETE);
    // The real path: $ORIGIN means the folder in which the file lies, not that of a link to it.
    std::error_code failed;
    const std::filesystem::path path = std::filesystem::canonical(file.path(), failed);
    if (failed) refuse(file.path(), "changed on disk since it was checked: " + failed.message());
    boost::dll::shared_library library;
    library.load(path, mode, failed);
    if (failed) {  // the code is the same for every failure; the reason is the loader's text
        const char* text = dlerror();
        refuse(file.path(), "cannot be loaded: " + (text ? printable(text) : failed.message()));
    }
    return library;
}

/// copy_known() whose `size` tells how much of the copy there is.
template <class T>
T known(const T* door_struct) {
    T copy = copy_known(door_struct);
    copy.size = static_cast<std::uint32_t>(std::min<std::size_t>(copy.size, sizeof(T)));
    return copy;
}

/// The entry's answer. An exception here is a breach of the door's rules, but only of this plugin's making.
const dv_plugin* answer_of(const boost::dll::shared_library& library, const Module& module) {
    if (!library.has(kEntry)) throw HandshakeError("symbol dv_plugin_entry missing");
    const auto& entry = library.get<const dv_plugin*(std::uint16_t, std::uint16_t)>(kEntry);
    if (!module.holds_code(reinterpret_cast<const void*>(&entry))) {
        throw HandshakeError("symbol dv_plugin_entry is that of another library");
    }
    try {
        return entry(DV_ABI_MAJOR, DV_ABI_MINOR);
    } catch (const std::exception& error) {
        throw HandshakeError("dv_plugin_entry threw: " + printable(error.what()));
    } catch (...) {
        throw HandshakeError("dv_plugin_entry threw: unknown exception");
    }
}

void check_unchanged(const PluginFile& file, const Module& module) {
    const bool same_file = mapped_file(module.address()) == mapped_file(file.bytes().data());
    if (!same_file || file.current_identity() != file.identity()) {
        refuse(file.path(),
               "changed on disk since it was checked; start again, and install by writing a new file and renaming it");
    }
}

}  // namespace

void check_entry_symbol(const PluginFile& file, const ElfImage& image) {
    try {
        const auto exports = image.exports();
        const bool found =
            std::any_of(exports.begin(), exports.end(), [](const ElfSymbol& symbol) { return symbol.name == kEntry; });
        if (!found) refuse(file.path(), "symbol dv_plugin_entry missing; build it with dv_add_plugin()");
    } catch (const ElfError& error) {
        refuse(file.path(), error.what());
    }
}

struct Library::Handle {
    boost::dll::shared_library library;
    Module module{library.native()};
};

Library::Library(const PluginFile& file) : path_(file.path()), handle_(std::make_unique<Handle>(Handle{opened(file)})) {
    check_unchanged(file, handle_->module);
}

void Library::read_tables() {
    try {
        const dv_plugin* answer = answer_of(handle_->library, handle_->module);
        check_tables(handle_->module, answer);
        original_ = answer;
    } catch (const HandshakeError& error) {
        refuse(path_, error.what());
    }
    plugin_ = known(original_);
    copy_tables();
}

void Library::compare_with(const PluginInfo& note) const {
    try {
        check_against_note(*original_, note);
    } catch (const HandshakeError& error) {
        refuse(path_, error.what());
    }
}

Library::~Library() = default;

void Library::copy_tables() {
    for (std::uint32_t i = 0; i < plugin_.n_components; ++i) {
        Component& copy = components_.emplace_back(Component{known(plugin_.components[i]), {}});
        const std::size_t size = known_table_size(copy.descriptor.iface);
        if (!copy.descriptor.vtable || size == 0) continue;
        std::uint32_t written = 0;
        std::memcpy(&written, copy.descriptor.vtable, sizeof written);
        written = static_cast<std::uint32_t>(std::min<std::size_t>(written, size));
        copy.table.resize(size / sizeof(std::uint64_t));
        std::memcpy(copy.table.data(), copy.descriptor.vtable, written - written % sizeof(std::uint64_t));
        std::memcpy(copy.table.data(), &written, sizeof written);
        copy.descriptor.vtable = copy.table.data();
    }
}

const dv_component* Library::component(std::string_view id) const {
    for (const Component& component : components_) {
        if (component.descriptor.id == id) return &component.descriptor;
    }
    return nullptr;
}

}  // namespace dvhost::registry
