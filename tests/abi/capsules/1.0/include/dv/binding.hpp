#pragma once
/// From the host's configuration tree to a component's members. The host has checked types, ranges and choices; what
/// arrives here only needs to be put in place, and what is absent takes the default of its declaration. Authors do not need
/// this header.

#include <dv/abi.h>
#include <dv/error.hpp>
#include <dv/schema.hpp>

namespace dv::detail {

inline std::string_view view(dv_str s) { return {s.p, s.n}; }
inline dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

/// The default of a declaration into its member. unset, table, a nested component's name: the member as it was made.
template <class T, class Default>
void assign_default(const Default& fallback, T& out) {
    if constexpr (std::same_as<Default, empty_t>) {
        out.clear();
    } else if constexpr (std::same_as<Default, table_t>) {
        for_each_parameter<T>([&](const auto& q) { assign_default(q.fallback, out.*(q.member)); });
    } else if constexpr (std::same_as<Default, unset_t> || is_factory<T>) {
        return;
    } else if constexpr (is_optional<T>) {
        assign_default(fallback, out.emplace());
    } else if constexpr (is_vector<T>) {
        out.assign(fallback.values.begin(), fallback.values.end());
    } else {
        out = static_cast<T>(fallback);
    }
}

template <class T>
void bind(const dv_host& host, const dv_config& config, const dv_node* node, const ParameterFacts& facts, T& out);

template <class Owner>
void bind_table([[maybe_unused]] const dv_host& host, [[maybe_unused]] const dv_config& config,
                [[maybe_unused]] const dv_node* table, [[maybe_unused]] Owner& out) {
    for_each_parameter<Owner>([&](const auto& parameter) {
        if (const dv_node* node = config.get(table, borrow(parameter.name))) {
            bind(host, config, node, parameter.facts, out.*(parameter.member));
        } else {
            assign_default(parameter.fallback, out.*(parameter.member));
        }
    });
}

inline void expect(dv_status status, const char* what) {
    if (status != DV_OK) throw Error(std::string("the host gave no ") + what + " where the schema promises one");
}

template <class T>
void bind(const dv_host& host, const dv_config& config, const dv_node* node, const ParameterFacts& facts, T& out) {
    if constexpr (is_optional<T>) {
        bind(host, config, node, facts, out.emplace());
    } else if constexpr (is_vector<T>) {
        out.clear();
        for (std::uint64_t i = 0, n = config.count(node); i < n; ++i) {
            typename T::value_type element{};
            bind(host, config, config.item(node, i), facts, element);
            out.push_back(std::move(element));
        }
    } else if constexpr (is_factory<T>) {
        out = T(host, config, node);
    } else if constexpr (Described<T>) {
        bind_table(host, config, node, out);
    } else if constexpr (std::same_as<T, bool>) {
        std::int32_t value = 0;
        expect(config.as_bool(node, &value), "bool");
        out = value != 0;
    } else if constexpr (std::integral<T>) {
        std::int64_t value = 0;
        expect(config.as_int(node, &value), "integer");
        out = static_cast<T>(value);
    } else if constexpr (std::floating_point<T>) {
        double value = 0;
        expect(config.as_float(node, &value), "number");
        out = static_cast<T>(value);
    } else {
        dv_str text{};
        expect(config.as_string(node, &text), "string");
        if constexpr (std::is_enum_v<T>) {
            for (std::size_t i = 0; i < facts.n_choices; ++i) {
                if (facts.choices[i] == view(text)) out = static_cast<T>(i);
            }
        } else {
            out = T(view(text));
        }
    }
}

}  // namespace dv::detail
