#pragma once
/// One component's dv_host with its extension tables, and the functions in them.

#include <dv/testing/host.hpp>

#include <cstddef>

namespace dv::testing {

struct Host::Table {
    static void set_error(void* self, std::int32_t code, dv_str message);
    static void log(void* self, std::int32_t level, dv_str message, dv_str file, std::int32_t line);
    static const void* get_extension(void* self, const char* id, std::uint32_t min_version);
    static std::uint64_t enter(void* self, const char* hook);
    static void leave(void* self, std::uint64_t token);

    static void last_error(void* self, dv_failure* out);
    static dv_str run_dir(void* self);
    static dv_str resume_position(void* self);
    static dv_str cache_dir(void* self);
    static double monotonic(void* self);
    static double wall(void* self);
    static std::uint64_t seed(void* self);
    static std::uint64_t derive(void* self, dv_str purpose);
    static std::int32_t interactive(void* self);
    static std::int32_t width(void* self);
    static void status(void* self, dv_str line);
    static void print(void* self, dv_str line);
    static dv_status save(void* self, dv_str path, std::int32_t weights_only);
    static dv_status request(void* self, dv_str path, std::int32_t weights_only);
    static dv_status remove(void* self, dv_str path);
    static dv_status announce(void* self, dv_str best, dv_str last);
    static dv_str resumed_from(void* self);
    static dv_status create(void* self, dv_str iface, const dv_node* table, dv_str name, dv_child* out);
    static void destroy(void* self, dv_child* child);
};

struct Host::Seat {
    Seat(Host& host_of_all, std::string plugin_id, std::string component_id, std::string place_in_run)
        : owner(host_of_all),
          plugin(std::move(plugin_id)),
          component(std::move(component_id)),
          place(std::move(place_in_run)) {}

    static Seat& of(void* self) { return *static_cast<Seat*>(self); }

    Host& owner;
    const std::string plugin, component, place;

    const dv_host host{sizeof(dv_host), DV_ABI_MAJOR,          DV_ABI_MINOR,  this,         &Table::set_error,
                       &Table::log,     &Table::get_extension, &Table::enter, &Table::leave};
    const dv_error_1 error{sizeof(dv_error_1), 0, this, &Table::last_error};
    const dv_paths_1 paths{sizeof(dv_paths_1), 0, this, &Table::run_dir, &Table::cache_dir};
    const dv_clock_1 clock{sizeof(dv_clock_1), 0, this, &Table::monotonic, &Table::wall};
    const dv_rng_1 rng{sizeof(dv_rng_1), 0, this, &Table::seed, &Table::derive};
    const dv_console_1 console{sizeof(dv_console_1), 0, this, &Table::interactive, &Table::width, &Table::status,
                               &Table::print};
    const dv_checkpoint_1 checkpoint{sizeof(dv_checkpoint_1), 0, this, &Table::save, &Table::request, &Table::remove,
                                     &Table::announce, &Table::resumed_from};
    const dv_checkpoint_1 first_checkpoint{offsetof(dv_checkpoint_1, request), 0, this, &Table::save, nullptr, nullptr, nullptr, nullptr};
    const dv_resume_1 resume{sizeof(dv_resume_1), 0, this, &Table::resume_position};
    const dv_factory_1 factory{sizeof(dv_factory_1), 0, this, &Table::create, &Table::destroy};
};

}  // namespace dv::testing
