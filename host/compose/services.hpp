#pragma once
/// What components may ask of the host, by extension id (abi.h).

#include "logging/console.hpp"
#include "registry/boundary.hpp"

#include <dv/abi.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace dvhost::compose {

/// How a host service does what it cannot do by itself. Each may throw dv::Error.
struct ServiceActions {
    std::function<void(const std::filesystem::path& file, bool weights_only)> save_checkpoint, request_checkpoint;
    std::function<void(const std::filesystem::path& file)> remove_checkpoint;
    std::function<void(std::string best, std::string last)> announce_checkpoints;
    std::function<const std::string&()> resumed_from;
    std::function<void(const registry::ComponentRecord& owner, std::string_view iface, const dv_node* table,
                       std::string_view name, dv_child& out)>
        create_nested;
    std::function<void(dv_child& child)> destroy_nested;
};

/// Offers dv.paths, dv.clock, dv.rng, dv.console, dv.checkpoint, dv.factory and, to loggers that are continued, dv.resume. find() is safe from any thread; the actions run
/// on the thread that asks.
class Services {
public:
    Services(std::uint64_t seed, logging::Console& console);
    ~Services();

    void set_run_dir(const std::filesystem::path& dir) { run_dir_ = dir.string(); }
    /// Loggers continue where an earlier process left them: their positions, by place ("logger.0"). Before they are made.
    void set_resume(std::map<std::string, std::string> positions) { resume_ = std::move(positions); }
    void set_actions(ServiceActions actions) { actions_ = std::move(actions); }

    /// The table of an extension for one component, or null. Lives as long as this object.
    const void* find(const registry::ComponentRecord& who, std::string_view id, std::uint32_t min_version);

private:
    struct Seat;  // one component's tables
    Seat& seat_of(const registry::ComponentRecord& who);

    std::uint64_t seed_;
    logging::Console& console_;
    std::string run_dir_, cache_dir_;
    std::map<std::string, std::string> resume_;
    ServiceActions actions_;
    std::mutex mutex_;
    std::map<const registry::ComponentRecord*, std::unique_ptr<Seat>> seats_;
};

/// $XDG_CACHE_HOME/dvhost, or ~/.cache/dvhost.
std::filesystem::path user_cache_dir();

}  // namespace dvhost::compose
