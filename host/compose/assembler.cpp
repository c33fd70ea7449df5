#include "compose/assembler.hpp"

#include "compose/config_view.hpp"

namespace dvhost::compose {

Assembler::Assembler(registry::Registry& plugins, registry::Boundary& boundary) : plugins_(plugins), boundary_(boundary) {}

dv_child Assembler::create(const manifest::Node& table, std::string_view iface, const std::string& place) {
    const manifest::Node& type = *table.find("type");
    const registry::ComponentInfo* info = plugins_.find(iface, type.as_string()).component;
    if (info == nullptr) throw CreateError("no component '" + type.as_string() + "' of kind " + std::string(iface));
    const registry::PluginInfo& plugin = plugins_.plugin_of(*info);

    const dv_host& plugin_host = boundary_.host_for({plugin.id, "", ""});
    const dv_component& component = plugins_.load(*info, plugin_host);
    const dv_host& host = boundary_.host_for({plugin.id, info->id, place});
    const dv_config& config = configs_.emplace_back(config_view(table));
    try {
        dv_child child{};
        child.size = sizeof child;
        child.object = registry::create_object(host, component, config);
        child.component = &component;
        child.host = &host;
        return child;
    } catch (const dv::ComponentError& error) {
        throw CreateError("while creating " + info->id + " (" + place + ", " + table.source().text() + "): " + error.text);
    }
}

void Assembler::destroy(dv_child& child) {
    if (child.object == nullptr || child.component->destroy == nullptr) return;
    const dv::detail::HookScope scope(child.host, "destroy");
    child.component->destroy(child.object);
    child.object = nullptr;
}

template <class Portable, class Table>
std::shared_ptr<Portable> Assembler::make_portable(const manifest::Node& table, std::string_view iface,
                                                   const std::string& place) {
    const dv_child child = create(table, iface, place);
    auto instance = std::make_unique<Instance>(*child.component, *child.host, child.object);
    if (child.component->vtable == nullptr) throw CreateError(std::string(child.component->id) + " has no function table");
    const Table known = registry::copy_known(static_cast<const Table*>(child.component->vtable));
    return std::make_shared<Portable>(std::move(instance), known);
}

std::shared_ptr<dv::Logger> Assembler::make_logger(const manifest::Node& table, const std::string& place) {
    return make_portable<PortableLogger, dv_logger_1>(table, DV_IFACE_LOGGER, place);
}
std::shared_ptr<PortableSchedule> Assembler::make_schedule(const manifest::Node& table, const std::string& place) {
    return make_portable<PortableSchedule, dv_schedule_1>(table, DV_IFACE_SCHEDULE, place);
}
std::shared_ptr<loops::Callback> Assembler::make_callback(const manifest::Node& table, const std::string& place) {
    const std::string& type = table.find("type")->as_string();
    if (const auto* tensors = plugins_.find(dv::TorchCallback::dv_iface, type).component; tensors != nullptr) {
        return std::make_shared<TensorCallback>(make<dv::TorchCallback>(table, place), tensors->id);
    }
    return make_portable<PortableCallback, dv_callback_1>(table, DV_IFACE_CALLBACK, place);
}

}  // namespace dvhost::compose
