#pragma once
/// State of a component in a checkpoint: named plain values, in tables that may nest.

#include <dv/component.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dv {

/// Where a component writes its state. Valid during save_state().
class StateWriter {
public:
    explicit StateWriter(const dv_state_out& out) : out_(out) {}

    void put(std::string_view key, bool value) { out_.put_bool(out_.self, detail::borrow(key), value ? 1 : 0); }
    void put(std::string_view key, std::int64_t value) { out_.put_int(out_.self, detail::borrow(key), value); }
    void put(std::string_view key, int value) { put(key, std::int64_t{value}); }
    void put(std::string_view key, double value) { out_.put_float(out_.self, detail::borrow(key), value); }
    void put(std::string_view key, std::string_view value) {
        out_.put_string(out_.self, detail::borrow(key), detail::borrow(value));
    }
    void put(std::string_view key, const char* value) { put(key, std::string_view(value)); }
    /// An absent value is written as none.
    template <class T>
    void put(std::string_view key, const std::optional<T>& value) {
        value ? put(key, *value) : out_.put_none(out_.self, detail::borrow(key));
    }
    /// What `body` puts belongs to the table `key`.
    template <class Body>
    void table(std::string_view key, Body&& body) {
        out_.begin_table(out_.self, detail::borrow(key));
        body();
        out_.end_table(out_.self);
    }
    /// For a nested component, which writes into the table that is open.
    const dv_state_out& door() const { return out_; }

    const dv_state_out& raw() const { return out_; }

private:
    const dv_state_out& out_;
};

/// Where a component finds what it wrote. Valid during load_state(). A value that is absent, none or of another type is not there.
class StateReader {
public:
    explicit StateReader(const dv_config& state) : StateReader(state, state.root) {}

    template <class T>
    std::optional<T> get(std::string_view key) const {
        const dv_node* node = node_ ? state_.get(node_, detail::borrow(key)) : nullptr;
        return node ? value<T>(node) : std::nullopt;
    }
    /// An absent table is empty.
    StateReader table(std::string_view key) const {
        return {state_, node_ ? state_.get(node_, detail::borrow(key)) : nullptr};
    }
    std::vector<std::string> keys() const {
        std::vector<std::string> out;
        if (!node_ || state_.kind(node_) != DV_KIND_TABLE) return out;
        for (std::uint64_t i = 0; i < state_.count(node_); ++i) out.emplace_back(detail::view(state_.key(node_, i)));
        return out;
    }
    /// This table for a nested component.
    dv_config door() const {
        dv_config config = state_;
        config.root = node_;
        return config;
    }

    /// As the host gave it; of the outermost table only.
    const dv_config& raw() const { return state_; }

private:
    StateReader(const dv_config& state, const dv_node* node) : state_(state), node_(node) {}

    template <class T>
    std::optional<T> value(const dv_node* node) const {
        if constexpr (std::is_same_v<T, bool>) {
            std::int32_t out = 0;
            if (state_.kind(node) == DV_KIND_BOOL && state_.as_bool(node, &out) == DV_OK) return out != 0;
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
            std::int64_t out = 0;
            if (state_.kind(node) == DV_KIND_INT && state_.as_int(node, &out) == DV_OK) return out;
        } else if constexpr (std::is_same_v<T, double>) {
            double out = 0;
            const std::int32_t kind = state_.kind(node);
            if ((kind == DV_KIND_FLOAT || kind == DV_KIND_INT) && state_.as_float(node, &out) == DV_OK) return out;
        } else {
            static_assert(std::is_same_v<T, std::string>, "a state holds bool, int64, double and string");
            dv_str out{};
            if (state_.kind(node) == DV_KIND_STRING && state_.as_string(node, &out) == DV_OK) {
                return std::string(detail::view(out));
            }
        }
        return std::nullopt;
    }

    const dv_config& state_;
    const dv_node* node_;
};

}  // namespace dv
