#include "golden.hpp"

#include <ATen/ops/arange.h>

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <iterator>
#include <sstream>

namespace golden {

namespace {

struct Printed {
    double value = 0, unit = 0;  ///< unit: of the last digit
};

Printed parsed(const std::string& word) {
    const std::size_t point = word.find('.');
    const int places = point == std::string::npos ? 0 : static_cast<int>(word.size() - point - 1);
    return {std::stod(word), std::pow(10.0, -places)};
}

std::vector<std::string> words(const std::string& text) {
    std::istringstream in(text);
    return {std::istream_iterator<std::string>(in), {}};
}

bool contains(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

at::Tensor fill_of(const dv::NamedTensor& parameter) {
    int s = 0;
    for (const char c : parameter.name) s += c;
    const at::Tensor& t = parameter.tensor;
    const at::Tensor wave = at::arange(t.numel(), at::kDouble).mul(0.7).add(0.1 * (s % 97)).sin().view(t.sizes());
    if (t.dim() > 1) return wave.div(std::sqrt(static_cast<double>(t.numel() / t.size(0))));
    const bool scale = contains(parameter.name, "weight") &&
                       (contains(parameter.name, "norm") || contains(parameter.name, "mid_modules"));
    return wave.mul(0.05).add(scale ? 1.0 : 0.0);
}

std::shared_ptr<dv::Model> built(dv::testing::Plugin& plugin, const std::string& id, const dv::testing::Config& config,
                                 std::int64_t size, std::int64_t n_classes) {
    auto model = plugin.make<dv::Model>(id, config);
    model->build({.n_frames = 1, .channels = 3, .height = size, .width = size, .n_classes = n_classes});
    return model;
}

}  // namespace

void fill(const dv::Model& model) {
    for (const dv::NamedTensor& p : model.parameters()) {
        if (!p.trainable && !p.name.ends_with(".recurrence.weight")) continue;
        p.tensor.set_data(contains(p.name, "tau") ? p.tensor.detach().to(at::kDouble) : fill_of(p));
    }
}

at::Tensor image(std::int64_t batch, std::int64_t size) {
    const std::int64_t pixels = 3 * size * size;
    const at::Tensor by_pixel = at::arange(pixels, at::kDouble).mul(0.013);
    const at::Tensor by_sample = at::arange(batch, at::kDouble).mul(0.5);
    return by_pixel.unsqueeze(0).add(by_sample.unsqueeze(1)).cos().view({batch, 1, 3, size, size});
}

dv::testing::Plugin plugin(const std::string& file) {
    dv::testing::Plugin plugin{std::filesystem::path(file)};
    plugin.with(std::filesystem::path(file).parent_path());
    return plugin;
}

std::shared_ptr<dv::Model> filled(dv::testing::Plugin plugin, const std::string& id, const dv::testing::Config& config,
                                  std::int64_t size, std::int64_t n_classes) {
    auto model = built(plugin, id, config, size, n_classes);
    fill(*model);
    return model;
}

std::int64_t count(dv::testing::Plugin plugin, const std::string& id, const dv::testing::Config& config,
                   std::int64_t size, std::int64_t n_classes) {
    std::int64_t n = 0;
    for (const dv::NamedTensor& p : built(plugin, id, config, size, n_classes)->parameters()) {
        n += p.name == "n_residual_timesteps" ? 0 : p.tensor.numel();
    }
    return n;
}

std::vector<double> numbers(const std::string& text) {
    std::vector<double> out;
    for (const std::string& word : words(text)) out.push_back(parsed(word).value);
    return out;
}

void expect_printed(const at::Tensor& found, const std::string& text, const std::string& what) {
    const std::vector<std::string> expected = words(text);
    const at::Tensor flat = found.detach().reshape({-1}).contiguous();
    ASSERT_EQ(flat.size(0), static_cast<std::int64_t>(expected.size())) << what;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const Printed number = parsed(expected[i]);
        EXPECT_NEAR(flat.const_data_ptr<double>()[i], number.value, 2 * number.unit) << what << " " << i;
    }
}

void LayerMeans::record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) {
    if (means_.size() <= layer) means_.resize(layer + 1);
    const auto t = static_cast<std::size_t>(timestep);
    if (means_[layer].size() <= t) means_[layer].resize(t + 1);
    if (response.defined()) means_[layer][t] = response.abs().mean();
}

void LayerMeans::expect(std::size_t layer, const std::string& text) const {
    ASSERT_LT(layer, means_.size());
    const std::vector<std::string> expected = words(text);
    ASSERT_EQ(means_[layer].size(), expected.size()) << "layer " << layer;
    for (std::size_t t = 0; t < expected.size(); ++t) {
        const std::string where = "layer " + std::to_string(layer) + " at step " + std::to_string(t);
        ASSERT_EQ(!means_[layer][t].defined(), expected[t] == "absent") << where;
        if (means_[layer][t].defined()) expect_printed(means_[layer][t], expected[t], where);
    }
}

}  // namespace golden
