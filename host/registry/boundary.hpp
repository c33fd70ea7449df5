#pragma once
/// The host's side of the door: what a plugin may call (dv_host), and how the host calls a plugin.

#include <dv/abi.h>
#include <dv/component.hpp>
#include <dv/error.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::registry {

/// Who is calling through a dv_host. A plugin's own host, handed to init(), has an empty component.
struct ComponentRecord {
    std::string plugin;     ///< plugin id
    std::string component;  ///< component id
    std::string place;      ///< in the manifest, "logger.0"; keys random draws and helps in messages
};

/// One line that a plugin wants in the host's log. Texts are printable and borrowed for the call.
struct PluginMessage {
    const ComponentRecord& from;
    std::int32_t level;  ///< dv_log_level; unknown values are possible
    std::string_view text, file;
    std::int32_t line;
};
using LogSink = std::function<void(const PluginMessage&)>;

/// Offers an extension (abi.h, DV_EXT_*) to a component, or null. The record's address is the same in every call of one
/// component, the answer must live as long as the Boundary.
using ExtensionLookup =
    std::function<const void*(const ComponentRecord& who, std::string_view id, std::uint32_t min_version)>;

/// Makes a dv_host per component and keeps them all until it dies itself, so it outlives every object made with one.
/// All functions are safe from any thread; sink and lookup must be so too. "dv.error" is built in.
class Boundary {
public:
    Boundary(LogSink log, ExtensionLookup extensions);
    ~Boundary();
    Boundary(const Boundary&) = delete;
    Boundary& operator=(const Boundary&) = delete;

    /// A new dv_host at an address that does not change.
    const dv_host& host_for(ComponentRecord record);

    /// Precondition: `host` came from a Boundary.
    static const ComponentRecord& record_of(const dv_host& host);

private:
    struct Seat;
    struct Door;  // the C functions

    LogSink log_;
    ExtensionLookup extensions_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Seat>> seats_;
};

/// The failure last reported on this thread through `host`'s dv.error; code 0 when none was since forget_failure().
struct Failure {
    dv_status code = DV_OK;
    std::string plugin, component, hook, text;
};
Failure last_failure(const dv_host& host);
/// Reports on this thread as set_error() does; for host services that answer `who` with a status.
void report_failure(const ComponentRecord& who, dv_status code, std::string_view text) noexcept;
void forget_failure(const dv_host& host);

/// The error for a non-zero status: the reported text, or "component reported code N without a message".
[[noreturn]] void throw_failure(const dv_host& host, std::string_view component, const char* hook, dv_status status);
/// The error for a plugin that let an exception out, which the door forbids. Call it in a catch block.
[[noreturn]] void throw_escaped(const dv_host& host, std::string_view component, const char* hook);

/// Calls a function of a component's C table, with a breadcrumb. `function` takes nothing and returns a dv_status;
/// `hook` is a string literal. Throws dv::ComponentError for any other status than DV_OK.
template <class Function>
void call(const dv_host& host, std::string_view component, const char* hook, Function&& function) {
    const dv::detail::HookScope scope(&host, hook);
    forget_failure(host);
    dv_status status = DV_OK;
    try {
        status = function();
    } catch (...) {
        throw_escaped(host, component, hook);
    }
    if (status != DV_OK) throw_failure(host, component, hook, status);
}

/// A component's create(). Never null. Throws dv::ComponentError, also when the component reports success without an
/// object.
void* create_object(const dv_host& host, const dv_component& component, const dv_config& config);

/// The training step that crash messages mention. [any]
void set_breadcrumb_step(std::int64_t step);

enum class AfterCrash {
    exit,  ///< _exit(70)
    core,  ///< the signal's default action, for a core file
};

/// From now on std::terminate and SIGSEGV, SIGBUS, SIGFPE, SIGABRT print one line on standard error,
/// "dvhost: crash (SIGSEGV) in plugin X, component Y, hook Z, step N", and end the process. Once, from main.
void install_crash_handlers(AfterCrash after = AfterCrash::exit);

}  // namespace dvhost::registry
