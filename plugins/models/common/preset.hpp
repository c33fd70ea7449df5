#pragma once
/// What presets share: their parameters are the generic ones, some of them with other defaults.
///
///     static constexpr auto params = std::tuple_cat(std::tuple(setting<"dt">(1.0), setting<"tau">()),
/// settings_of_runs());

#include "network.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

namespace rcnn {

template <std::size_t N>
struct SettingName {
    char text[N];
    constexpr SettingName(const char (&from)[N]) { std::copy_n(from, N, text); }
    constexpr std::string_view view() const { return {text, N - 1}; }
};

/// A parameter of Settings, as it is declared there.
template <SettingName name>
constexpr auto setting() {
    constexpr std::size_t i = [] {
        const auto names = std::apply([](const auto&... p) { return std::array{p.name...}; }, Settings::params);
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), name.view()) - names.begin());
    }();
    return std::get<i>(Settings::params);
}

/// The same with another default.
template <SettingName name, class Default>
constexpr auto setting(Default fallback) {
    const auto generic = setting<name>();
    auto changed = dv::p(generic.name, generic.member, fallback, generic.doc);
    changed.facts = generic.facts;
    return changed;
}

/// How every network is run, whatever it is made of.
constexpr auto settings_of_runs() {
    return std::tuple(setting<"delay_policy">(), setting<"update_order">(), setting<"history_interpolation">(),
                      setting<"history">(), setting<"operations_skipped_on_absent_input">(),
                      setting<"input_channels">(), setting<"expand_channels">(), setting<"truncated_bptt_timesteps">(),
                      setting<"checkpoint_segments">(), setting<"residual_timesteps">(), setting<"data_presentation_pattern">(), setting<"pattern">(),
                      setting<"loss_reaction_time">(), setting<"non_label_index">(), setting<"non_input_value">(),
                      setting<"stability_check">(), setting<"compat">());
}

/// A row of a table of layers: a convolution with padding kernel / 2.
inline ConvSettings conv(std::int64_t channels, std::int64_t kernel, std::int64_t stride, bool bias = true) {
    return {.channels = channels, .kernel = kernel, .stride = stride, .padding = std::nullopt, .bias = bias};
}
inline PoolSettings pool(dv::temporal::Pool::Kind type, std::int64_t kernel, std::int64_t stride,
                         std::int64_t padding) {
    return {.type = type, .kernel = kernel, .stride = stride, .padding = padding};
}
inline ConnectionSettings connection(dv::temporal::Connection::Kind kind, const char* from, const char* to) {
    ConnectionSettings c;
    c.kind = kind;
    c.from = from;
    c.to = to;
    return c;
}

}  // namespace rcnn
