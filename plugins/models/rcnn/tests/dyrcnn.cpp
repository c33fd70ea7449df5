#include "dyrcnn.hpp"

#include <filesystem>

namespace dyrcnn {

using dv::testing::list;
using dv::testing::Value;

namespace {

Config conv(int channels, int kernel, int stride) {
    return {{"channels", channels}, {"kernel", kernel}, {"stride", stride}};
}

Config pooled(const Config& layer) {
    return with(layer, {{"pool", Config{{"type", "max"}, {"kernel", 3}, {"stride", 2}, {"padding", 1}}}});
}

Config one_stage(const char* name, int channels, int stride) {
    return {{"name", name}, {"conv", conv(channels, 3, stride)}};
}

Config two_stage(const char* name, int channels, int kernel) {
    return {{"name", name}, {"conv", conv(channels, kernel, 2)}, {"conv2", conv(channels, kernel, 1)}};
}

Config network(Value layers, Value skips) {
    return {{"n_timesteps", 8},
            {"dt", 2.0},
            {"tau", 5.0},
            {"t_recurrence", 6.0},
            {"t_feedback", 30.0},
            {"t_skip", 0.0},
            {"recurrence", Config{{"type", "full"}}},
            {"solver", Config{{"type", "euler"}}},
            {"layer", std::move(layers)},
            {"connection", std::move(skips)}};
}

}  // namespace

Config with(Config config, const Config& changes) {
    for (const auto& [key, value] : *changes.as<Value::Table>()) config.set(key, value);
    return config;
}

Edges connections(const char* kind, const std::vector<std::pair<std::string, std::string>>& from_to, const char* mode) {
    Edges out;
    for (const auto& [from, to] : from_to) {
        out.push_back(Config{{"kind", kind}, {"from", from}, {"to", to}, {"mode", mode}});
    }
    return out;
}

Edges both(Edges some, const Edges& more) {
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

Config x2() {
    return network(list(pooled(one_stage("layer1", 36, 1)), one_stage("layer2", 64, 1)),
                   connections("skip", {{"layer1", "layer2"}}));
}

Config x4() {
    return network(list(pooled(one_stage("V1", 36, 1)), pooled(one_stage("V2", 64, 1)), one_stage("V4", 121, 1),
                        one_stage("IT", 256, 2)),
                   connections("skip", {{"V1", "V4"}, {"V2", "IT"}}));
}

Config x8() {
    return network(list(pooled(two_stage("V1", 64, 5)), pooled(two_stage("V2", 144, 3)), two_stage("V4", 256, 3),
                        two_stage("IT", 529, 3)),
                   connections("skip", {{"V1", "V4"}, {"V2", "IT"}}));
}

dv::testing::Plugin plugin() {
    const std::filesystem::path file(DV_PLUGIN_UNDER_TEST);
    dv::testing::Plugin plugin(file);
    plugin.with(file.parent_path());
    return plugin;
}

std::shared_ptr<dv::Model> made(const Config& config) { return plugin().make<dv::Model>("rcnn", config); }

}  // namespace dyrcnn
