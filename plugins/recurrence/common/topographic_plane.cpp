#include "topographic_plane.hpp"

#include <dv/error.hpp>

#include <ATen/ops/conv2d.h>
#include <ATen/ops/reflection_pad2d.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <string>

namespace topographic {

namespace {

std::int64_t mirrored(std::int64_t i, std::int64_t side, std::int64_t position) {
    return position % 2 == 0 ? i : side - 1 - i;
}

std::string text(std::int64_t value) { return std::to_string(value); }

void check_site(const std::string& name, const dv::RecurrenceSite& site) {
    if (site.target != dv::RecurrenceTarget::output) {
        throw dv::Error(
            name +
            " recurrence joins a layer's output only, because it is laid out on the output's plane; found target " +
            (site.target == dv::RecurrenceTarget::middle ? "\"middle\"" : "\"input\"") +
            ". Use target = \"output\" or recurrence type full");
    }
    if (site.source_channels != site.target_channels) {
        throw dv::Error(name + " recurrence needs as many target channels as the layer has, which are " +
                        text(site.source_channels) + "; its target has " + text(site.target_channels) +
                        ". Use recurrence type full");
    }
}

}  // namespace

std::int64_t tile_side(std::int64_t channels) {
    std::int64_t side = 1;
    while (side * side < channels) ++side;
    return side;
}

std::int64_t default_kernel(std::int64_t channels) {
    const std::int64_t quarter = tile_side(channels) / 4;
    return std::max<std::int64_t>(3, quarter + (quarter % 2 == 0 ? 1 : 0));
}

std::vector<std::int64_t> channels_on_plane(std::int64_t channels, std::int64_t height, std::int64_t width) {
    const std::int64_t f = tile_side(channels);
    std::vector<std::int64_t> on_plane;
    on_plane.reserve(static_cast<std::size_t>(f * height * f * width));
    for (std::int64_t row = 0; row < f * height; ++row) {
        for (std::int64_t column = 0; column < f * width; ++column) {
            const std::int64_t slot = mirrored(row % f, f, row / f) * f + mirrored(column % f, f, column / f);
            on_plane.push_back(slot < channels ? slot : 2 * channels - 1 - slot);
        }
    }
    return on_plane;
}

PlaneConvolution::PlaneConvolution(const char* name, const dv::RecurrenceSite& site, std::optional<std::int64_t> kernel)
    : channels_(site.source_channels),
      height_(site.height),
      width_(site.width),
      side_(tile_side(site.source_channels)),
      kernel_(kernel.value_or(default_kernel(site.source_channels))) {
    check_site(name, site);
    const std::int64_t shortest = side_ * std::min(height_, width_);
    if (kernel_ % 2 == 0 || kernel_ / 2 >= shortest || (kernel && *kernel > shortest)) {
        throw dv::Error(std::string(name) + " recurrence: a kernel of " + text(kernel_) + " on a plane of " +
                        text(side_ * height_) + " x " + text(side_ * width_) +
                        "; it has to be odd and not longer than the plane's shorter side");
    }
    const std::vector<std::int64_t> channel = channels_on_plane(channels_, height_, width_);
    const std::int64_t columns = side_ * width_, area = height_ * width_;
    std::vector<std::int64_t> to_plane(channel.size()), to_layer(static_cast<std::size_t>(channels_ * area));
    for (std::int64_t row = 0; row < side_ * height_; ++row) {
        for (std::int64_t column = 0; column < columns; ++column) {
            const std::int64_t place = row * columns + column, y = row / side_, x = column / side_;
            const std::int64_t c = channel[static_cast<std::size_t>(place)];
            const std::int64_t slot = mirrored(row % side_, side_, y) * side_ + mirrored(column % side_, side_, x);
            to_plane[static_cast<std::size_t>(place)] = c * area + y * width_ + x;
            if (slot == c) to_layer[static_cast<std::size_t>(c * area + y * width_ + x)] = place;
        }
    }
    to_plane_ = at::tensor(to_plane, at::kLong);
    to_layer_ = at::tensor(to_layer, at::kLong);
}

at::Tensor PlaneConvolution::operator()(const at::Tensor& rate, const at::Tensor& weight,
                                        const at::Tensor& bias) const {
    const std::int64_t n = rate.size(0), margin = kernel_ / 2;
    if (rate.size(1) != channels_ || rate.size(2) != height_ || rate.size(3) != width_) {
        throw dv::Error("a topographic plane made for " + text(channels_) + " x " + text(height_) + " x " +
                        text(width_) + " gets activity of " + text(rate.size(1)) + " x " + text(rate.size(2)) + " x " +
                        text(rate.size(3)));
    }
    const at::Tensor plane = rate.reshape({n, -1})
                                 .index_select(1, to_plane_.to(rate.device()))
                                 .view({n, 1, side_ * height_, side_ * width_});
    const at::Tensor driven = at::conv2d(at::reflection_pad2d(plane, {margin, margin, margin, margin}), weight, bias);
    return driven.reshape({n, -1}).index_select(1, to_layer_.to(rate.device())).view(rate.sizes());
}

}  // namespace topographic
