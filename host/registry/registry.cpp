#include "registry/registry.hpp"

#include "registry/boundary.hpp"
#include "registry/dependencies.hpp"
#include "registry/fingerprint.hpp"
#include "registry/library.hpp"
#include "registry/preflight.hpp"
#include "registry/scan.hpp"
#include "registry/sha256.hpp"

#include <algorithm>
#include <deque>

namespace dvhost::registry {

/// A usable file and, once a run needs it, its library.
class LoadedPlugin {
public:
    LoadedPlugin(PluginInfo plugin, FileIdentity seen) : info(std::move(plugin)), identity(seen) {}

    PluginInfo info;
    FileIdentity identity;
    std::size_t entry = 0;  ///< its place among the scan's entries
    std::unique_ptr<Library> library;
    const dv_host* host = nullptr;
    std::optional<Refusal> refusal;  ///< of an earlier attempt to load
};

struct Registry::State {
    std::vector<SearchDirectory> directories;
    std::vector<ScanEntry> entries;
    std::deque<LoadedPlugin> all;       ///< stable addresses
    std::vector<LoadedPlugin*> usable;  ///< by id
    std::vector<LoadedPlugin*> loaded;  ///< in the order of loading

    void inspect(const Candidate& candidate);
    void settle_same_ids();
    LoadedPlugin& owner_of(const ComponentInfo& component) const;
    void load(LoadedPlugin& plugin, const dv_host& host);
    void admit(const LoadedPlugin& plugin, const PluginFile& file) const;
};

namespace {

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
    std::string out;
    for (const std::string& text : texts) out += (out.empty() ? "" : std::string(separator)) + text;
    return out;
}

bool holds(const PluginInfo& info, std::string_view iface, std::string_view type) {
    return std::any_of(info.components.begin(), info.components.end(), [&](const ComponentInfo& c) {
        return c.iface == iface && (c.id == type || c.short_name() == type);
    });
}

const std::string* shared_id(const PluginInfo& a, const PluginInfo& b) {
    for (const ComponentInfo& mine : a.components) {
        for (const ComponentInfo& other : b.components) {
            if (mine.id == other.id) return &mine.id;
        }
    }
    return nullptr;
}

std::string hash_of(const LoadedPlugin& plugin) { return sha256_text(PluginFile::open(plugin.info.path).bytes()); }

std::string conflict_text(const std::string& id, const LoadedPlugin& mine, const LoadedPlugin& other) {
    const auto described = [](const LoadedPlugin& p) {
        return p.info.path.string() + " (plugin " + p.info.id + " " + p.info.version + ", sha256 " + hash_of(p) + ")";
    };
    return "component '" + id + "' is in two files of different content: " + described(mine) + " and " +
           described(other) + "; remove one of them";
}

}  // namespace

// --- Scan ------------------------------------------------------------------------------------------------------------

void Registry::State::inspect(const Candidate& candidate) {
    ScanEntry entry{candidate.path, ScanEntry::State::usable, "", ExitCode::ok, std::nullopt};
    try {
        const PluginFile file = PluginFile::open(candidate.path);
        const auto same_file =
            std::find_if(all.begin(), all.end(), [&](const LoadedPlugin& p) { return p.identity == file.identity(); });
        if (same_file != all.end()) {
            entry.state = ScanEntry::State::duplicate;
            entry.reason = "same file as " + same_file->info.path.string();
            entries.push_back(std::move(entry));
            return;
        }
        Inspection found = inspect_file(file);
        if (found.info) {
            entry.info = found.info;
            entry.reason = joined(found.warnings, "; ");
            all.emplace_back(std::move(*found.info), file.identity()).entry = entries.size();
        } else if (candidate.named) {
            throw Refusal(candidate.path.string(), "no dvhost note; not a plugin", ExitCode::rejected);
        } else {
            entry.state = ScanEntry::State::no_note;
            entry.reason = "no dvhost note";
        }
    } catch (const Refusal& refusal) {
        entry.state = ScanEntry::State::refused;
        entry.reason = refusal.reason;
        entry.code = refusal.code;
        if (const auto* refused = dynamic_cast<const Refused*>(&refusal)) entry.info = refused->info;
    }
    entries.push_back(std::move(entry));
}

/// Identical content counts once; different content under one id is nobody's to choose between.
void Registry::State::settle_same_ids() {
    std::vector<LoadedPlugin*> kept;
    for (LoadedPlugin& plugin : all) {
        ScanEntry& entry = entries[plugin.entry];
        for (LoadedPlugin* other : kept) {
            const std::string* id = shared_id(plugin.info, other->info);
            if (!id) continue;
            if (hash_of(plugin) == hash_of(*other)) {
                entry.state = ScanEntry::State::duplicate;
                entry.reason = "same content as " + other->info.path.string();
                break;
            }
            for (LoadedPlugin* side : {&plugin, other}) {
                ScanEntry& refused = entries[side->entry];
                refused.state = ScanEntry::State::refused;
                refused.code = ExitCode::manifest;
                refused.reason = conflict_text(*id, *side, side == other ? plugin : *other);
            }
        }
        if (entry.state != ScanEntry::State::duplicate) kept.push_back(&plugin);
    }
    for (LoadedPlugin* plugin : kept) {
        if (entries[plugin->entry].state == ScanEntry::State::usable) usable.push_back(plugin);
    }
    std::stable_sort(usable.begin(), usable.end(),
                     [](const LoadedPlugin* a, const LoadedPlugin* b) { return a->info.id < b->info.id; });
}

Registry Registry::scan(std::vector<SearchDirectory> directories) {
    Registry out;
    State& state = *out.state_;
    Candidates found = find_candidates(directories, torch_series());
    state.directories = std::move(directories);
    state.entries = std::move(found.set_aside);
    for (const Candidate& candidate : found.files) state.inspect(candidate);
    state.settle_same_ids();
    return out;
}

Registry::Registry() : state_(std::make_unique<State>()) {}
Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;
Registry::~Registry() = default;

// --- What there is ---------------------------------------------------------------------------------------------------

std::span<const ScanEntry> Registry::entries() const { return state_->entries; }
std::span<const SearchDirectory> Registry::directories() const { return state_->directories; }

std::vector<const PluginInfo*> Registry::plugins() const {
    std::vector<const PluginInfo*> out;
    for (const LoadedPlugin* plugin : state_->usable) out.push_back(&plugin->info);
    return out;
}

std::vector<const ComponentInfo*> Registry::components(std::string_view iface) const {
    std::vector<const ComponentInfo*> out;
    for (const LoadedPlugin* plugin : state_->usable) {
        for (const ComponentInfo& component : plugin->info.components) {
            if (component.iface == iface) out.push_back(&component);
        }
    }
    std::sort(out.begin(), out.end(), [](const ComponentInfo* a, const ComponentInfo* b) { return a->id < b->id; });
    return out;
}

Lookup Registry::find(std::string_view iface, std::string_view type) const {
    Lookup out;
    const std::vector<const ComponentInfo*> of_kind = components(iface);
    std::vector<const ComponentInfo*> matching;
    for (const ComponentInfo* component : of_kind) {
        if (component->id == type || component->short_name() == type) matching.push_back(component);
    }
    if (matching.size() == 1) {
        out.component = matching.front();
        return out;
    }
    if (matching.empty()) {
        for (const ComponentInfo* component : of_kind) out.candidates.emplace_back(component->short_name());
        std::sort(out.candidates.begin(), out.candidates.end());
        out.candidates.erase(std::unique(out.candidates.begin(), out.candidates.end()), out.candidates.end());
    } else {
        for (const ComponentInfo* component : matching) out.candidates.push_back(component->id);
    }
    for (const ScanEntry& entry : state_->entries) {
        if (entry.state != ScanEntry::State::refused || !entry.info || !holds(*entry.info, iface, type)) continue;
        if (out.refused.empty()) out.refused_code = entry.code;
        out.refused.push_back(entry.path.string() + ": " + entry.reason);
    }
    return out;
}

LoadedPlugin& Registry::State::owner_of(const ComponentInfo& component) const {
    for (LoadedPlugin* plugin : usable) {
        const auto& own = plugin->info.components;
        if (std::any_of(own.begin(), own.end(), [&](const ComponentInfo& c) { return c.id == component.id; })) {
            return *plugin;
        }
    }
    throw std::logic_error("component '" + component.id + "' is not of this registry");
}

const PluginInfo& Registry::plugin_of(const ComponentInfo& component) const { return state_->owner_of(component).info; }

// --- Load ------------------------------------------------------------------------------------------------------------

/// The last gate before plugin code runs: everything known so far is about this file alone, what is asked here is
/// whether this run may have it beside what it has already. A lock file, a quarantine list or a trial load in a child
/// process would each be one more question here.
void Registry::State::admit(const LoadedPlugin& plugin, const PluginFile& file) const {
    if (file.identity() != plugin.identity) {
        throw Refusal(file.path().string(), "changed on disk since it was checked; start again", ExitCode::rejected);
    }
    for (const LoadedPlugin* other : loaded) {
        for (const std::string& name : plugin.info.op_namespaces) {
            const auto& taken = other->info.op_namespaces;
            if (std::find(taken.begin(), taken.end(), name) == taken.end()) continue;
            throw Refusal(file.path().string(),
                          "operator namespace '" + name + "' is also that of " + other->info.path.string() +
                              ", which is loaded; LibTorch would end the process",
                          ExitCode::rejected);
        }
    }
}

void Registry::State::load(LoadedPlugin& plugin, const dv_host& host) {
    const PluginFile file = PluginFile::open(plugin.info.path);
    const ElfImage image = checked_image(file);
    check_entry_symbol(file, image);
    check_needed_libraries(file, image);
    check_imports(file, image);
    admit(plugin, file);

    {
        const dv::detail::HookScope crumb(&host, "load");
        auto library = std::make_unique<Library>(file);
        library->read_tables();
        library->compare_with(plugin.info);
        plugin.library = std::move(library);
    }
    plugin.host = &host;
    if (const auto init = plugin.library->plugin().init) {
        try {
            call(host, "", "init", [&] { return init(&host); });
        } catch (const dv::ComponentError& error) {
            throw Refusal(file.path().string(), "plugin '" + plugin.info.id + "' failed in init: " + error.text,
                          ExitCode::initialise);
        }
    }
    loaded.push_back(&plugin);
}

const dv_component& Registry::load(const ComponentInfo& component, const dv_host& host) {
    LoadedPlugin& plugin = state_->owner_of(component);
    if (plugin.refusal) throw *plugin.refusal;
    if (!plugin.library) {
        try {
            state_->load(plugin, host);
        } catch (const Refusal& refusal) {
            plugin.refusal = refusal;
            throw;
        }
    }
    return *plugin.library->component(component.id);  // there: the note was compared with the tables
}

void Registry::shut_down() {
    while (!state_->loaded.empty()) {
        LoadedPlugin& plugin = *state_->loaded.back();
        state_->loaded.pop_back();
        const auto fini = plugin.library->plugin().fini;
        if (!fini) continue;
        const dv::detail::HookScope crumb(plugin.host, "fini");
        fini();
    }
}

}  // namespace dvhost::registry
