#include "compose/services.hpp"

#include <dv/error.hpp>
#include <dv/random.hpp>

#include <chrono>
#include <cstdlib>

namespace dvhost::compose {

namespace {

dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }
std::string_view view(dv_str s) { return {s.p, s.n}; }

template <class Clock>
double seconds() {
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

}  // namespace

std::filesystem::path user_cache_dir() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
        return std::filesystem::path(cache) / "dvhost";
    }
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home != nullptr ? home : "/tmp") / ".cache" / "dvhost";
}

/// Every table hands its functions the seat, so that each service knows who is asking.
struct Services::Seat {
    Services& services;
    const registry::ComponentRecord& who;
    dv_paths_1 paths;
    dv_clock_1 clock;
    dv_rng_1 rng;
    dv_console_1 console;
    dv_checkpoint_1 checkpoint;
    dv_factory_1 factory;
    dv_resume_1 resume;

    static Seat& of(void* self) { return *static_cast<Seat*>(self); }

    Seat(Services& all, const registry::ComponentRecord& record)
        : services(all), who(record),
          paths{sizeof(dv_paths_1), 0, this, [](void* s) noexcept { return borrow(of(s).services.run_dir_); },
                [](void* s) noexcept { return borrow(of(s).services.cache_dir_); }},
          clock{sizeof(dv_clock_1), 0, this, [](void*) noexcept { return seconds<std::chrono::steady_clock>(); },
                [](void*) noexcept { return seconds<std::chrono::system_clock>(); }},
          rng{sizeof(dv_rng_1), 0, this, [](void* s) noexcept { return of(s).services.seed_; },
              [](void* s, dv_str purpose) noexcept {
                  return dv::derive_key(of(s).services.seed_, of(s).who.place + "/" + std::string(view(purpose)));
              }},
          console{sizeof(dv_console_1), 0, this,
                  [](void* s) noexcept { return of(s).services.console_.interactive() ? 1 : 0; },
                  [](void* s) noexcept { return of(s).services.console_.width(); },
                  [](void* s, dv_str line) noexcept { of(s).services.console_.status(view(line)); },
                  [](void* s, dv_str line) noexcept { of(s).services.console_.print(view(line)); }},
          checkpoint{sizeof(dv_checkpoint_1), 0, this,
                     [](void* s, dv_str path, std::int32_t weights_only) noexcept {
                         return of(s).attempt([&](const ServiceActions& actions) {
                             if (!actions.save_checkpoint) throw dv::Error("this command makes no checkpoints");
                             actions.save_checkpoint(std::filesystem::path(view(path)), weights_only != 0);
                         });
                     },
                     [](void* s, dv_str path, std::int32_t weights_only) noexcept {
                         return of(s).attempt([&](const ServiceActions& actions) {
                             if (!actions.request_checkpoint) throw dv::Error("this command makes no checkpoints");
                             actions.request_checkpoint(std::filesystem::path(view(path)), weights_only != 0);
                         });
                     },
                     [](void* s, dv_str path) noexcept {
                         return of(s).attempt([&](const ServiceActions& actions) { actions.remove_checkpoint(std::filesystem::path(view(path))); });
                     },
                     [](void* s, dv_str best, dv_str last) noexcept {
                         return of(s).attempt([&](const ServiceActions& actions) {
                             actions.announce_checkpoints(std::string(view(best)), std::string(view(last)));
                         });
                     },
                     [](void* s) noexcept {
                         const auto& from = of(s).services.actions_.resumed_from;
                         return from ? borrow(from()) : dv_str{"", 0};
                     }},
          factory{sizeof(dv_factory_1), 0, this,
                  [](void* s, dv_str iface, const dv_node* table, dv_str name, dv_child* out) noexcept {
                      return of(s).attempt([&](const ServiceActions& actions) {
                          actions.create_nested(of(s).who, view(iface), table, view(name), *out);
                      });
                  },
                  [](void* s, dv_child* child) noexcept {
                      of(s).attempt([&](const ServiceActions& actions) { actions.destroy_nested(*child); });
                  }},
          resume{sizeof(dv_resume_1), 0, this,
                 [](void* s) noexcept { return borrow(of(s).services.resume_.find(of(s).who.place)->second); }} {}

    /// A service never throws into a plugin: it leaves the text where the plugin's SDK looks for it.
    template <class Action>
    dv_status attempt(const Action& action) noexcept {
        try {
            action(services.actions_);
            return DV_OK;
        } catch (const dv::ComponentError& error) {
            return error.code();  // the nested component has reported already
        } catch (const dv::Error& error) {
            registry::report_failure(who, error.code(), error.what());
            return error.code();
        } catch (const std::exception& error) {
            registry::report_failure(who, DV_FAILED, error.what());
            return DV_FAILED;
        }
    }
};

Services::Services(std::uint64_t seed, logging::Console& console)
    : seed_(seed), console_(console), cache_dir_(user_cache_dir().string()) {}
Services::~Services() = default;

Services::Seat& Services::seat_of(const registry::ComponentRecord& who) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Seat>& seat = seats_[&who];
    if (!seat) seat = std::make_unique<Seat>(*this, who);
    return *seat;
}

const void* Services::find(const registry::ComponentRecord& who, std::string_view id, std::uint32_t min_version) {
    if (min_version > 1) return nullptr;
    Seat& seat = seat_of(who);
    if (id == DV_EXT_PATHS) return &seat.paths;
    if (id == DV_EXT_CLOCK) return &seat.clock;
    if (id == DV_EXT_RNG) return &seat.rng;
    if (id == DV_EXT_CONSOLE) return &seat.console;
    if (id == DV_EXT_CHECKPOINT) return &seat.checkpoint;
    if (id == DV_EXT_FACTORY) return &seat.factory;
    if (id == DV_EXT_RESUME && resume_.contains(who.place)) return &seat.resume;
    return nullptr;
}

}  // namespace dvhost::compose
