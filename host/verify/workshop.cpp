#include "verify/workshop.hpp"

#include "compose/config_view.hpp"

namespace dvhost::verify {

Workshop::Workshop(registry::Registry& plugins, logging::Console& console, logging::HostLog& log)
    : services_(/*seed=*/0, console),
      boundary_(
          [&log](const registry::PluginMessage& m) {
              if (m.level >= DV_LOG_ERROR) log.log(m.level, m.from.component, m.text);
          },
          [this](const registry::ComponentRecord& who, std::string_view id, std::uint32_t version) {
              return services_.find(who, id, version);
          }),
      assembler_(plugins, boundary_) {
    services_.set_actions({.save_checkpoint = {},
                           .create_nested =
                               [this](const registry::ComponentRecord& owner, std::string_view iface,
                                      const dv_node* table, std::string_view name, dv_child& out) {
                                   out = assembler_.create(compose::node_behind(table), iface,
                                                           owner.place + "." + std::string(name));
                               },
                           .destroy_nested = [this](dv_child& child) { assembler_.destroy(child); }});
}

}  // namespace dvhost::verify
