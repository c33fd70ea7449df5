// The maps of norms, of a retina and of channels: stateless functions of one signal.

#include "operations.hpp"
#include "text.hpp"

#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/group_norm.h>

#include <cmath>

namespace rcnn {

using namespace dv::temporal;

namespace {

Map group_norm(const NormSettings& norm, const std::string& name, const Grid& grid, dv::Parameters& weights) {
    if (grid.channels % norm.groups != 0) {
        throw dv::Error("its norm makes " + std::to_string(norm.groups) + " groups of " +
                        std::to_string(grid.channels) + " channels; the one has to divide the other");
    }
    const at::Tensor weight = weights.add(name + ".weight", {grid.channels}, dv::init::Constant{1.0});
    const at::Tensor bias = weights.add(name + ".bias", {grid.channels}, dv::init::Constant{0.0});
    const std::int64_t groups = norm.groups;
    const double epsilon = norm.epsilon;
    return Custom{
        [=](const at::Tensor& x) { return at::group_norm(x, groups, weight, bias, epsilon, /*cudnn=*/false); }, nullptr,
        "groupnorm"};
}

/// R = maximum · D^n / (sigma^n + mean D^n), D the rectified drive. Source: Heeger (1992),
/// doi:10.1017/S0952523800009640.
Map divisive_norm(const NormSettings& norm) {
    if (norm.window % 2 == 0)
        throw dv::Error("its norm has a window of " + std::to_string(norm.window) + "; it is odd");
    const double n = norm.exponent, half = std::pow(norm.sigma, n), maximum = norm.maximum;
    const std::int64_t window = norm.window;
    return Custom{[=](const at::Tensor& x) {
                      const at::Tensor drive = n == 1.0 ? x.relu() : x.relu().pow(n);
                      at::Tensor pool = drive.mean(1, /*keepdim=*/true);
                      if (window > 1) pool = at::avg_pool2d(pool, window, /*stride=*/1, /*padding=*/window / 2);
                      return drive.mul(maximum).div(pool.add(half));
                  },
                  nullptr, "divisivenorm"};
}

Convolution retinal(const std::string& name, std::int64_t in, std::int64_t out, dv::Parameters& weights) {
    constexpr std::int64_t kKernel = 9;
    const double deviation = std::sqrt(2.0 / static_cast<double>(out * kKernel * kKernel));  // Kaiming, fan out
    Convolution c;
    c.weight = weights.add(name + ".weight", {out, in, kKernel, kKernel}, dv::init::Normal{0.0, deviation});
    c.bias = weights.add(name + ".bias", {out}, dv::init::Constant{0.0});
    c.padding = kKernel / 2;
    return c;
}

}  // namespace

std::optional<Map> norm_map(const NormSettings& norm, const std::string& name, const Grid& grid,
                            dv::Parameters& weights) {
    switch (norm.type) {
        case NormSettings::Type::group: return group_norm(norm, name, grid, weights);
        case NormSettings::Type::divisive: return divisive_norm(norm);
        case NormSettings::Type::average_to: {
            const std::int64_t size = norm.size;
            return Custom{[size](const at::Tensor& x) {
                              return at::adaptive_avg_pool2d(x, {size, size});
                          },
                          [size](const Grid& g) {
                              return Grid{g.channels, size, size};
                          },
                          "mean" + std::to_string(size)};
        }
        case NormSettings::Type::none: break;
    }
    return std::nullopt;
}

std::vector<Map> retina_maps(std::int64_t channels, dv::Parameters& weights) {
    constexpr std::int64_t kMiddle = 36, kOut = 18;
    return {retinal("retina.conv1", channels, kMiddle, weights), Relu{},
            retinal("retina.conv2", kMiddle, kOut, weights)};
}

Map channel_map(std::int64_t channels) {
    return Custom{
        [channels](const at::Tensor& x) {
            const std::int64_t n = x.size(1);
            if (n == 1) return x.expand({-1, channels, -1, -1});
            return n < channels ? at::constant_pad_nd(x, {0, 0, 0, 0, 0, channels - n}) : x.narrow(1, 0, channels);
        },
        [channels](const Grid& g) {
            return Grid{channels, g.height, g.width};
        },
        "channels" + std::to_string(channels)};
}

}  // namespace rcnn
