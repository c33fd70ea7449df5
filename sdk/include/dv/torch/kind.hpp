#pragma once
/// How the torch-class kinds cross the door. Authors do not need this header.
///
/// For a kind K there are four small pieces in <dv/torch/k.hpp>:
///   dv::K                what an author derives from: ordinary C++, may throw;
///   dv::abi::v1::IK      what crosses: noexcept functions that return dv_status, tensors and plain structs only;
///   dv::KDoor            IK made from a K (on the plugin's side): catches and reports;
///   dv::KProxy           K made from an IK (on the caller's side): throws what was reported.
/// So both sides write against dv::K and neither sees the door.

#include <dv/component.hpp>
#include <dv/factory.hpp>
#include <dv/torch/fingerprint.hpp>

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <functional>
#include <memory>
#include <string>

namespace dv {

namespace detail {

/// guard() for code that may throw c10::Error, of which the message without the backtrace is kept.
template <class Body>
dv_status torch_guard(const dv_host* host, const char* hook, Body&& body) noexcept {
    return guard(host, hook, [&] {
        try {
            body();
        } catch (const c10::Error& error) {
            throw Error(error.what_without_backtrace());
        }
    });
}

/// What a proxy holds: the made object, and how to give it back.
class Imported {
public:
    using Release = std::function<void(dv_child&)>;
    Imported(const dv_child& child, Release release) : child_(child), release_(std::move(release)) {}
    ~Imported() {
        if (release_) release_(child_);
    }
    Imported(const Imported&) = delete;
    Imported& operator=(const Imported&) = delete;

    const dv_host* host() const { return child_.host; }
    std::string id() const { return child_.component->id; }

    template <class Interface>
    Interface& interface(const char* iface, std::uint32_t version) const {
        const void* found =
            child_.component->query ? child_.component->query(child_.object, iface, version) : nullptr;
        if (!found) throw Error(id() + " does not offer " + iface + "/" + std::to_string(version));
        return *static_cast<Interface*>(const_cast<void*>(found));
    }

private:
    dv_child child_;
    Release release_;
};

}  // namespace detail

/// Base of the torch-class kinds. `Interface` is abi::v1::IKind, `Door` and `Proxy` as described above.
template <class Kind, class Interface, class Door, class Proxy>
struct TorchKind : Component {
    template <class C>
    struct dv_object {
        std::shared_ptr<C> component = std::make_shared<C>();
        Door door{*component};
    };
    template <class C>
    static C& dv_component_of(dv_object<C>& object) {
        return *object.component;
    }
    template <class C>
    static void* dv_to_door(dv_object<C>* object) {
        return object;
    }
    template <class C>
    static dv_object<C>* dv_from_door(void* self) {
        return static_cast<dv_object<C>*>(self);
    }
    template <class C>
    static constexpr const void* dv_vtable() {
        return nullptr;
    }
    template <class C>
    static const void* dv_query(void* self, const char* iface, std::uint32_t min_version) noexcept {
        if (std::string_view(iface) != Kind::dv_iface || min_version > Kind::dv_iface_version) return nullptr;
        return static_cast<const Interface*>(&dv_from_door<C>(self)->door);
    }
    static std::shared_ptr<Kind> dv_import(const dv_child& child, detail::Imported::Release release) {
        return std::make_shared<Proxy>(child, std::move(release));
    }
};

}  // namespace dv
