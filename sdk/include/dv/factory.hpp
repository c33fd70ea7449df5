#pragma once
/// A nested component that its owner makes itself, as often as it needs: a model's recurrence, one per layer.
///
///     dv::Factory<dv::Recurrence> recurrence;                              // recurrence = { type = "full", kernel = 3 }
///     dv::p("recurrence", &Model::recurrence, "full", "recurrent connection")
///     ...
///     std::shared_ptr<dv::Recurrence> r = recurrence.make("V1.recurrence");
///
/// The host has resolved and checked the choice before any plugin code ran; the plugin that provides it is loaded already.

#include <dv/component.hpp>

#include <memory>
#include <string>

namespace dv {

template <class Kind>
class Factory {
public:
    using kind_type = Kind;

    Factory() = default;
    Factory(const dv_host& host, const dv_config& config, const dv_node* table)
        : host_(&host), config_(&config), table_(table) {}

    /// False when the parameter was left unset.
    explicit operator bool() const { return table_ != nullptr; }

    /// The id of the chosen component; empty when unset.
    std::string type() const {
        dv_str text{};
        const dv_node* node = table_ ? config_->get(table_, detail::borrow("type")) : nullptr;
        if (node) config_->as_string(node, &text);
        return std::string(detail::view(text));
    }

    /// A new one. `name` is its place in the owner ("V1.recurrence"); it keys the random draws of its initial values, so
    /// components with different names start differently. [main] Throws ComponentError when it could not be made.
    std::shared_ptr<Kind> make(std::string_view name) const {
        if (!table_) throw Error("a nested " + std::string(Kind::dv_iface) + " was asked for, but none is configured");
        const auto* factory =
            static_cast<const dv_factory_1*>(host_->get_extension(host_->self, DV_EXT_FACTORY, 1));
        if (!factory) throw Error(std::string("this host offers no ") + DV_EXT_FACTORY);
        dv_child child{};
        child.size = sizeof child;
        detail::check(host_, factory->create(factory->self, detail::borrow(Kind::dv_iface), table_,
                                             detail::borrow(name), &child));
        return Kind::dv_import(child, [factory](dv_child& made) { factory->destroy(factory->self, &made); });
    }

private:
    const dv_host* host_ = nullptr;
    const dv_config* config_ = nullptr;
    const dv_node* table_ = nullptr;
};

}  // namespace dv
