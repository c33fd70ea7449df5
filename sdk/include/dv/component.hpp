#pragma once
/// What every component is: an object made from checked parameters, with a host to talk to.
///
///     struct Csv final : dv::Logger {
///         std::string path;
///         static constexpr auto params = dv::schema(dv::p("path", &Csv::path, "metrics.csv", "output file"));
///         void open() override { ... }
///         ...
///     };
///     DV_COMPONENT(Csv, "example.logger.csv", "Writes scalars to a CSV file")
///
/// The macro puts the component into the plugin's table and its description into the plugin's note. It defines no static
/// initialiser: loading a plugin runs none of its author's code. Use it at namespace scope, once per component.

#include <dv/abi.h>
#include <dv/binding.hpp>
#include <dv/error.hpp>
#include <dv/note.hpp>
#include <dv/schema.hpp>

#include <exception>
#include <memory>
#include <string_view>

namespace dv {

/// Base of all kinds. Members are filled from the manifest, then open() is called once, [main]; destruction is [main].
struct Component {
    static constexpr auto params = schema();

    Component() = default;
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;
    virtual ~Component() = default;

    /// Checks what only the component can know and acquires what it needs. Throw to refuse: ParameterError names a key.
    virtual void open() {}

    void info(std::string_view message) const { log(DV_LOG_INFO, message); }
    void warn(std::string_view message) const { log(DV_LOG_WARNING, message); }

    /// A table of host functions by string id (abi.h), or null when this host does not offer it.
    template <class Table>
    const Table* extension(const char* id, std::uint32_t min_version = 1) const {
        return host ? static_cast<const Table*>(host->get_extension(host->self, id, min_version)) : nullptr;
    }

    /// Set before open(). Null only in a test that builds the object by hand.
    const dv_host* host = nullptr;

private:
    void log(std::int32_t level, std::string_view message) const {
        if (host) host->log(host->self, level, detail::borrow(message), {"", 0}, 0);
    }
};

namespace detail {

/// Marks "this component is now in this hook" for as long as it lives.
class HookScope {
public:
    HookScope(const dv_host* host, const char* hook) : host_(host), token_(host ? host->enter(host->self, hook) : 0) {}
    ~HookScope() {
        if (host_) host_->leave(host_->self, token_);
    }
    HookScope(const HookScope&) = delete;
    HookScope& operator=(const HookScope&) = delete;

private:
    const dv_host* host_;
    std::uint64_t token_;
};

inline dv_status report(const dv_host* host, dv_status code, std::string_view text) noexcept {
    if (host) host->set_error(host->self, code, borrow(text));
    return code;
}

/// Runs `body` so that nothing is thrown across the door. A failure of a nested component passes on unchanged: its own
/// report already says who failed and where.
template <class Body>
dv_status guard(const dv_host* host, const char* hook, Body&& body) noexcept {
    const HookScope scope(host, hook);
    try {
        body();
        return DV_OK;
    } catch (const ComponentError& error) {
        return error.code();
    } catch (const Error& error) {
        return report(host, error.code(), error.what());
    } catch (const std::exception& error) {
        return report(host, DV_FAILED, error.what());
    } catch (...) {
        return report(host, DV_UNKNOWN, "unknown exception");
    }
}

/// Throws what the component behind `host` just reported.
inline void check(const dv_host* host, dv_status status) {
    if (status == DV_OK) return;
    const auto* errors = static_cast<const dv_error_1*>(host->get_extension(host->self, DV_EXT_ERROR, 1));
    dv_failure f{};
    f.size = sizeof f;
    if (errors) errors->last(errors->self, &f);
    throw ComponentError(status, std::string(view(f.plugin)), std::string(view(f.component)),
                         std::string(view(f.hook)), std::string(view(f.text)));
}

template <class C>
dv_status create(const dv_host* host, const dv_config* config, void** out) noexcept {
    return guard(host, "create", [&] {
        auto object = std::make_unique<typename C::template dv_object<C>>();
        C& component = C::template dv_component_of<C>(*object);
        component.host = host;
        bind_table(*host, *config, config->root, component);
        component.open();
        *out = C::template dv_to_door<C>(object.release());
    });
}

template <class C>
void destroy(void* self) noexcept {
    delete C::template dv_from_door<C>(self);
}

}  // namespace detail

/// The portable kinds' way through the door: `self` in their tables is the author's object as its kind.
template <class Kind>
struct PortableKind : Component {
    template <class C>
    using dv_object = C;
    template <class C>
    static C& dv_component_of(C& object) {
        return object;
    }
    template <class C>
    static void* dv_to_door(C* object) {
        return static_cast<Kind*>(object);
    }
    template <class C>
    static C* dv_from_door(void* self) {
        return static_cast<C*>(static_cast<Kind*>(self));
    }
    using Query = const void* (*)(void* self, const char* iface, std::uint32_t min_version);
    template <class C>
    static constexpr Query dv_query = nullptr;
};

}  // namespace dv

#define DV_DETAIL_JOIN2(a, b) a##b
#define DV_DETAIL_JOIN(a, b) DV_DETAIL_JOIN2(a, b)

/// Exports the component `Type` under `ID` ("vendor.kind.name") with one line of documentation.
#define DV_COMPONENT(Type, ID, DOC)                                                                                    \
    namespace {                                                                                                        \
    constexpr std::size_t DV_DETAIL_JOIN(dv_length_, __LINE__) =                                                       \
        dv::detail::component_text<Type>(nullptr, Type::dv_iface, Type::dv_iface_version, ID, DOC);                    \
    [[gnu::used, gnu::retain, gnu::section(".note.dvhost"), gnu::aligned(4)]] constexpr auto DV_DETAIL_JOIN(           \
        dv_note_, __LINE__) =                                                                                          \
        dv::detail::component_note<Type, DV_DETAIL_JOIN(dv_length_, __LINE__)>(Type::dv_iface, Type::dv_iface_version, \
                                                                               ID, DOC);                               \
    constexpr dv_component DV_DETAIL_JOIN(dv_component_, __LINE__){                                                    \
        sizeof(dv_component),          Type::dv_iface_version,    Type::dv_iface,             ID,                      \
        Type::dv_vtable<Type>(),       &dv::detail::create<Type>, &dv::detail::destroy<Type>, Type::dv_query<Type>};   \
    [[gnu::used, gnu::retain, gnu::section("dvcomp")]] const dv_component* const DV_DETAIL_JOIN(dv_export_, __LINE__) = \
        &DV_DETAIL_JOIN(dv_component_, __LINE__);                                                                      \
    }                                                                                                                  \
    static_assert(true, "")
