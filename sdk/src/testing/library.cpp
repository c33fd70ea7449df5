#include <dv/testing/library.hpp>

#include <dlfcn.h>
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>

namespace dv::testing {
namespace {

/// T out of the file's bytes, or nothing where the file is too short.
template <class T>
std::optional<T> read_at(std::string_view bytes, std::uint64_t offset) {
    if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
    T out;
    std::memcpy(&out, bytes.data() + offset, sizeof out);
    return out;
}

std::uint64_t padded(std::uint64_t n) { return (n + 3) / 4 * 4; }

using VisitNote = std::function<void(std::uint32_t type, std::string_view payload)>;

void for_each_note(std::string_view segment, const VisitNote& visit) {
    for (std::uint64_t at = 0;;) {
        const auto header = read_at<Elf64_Nhdr>(segment, at);
        if (!header) return;
        const std::uint64_t owner = at + sizeof(Elf64_Nhdr);
        const std::uint64_t payload = owner + padded(header->n_namesz);
        if (payload > segment.size() || segment.size() - payload < header->n_descsz) return;
        constexpr std::string_view ours("dvhost", 7);  // with its final zero
        if (segment.substr(owner, header->n_namesz) == ours) {
            visit(header->n_type, segment.substr(payload, header->n_descsz));
        }
        at = payload + padded(header->n_descsz);
    }
}

/// Visits our notes; false when the bytes are no 64-bit ELF file.
bool for_each_plugin_note(std::string_view file, const VisitNote& visit) {
    const auto header = read_at<Elf64_Ehdr>(file, 0);
    if (!header || !file.starts_with(ELFMAG) || header->e_ident[EI_CLASS] != ELFCLASS64) return false;
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
        const auto segment = read_at<Elf64_Phdr>(file, header->e_phoff + i * header->e_phentsize);
        if (!segment) return false;
        if (segment->p_type != PT_NOTE || segment->p_offset > file.size()) continue;
        for_each_note(file.substr(segment->p_offset, segment->p_filesz), visit);
    }
    return true;
}

std::string read_plugin_id(std::string_view text) {
    const Config note = Config::parse(text);
    const Value* id = note.get("id");
    return id && id->as<std::string>() ? *id->as<std::string>() : std::string();
}

std::string bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error(file.string() + ": cannot be read");
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

bool is_plugin(const std::filesystem::path& file) {
    bool found = false;
    const std::string bytes = bytes_of(file);
    for_each_plugin_note(bytes, [&](std::uint32_t type, std::string_view) { found |= type == DV_NOTE_PLUGIN; });
    return found;
}

Library::Library(std::filesystem::path file) : path_(std::filesystem::absolute(file)) {
    const std::string bytes = bytes_of(path_);
    const bool is_elf = for_each_plugin_note(bytes, [&](std::uint32_t type, std::string_view text) {
        try {
            if (type == DV_NOTE_PLUGIN) id_ = read_plugin_id(text);
            if (type == DV_NOTE_COMPONENT) notes_.push_back(read_component_note(text));
        } catch (const std::invalid_argument& error) {
            throw std::runtime_error(path_.string() + ": a note of it cannot be read: " + error.what());
        }
    });
    if (!is_elf) throw std::runtime_error(path_.string() + ": not a 64-bit ELF file");
    if (notes_.empty()) throw std::runtime_error(path_.string() + ": has no note of a component; not a plugin");
    std::ranges::sort(notes_, {}, &ComponentNote::id);
}

const dv_plugin& Library::table() {
    if (table_) return *table_;
    const auto refuse = [&](const std::string& reason) { throw std::runtime_error(path_.string() + ": " + reason); };
    void* handle = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle) refuse(std::string("cannot be loaded: ") + dlerror());
    const auto entry = reinterpret_cast<dv_plugin_entry_fn>(dlsym(handle, "dv_plugin_entry"));
    if (!entry) refuse("has no dv_plugin_entry");
    const dv_plugin* table = entry(DV_ABI_MAJOR, DV_ABI_MINOR);
    if (!table || table->magic != DV_PLUGIN_MAGIC) refuse("its entry gave no plugin table");
    if (table->abi_major != DV_ABI_MAJOR) refuse("was built for door " + std::to_string(table->abi_major));
    if (table->init) {
        init_host_ = std::make_unique<Host>();
        const dv_status status = table->init(init_host_->for_component(id_, "", ""));
        if (status != DV_OK) refuse("its init() failed: " + init_host_->last_failure().text);
    }
    table_ = table;
    return *table_;
}

const ComponentNote* Library::note(std::string_view id) const {
    const auto found = std::ranges::find(notes_, id, &ComponentNote::id);
    return found == notes_.end() ? nullptr : &*found;
}

const dv_component* Library::find(std::string_view id) {
    const dv_plugin& plugin = table();
    for (std::uint32_t i = 0; i < plugin.n_components; ++i) {
        if (id == plugin.components[i]->id) return plugin.components[i];
    }
    return nullptr;
}

}  // namespace dv::testing
