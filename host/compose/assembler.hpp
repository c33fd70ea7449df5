#pragma once
/// Makes components: looks a table's `type` up, loads the plugin, creates the object, wraps it as its SDK interface.

#include "compose/portable.hpp"
#include "compose/services.hpp"
#include "manifest/node.hpp"
#include "registry/boundary.hpp"
#include "registry/registry.hpp"

#include <dv/factory.hpp>

#include <deque>
#include <memory>
#include <string>

namespace dvhost::compose {

/// A component that could not be made: 68, with its place in the manifest. "while creating dvhost.logger.csv (x.toml:31:1): ..."
struct CreateError : dv::Error {
    using dv::Error::Error;
};

class Assembler {
public:
    /// The manifest tree and everything given must outlive what is made.
    Assembler(registry::Registry& plugins, registry::Boundary& boundary);

    /// A torch-class component of `Kind` from its table. `place` is its path in the manifest ("model", "metric.0").
    template <class Kind>
    std::shared_ptr<Kind> make(const manifest::Node& table, const std::string& place) {
        return Kind::dv_import(create(table, Kind::dv_iface, place), [this](dv_child& child) { destroy(child); });
    }

    std::shared_ptr<dv::Logger> make_logger(const manifest::Node& table, const std::string& place);
    std::shared_ptr<PortableSchedule> make_schedule(const manifest::Node& table, const std::string& place);
    std::shared_ptr<loops::Callback> make_callback(const manifest::Node& table, const std::string& place);

    /// The raw forms, for dv.factory/1. Throws CreateError, registry::Refusal.
    dv_child create(const manifest::Node& table, std::string_view iface, const std::string& place);
    void destroy(dv_child& child);

private:
    template <class Portable, class Table>
    std::shared_ptr<Portable> make_portable(const manifest::Node& table, std::string_view iface, const std::string& place);

    registry::Registry& plugins_;
    registry::Boundary& boundary_;
    std::deque<dv_config> configs_;  // components keep their dv_config: addresses must not change
};

}  // namespace dvhost::compose
