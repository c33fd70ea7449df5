#include "registry/boundary.hpp"

#include "registry/breadcrumbs.hpp"
#include "registry/crash.hpp"
#include "registry/door.hpp"
#include "registry/printable.hpp"

#include <algorithm>
#include <cstring>

namespace dvhost::registry {
namespace {

/// What this thread last heard from a component. Kept per thread because a status and its text travel separately.
Failure& slot() {
    thread_local std::unique_ptr<Failure> own;  // on the heap: thread-local room is small (see breadcrumbs.cpp)
    if (!own) own = std::make_unique<Failure>();
    return *own;
}

std::string_view view(dv_str s) { return s.p ? std::string_view(s.p, s.n) : std::string_view(); }

/// Where this thread is now, for a failure that `who` reports.
const char* current_hook() {
    const Crumb* crumb = trail().top();
    return crumb ? crumb->hook : "";
}

void last_error(void*, dv_failure* out) {
    const Failure& failure = slot();
    dv_failure known{};
    known.size = out->size;
    known.code = failure.code;
    known.plugin = dv::detail::borrow(failure.plugin);
    known.component = dv::detail::borrow(failure.component);
    known.hook = dv::detail::borrow(failure.hook);
    known.text = dv::detail::borrow(failure.text);
    std::memcpy(out, &known, std::min<std::size_t>(out->size, sizeof known));
}

constexpr dv_error_1 kErrorExtension{sizeof(dv_error_1), 0, nullptr, &last_error};

}  // namespace

struct Boundary::Seat {
    Boundary* boundary;
    ComponentRecord record;
    dv_host host;
};

/// Nothing is thrown into a plugin: where memory ends, a text is lost, not the process.
struct Boundary::Door {
    static Seat& seat(void* self) { return *static_cast<Seat*>(self); }

    static void set_error(void* self, std::int32_t code, dv_str message) noexcept try {
        report_failure(seat(self).record, code, view(message));
    } catch (...) {
        slot().text.clear();
    }

    static void log(void* self, std::int32_t level, dv_str message, dv_str file, std::int32_t line) noexcept try {
        const Seat& from = seat(self);
        if (from.boundary->log_) {
            const std::string text = printable(view(message)), name = printable(view(file));
            from.boundary->log_({from.record, level, text, name, line});
        }
    } catch (...) {
        // a sink that fails must not fail the plugin; it has its own ways to tell
    }

    static const void* get_extension(void* self, const char* id, std::uint32_t min_version) noexcept try {
        if (!id) return nullptr;
        const std::string_view name(id);
        if (name == DV_EXT_ERROR) return min_version <= 1 ? &kErrorExtension : nullptr;
        const Seat& who = seat(self);
        return who.boundary->extensions_ ? who.boundary->extensions_(who.record, name, min_version) : nullptr;
    } catch (...) {
        return nullptr;
    }

    static std::uint64_t enter(void* self, const char* hook) noexcept {
        const ComponentRecord& who = seat(self).record;
        Trail& t = trail();
        const std::uint64_t token = t.depth;
        if (token < t.crumbs.size()) t.crumbs[token] = {who.plugin.c_str(), who.component.c_str(), hook ? hook : ""};
        if (token == 0) use_crash_stack();
        t.depth = token + 1;
        return token;
    }

    static void leave(void*, std::uint64_t token) noexcept {
        Trail& t = trail();
        if (token < t.depth) t.depth = token;  // also takes back what was left out on the way
    }
};

Boundary::Boundary(LogSink log, ExtensionLookup extensions)
    : log_(std::move(log)), extensions_(std::move(extensions)) {}

Boundary::~Boundary() = default;

const dv_host& Boundary::host_for(ComponentRecord record) {
    auto seat = std::make_unique<Seat>(Seat{this, std::move(record), {}});
    seat->host = {sizeof(dv_host), DV_ABI_MAJOR,         DV_ABI_MINOR, seat.get(),  &Door::set_error,
                  &Door::log,      &Door::get_extension, &Door::enter, &Door::leave};
    const std::lock_guard lock(mutex_);
    seats_.push_back(std::move(seat));
    return seats_.back()->host;
}

const ComponentRecord& Boundary::record_of(const dv_host& host) { return Door::seat(host.self).record; }

void report_failure(const ComponentRecord& who, dv_status code, std::string_view text) noexcept try {
    Failure& failure = slot();
    failure.code = code;
    failure.text.clear();
    if (code == DV_OK && text.empty()) return;  // forget_failure(), before every call: nothing is copied
    failure.plugin = who.plugin;
    failure.component = who.component;
    failure.hook = current_hook();
    failure.text = printable(text);
} catch (...) {
    // no memory for the text: the status still says that something failed
}

Failure last_failure(const dv_host& host) {
    const auto* errors = static_cast<const dv_error_1*>(host.get_extension(host.self, DV_EXT_ERROR, 1));
    if (!errors) return {};
    dv_failure f{};
    f.size = sizeof f;
    errors->last(errors->self, &f);
    const auto text = [](dv_str s) { return std::string(view(s)); };
    return {f.code, text(f.plugin), text(f.component), text(f.hook), text(f.text)};
}

void forget_failure(const dv_host& host) { host.set_error(host.self, DV_OK, {"", 0}); }

namespace {

/// Throws what was reported last. A host that is not a Boundary's may not know who it was.
[[noreturn]] void throw_last(const dv_host& host, std::string_view component, const char* hook, dv_status status) {
    Failure failure = last_failure(host);
    if (failure.component.empty()) failure.component = component;
    if (failure.hook.empty()) failure.hook = hook;
    throw dv::ComponentError(status, failure.plugin, failure.component, failure.hook, failure.text);
}

void report(const dv_host& host, dv_status status, const std::string& text) {
    host.set_error(host.self, status, dv::detail::borrow(text));
}

}  // namespace

void throw_failure(const dv_host& host, std::string_view component, const char* hook, dv_status status) {
    const Failure failure = last_failure(host);
    if (failure.code == DV_OK || failure.text.empty()) {
        report(host, status, "component reported code " + std::to_string(status) + " without a message");
    }
    throw_last(host, component, hook, status);
}

void throw_escaped(const dv_host& host, std::string_view component, const char* hook) {
    std::string text = "unknown exception";
    try {
        throw;
    } catch (const std::exception& error) {
        text = error.what();
    } catch (...) {
    }
    report(host, DV_UNKNOWN, "threw across the door: " + text);
    throw_last(host, component, hook, DV_UNKNOWN);
}

void* create_object(const dv_host& host, const dv_component& component, const dv_config& config) {
    void* object = nullptr;
    call(host, component.id, "create", [&] { return component.create(&host, &config, &object); });
    if (!object) {
        const dv::detail::HookScope scope(&host, "create");
        report(host, DV_FAILED, "factory reported success but returned null");
        throw_last(host, component.id, "create", DV_FAILED);
    }
    return object;
}

}  // namespace dvhost::registry
