#include "dyrcnn.hpp"

#include <ATen/ops/arange.h>

#include <cmath>
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

/// dynvision 0.1.0's goldens: sin(0.7 i + 0.1 s), s the sum of the name's characters modulo 97.
at::Tensor fill_of(const dv::NamedTensor& parameter) {
    int s = 0;
    for (const char c : parameter.name) s += c;
    const at::Tensor& t = parameter.tensor;
    const at::Tensor wave = at::arange(t.numel(), at::kDouble).mul(0.7).add(0.1 * (s % 97)).sin().view(t.sizes());
    if (t.dim() <= 1) return wave.mul(0.05);
    return wave.div(std::sqrt(static_cast<double>(t.numel() / t.size(0))));
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

std::shared_ptr<dv::Model> filled(const Config& config, std::int64_t size, std::int64_t n_classes) {
    auto model = made(config);
    model->build({.n_frames = 1, .channels = 3, .height = size, .width = size, .n_classes = n_classes});
    for (const dv::NamedTensor& p : model->parameters()) {
        if (p.trainable) p.tensor.set_data(p.name.starts_with("tau") ? p.tensor.detach().to(at::kDouble) : fill_of(p));
    }
    return model;
}

at::Tensor image(std::int64_t batch, std::int64_t size) {
    const std::int64_t pixels = 3 * size * size;
    const at::Tensor by_pixel = at::arange(pixels, at::kDouble).mul(0.013);
    const at::Tensor by_sample = at::arange(batch, at::kDouble).mul(0.5);
    return by_pixel.unsqueeze(0).add(by_sample.unsqueeze(1)).cos().view({batch, 1, 3, size, size});
}

}  // namespace dyrcnn
