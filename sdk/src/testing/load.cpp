#include <dv/testing/load.hpp>

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace dv::testing {

/// The plugin under test, first, and those for nested components.
struct Plugin::Shelf {
    std::vector<std::unique_ptr<Library>> libraries;

    struct Found {
        Library* library = nullptr;
        const ComponentNote* note = nullptr;
    };

    Library& first() const { return *libraries.front(); }

    /// `type` is a full id or its last part.
    Found find(std::string_view iface, std::string_view type) const {
        for (const auto& library : libraries) {
            for (const ComponentNote& note : library->notes()) {
                if (note.iface == iface && (note.id == type || note.short_name() == type))
                    return {library.get(), &note};
            }
        }
        return {};
    }

    void complete(const ComponentNote& note, Value& table) const {
        check_and_complete(note.parameters, table, note.id);
        complete_nested(note.parameters, table);
    }

    void complete_nested(const std::vector<ParameterNote>& parameters, Value& table) const {
        for (const ParameterNote& p : parameters) {
            Value* given = table.get(p.name);
            if (!given) continue;
            if (auto* elements = given->as<Value::List>()) {
                for (Value& element : *elements) complete_element(p, element);
            } else {
                complete_element(p, *given);
            }
        }
    }

    void complete_element(const ParameterNote& p, Value& value) const {
        if (p.element_type() == "table") return complete_nested(p.nested, value);
        if (p.nested_iface().empty()) return;
        const Value* type = value.get("type");
        const auto* name = type ? type->as<std::string>() : nullptr;
        if (!name) throw std::invalid_argument(p.name + ": a nested component needs `type`");
        const Found found = find(p.nested_iface(), *name);
        if (!found.note) return;  // refused when it is made: it may never be
        value.set("type", found.note->id);
        complete(*found.note, value);
    }

    const dv_component& load(const Found& found) const {
        const dv_component* component = found.library->find(found.note->id);
        if (!component) throw std::runtime_error(found.note->id + " has a note but is not in its plugin's table");
        return *component;
    }
};

struct Plugin::State {
    Host host;
    std::shared_ptr<Shelf> shelf;
    std::deque<dv_config> configs;  // of nested components, which keep views of them

    void create_child(const dv_host& owner, std::string_view iface, const Value& table, std::string_view name,
                      dv_child& out) {
        const Value* type = table.get("type");
        const auto* id = type ? type->as<std::string>() : nullptr;
        const Shelf::Found found = shelf->find(iface, id ? *id : "");
        if (!found.note) {
            throw std::runtime_error("no " + std::string(iface) + " '" + (id ? *id : "") +
                                     "' in the plugins of this test; add its file with Plugin::with()");
        }
        const dv_component& component = shelf->load(found);
        const dv_host* seat =
            host.for_component(found.library->id(), found.note->id, Host::place_of(owner) + "." + std::string(name));
        configs.push_back(config_of(table));
        host.forget_failure();
        detail::check(seat, component.create(seat, &configs.back(), &out.object));
        out.component = &component;
        out.host = seat;
    }
};

Plugin::Plugin(std::shared_ptr<Shelf> shelf) : state_(std::make_shared<State>()) {
    state_->shelf = std::move(shelf);
    state_->host.set_factory(
        [state = state_.get()](const dv_host& owner, std::string_view iface, const Value& table, std::string_view name,
                               dv_child& out) { state->create_child(owner, iface, table, name, out); },
        [](dv_child& child) { child.component->destroy(child.object); });
}

Plugin::Plugin(std::filesystem::path file) : Plugin(std::make_shared<Shelf>()) { with(std::move(file)); }

Plugin Plugin::with_new_host() const { return Plugin(state_->shelf); }

Plugin& Plugin::with(const std::filesystem::path& file_or_folder) {
    std::vector<std::filesystem::path> files{file_or_folder};
    if (std::filesystem::is_directory(file_or_folder)) {
        files.clear();
        for (const auto& entry : std::filesystem::directory_iterator(file_or_folder)) {
            if (entry.path().extension() == ".so" && is_plugin(entry.path())) files.push_back(entry.path());
        }
        std::ranges::sort(files);
    }
    for (const auto& file : files) state_->shelf->libraries.push_back(std::make_unique<Library>(file));
    return *this;
}

Host& Plugin::host() { return state_->host; }
const std::filesystem::path& Plugin::path() const { return state_->shelf->first().path(); }
const std::vector<ComponentNote>& Plugin::notes() const { return state_->shelf->first().notes(); }

const ComponentNote& Plugin::note(std::string_view id) const {
    std::string ids;
    for (const ComponentNote& note : notes()) {
        if (note.id == id || note.short_name() == id) return note;
        ids += (ids.empty() ? "" : ", ") + note.id;
    }
    if (id.empty() && notes().size() == 1) return notes().front();
    throw std::invalid_argument(path().string() + " has no component '" + std::string(id) + "'; it has: " + ids);
}

const dv_component& Plugin::component(std::string_view id) {
    return state_->shelf->load({&state_->shelf->first(), &note(id)});
}

std::shared_ptr<Made> Plugin::create(std::string_view id, const Config& config, std::string place) {
    Config completed = config;
    state_->shelf->complete(note(id), completed);
    return create_unchecked(id, completed, std::move(place));
}

std::shared_ptr<Made> Plugin::create_unchecked(std::string_view id, const Config& config, std::string place) {
    const dv_component& found = component(id);
    const std::string_view iface(found.iface);
    if (place.empty()) place = iface.substr(iface.rfind('.') + 1);
    const std::shared_ptr<Host> host(state_, &state_->host);  // shares the ownership of the whole state
    return std::make_shared<Made>(host, state_->shelf->first().id(), found, config, std::move(place));
}

void Plugin::expect_iface(const Made& made, std::string_view iface) {
    if (made.component().iface != iface) {
        throw std::invalid_argument(std::string(made.component().id) + " is a " + made.component().iface + ", not a " +
                                    std::string(iface));
    }
}

}  // namespace dv::testing
