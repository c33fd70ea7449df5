#include "signals.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/conv2d.h>

namespace dv::temporal {

/// Nearest neighbour along one dimension: position i takes floor(i · in / out), in whole numbers.
static at::Tensor resized(const at::Tensor& x, std::int64_t dim, std::int64_t out) {
    const std::int64_t in = x.size(dim);
    if (in == out) return x;
    if (in % out == 0) return x.slice(dim, 0, in, in / out);
    return x.index_select(dim, at::arange(out, x.options().dtype(at::kLong)).mul(in).div(out, "floor"));
}

at::Tensor resized(const at::Tensor& x, const Grid& grid) { return resized(resized(x, 2, grid.height), 3, grid.width); }

at::Tensor joined(const at::Tensor& x, const at::Tensor& y, Integration how) {
    if (!y.defined()) return x;
    if (!x.defined()) return y;
    return how == Integration::additive ? x.add(y) : x.mul(y.tanh().add(1));
}

at::Tensor mapped(const Layer& layer, std::size_t i, const Grid& here, const at::Tensor& x) {
    const Operation& operation = layer.operations[i];
    if (x.defined()) return applied(*operation.map, x);
    return std::holds_alternative<Bias>(*operation.map) ? alone(layer, operation, here) : x;
}

at::Tensor alone(const Layer& layer, const Operation& operation, const Grid& here) {
    const Bias& bias = std::get<Bias>(*operation.map);
    if (bias.needs_signal) {
        throw Error("layer " + layer.name + ": nothing has arrived where '" + operation.name +
                    "' acts, and its bias may not stand alone; let it, or shorten the delays in front of it");
    }
    return bias.value.expand({1, here.channels, here.height, here.width});
}

at::Tensor adapted(const Adaptation& by, const at::Tensor& s, const at::Tensor& x) {
    if (!x.defined() || !s.defined()) return x;
    const at::Tensor against = s.mul(by.beta);
    return by.divisive ? x.div(against.add(1)) : x.sub(against);
}

at::Tensor fatigued(const Adaptation& by, const at::Tensor& s, const at::Tensor& stored) {
    const at::Tensor left = s.defined() ? s.mul(by.alpha) : s;
    if (!stored.defined()) return left;
    const at::Tensor gained = stored.sub(stored.mul(by.alpha));
    return left.defined() ? left.add(gained) : gained;
}

at::Tensor recurrent_drive(const RecurrentPath& path, const std::optional<LinearMap>& linear, const Grid& joins,
                           const at::Tensor& rate) {
    if (!rate.defined()) return rate;
    if (!linear) return resized(path.map->forward(rate).to(rate.scalar_type()), joins);
    const std::int64_t padding = linear->weight.size(2) / 2;
    const at::Tensor drive = at::conv2d(rate, linear->weight, linear->bias, 1, padding, 1, linear->groups);
    return resized(drive.to(rate.scalar_type()), joins);
}

at::Tensor arriving(const Connection& c, const at::Tensor& source) {
    if (!source.defined()) return source;
    const at::Tensor there = resized(source, c.resized);
    return c.transform ? applied(*c.transform, there) : there;
}

at::Tensor adapted_input(const InputAdaptation& by, const at::Tensor& frame, at::Tensor& adapted) {
    if (by.weight == 0.0) return frame;
    at::Tensor x = frame;
    if (adapted.defined()) {
        const at::Tensor before = adapted.mul(by.weight);
        x = by.first_only ? before : x.add(before);
    }
    return adapted = x;
}

at::Tensor input_path(const Layer& layer, at::Tensor x, const at::Tensor& drive) {
    const auto join_at = [&](RecurrenceTarget here) {
        if (drive.defined() && layer.recurrence->target == here) x = joined(x, drive, layer.recurrence->integration);
    };
    join_at(RecurrenceTarget::input);
    x = through(layer.feedforward.first, x);
    for (const Map& map : layer.feedforward.middle) x = through(map, x);
    if (layer.feedforward.second) {
        x = through(Relu{}, x);
        join_at(RecurrenceTarget::middle);
        x = through(*layer.feedforward.second, x);
    }
    join_at(RecurrenceTarget::output);
    return x;
}

}  // namespace dv::temporal
