/// What layers give at one moment of a step (stage_walk.hpp).

#include "stage_walk.hpp"

#include "paths.hpp"

#include <dv/error.hpp>

#include <ATen/ops/conv2d.h>

namespace dv::temporal {

namespace {

using Kind = Operation::Kind;

at::Tensor join(const at::Tensor& x, const at::Tensor& y, Integration how) {
    if (!y.defined()) return x;
    if (!x.defined()) return y;
    return how == Integration::additive ? x.add(y) : x.mul(y.tanh().add(1));
}

at::Tensor through_map(const Map& map, const at::Tensor& x) { return x.defined() ? applied(map, x) : x; }

}  // namespace

at::Tensor StageWalk::drive(std::size_t l, std::size_t m) { return through(l, 0, step_at_[l], input_of(l, m), m); }

/// (drive − what leaks) / tau; undefined when both are absent.
at::Tensor StageWalk::slope(std::size_t l, std::size_t m) {
    const Layer& layer = circuit_.layers[l];
    const at::Tensor x = drive(l, m);
    const at::Tensor y = layer.leak == LeakState::membrane ? moments_[m].values[l] : response(l, m);
    const at::Tensor distance = weighted_sum({{x, 1.0}, {y, -1.0}});
    if (!distance.defined()) return distance;
    return layer.time.tau_tensor.defined() ? distance.div(layer.time.tau_tensor) : distance.div(layer.time.tau);
}

at::Tensor StageWalk::response(std::size_t l, std::size_t m) {
    Moment& moment = moments_[m];
    if (moment.known[l] == Known::asked) {
        throw Error("layer " + circuit_.layers[l].name +
                    " reads itself on a path without a delay and without a solver; give one of "
                    "the path's connections a delay");
    }
    if (moment.known[l] == Known::no) {
        moment.known[l] = Known::asked;
        moment.responses[l] = solved(l) ? through(l, step_at_[l] + 1, delay_at_[l], moment.values[l], m)
                                        : through(l, 0, delay_at_[l], input_of(l, m), m);
        moment.known[l] = Known::yes;
    }
    return moment.responses[l];
}

at::Tensor StageWalk::input_of(std::size_t l, std::size_t m) { return l == 0 ? shown_ : passed_on(l - 1, m); }

at::Tensor StageWalk::passed_on(std::size_t l, std::size_t m) {
    const std::size_t n = circuit_.layers[l].operations.size();
    if (delay_at_[l] == n) return response(l, m);
    const at::Tensor x = activity(l, delays_.forward[l], m);
    if (watch_ && *watch_ && m == end_) (*watch_)(l, delay_at_[l], x);
    return through(l, delay_at_[l] + 1, n, x, m);
}

at::Tensor StageWalk::activity(std::size_t source, double delay, std::size_t m) {
    if (delay == 0.0) return response(source, m);
    return read(state_.knots[source], moments_[m].time - delay, moments_[m].side, readings_[source]);
}

at::Tensor StageWalk::through(std::size_t l, std::size_t first, std::size_t last, at::Tensor x, std::size_t m) {
    const bool watched = watch_ && *watch_ && m == end_;
    if (watched && first == step_at_[l] + 1) (*watch_)(l, step_at_[l], x);
    for (std::size_t i = first; i < last; ++i) {
        x = after(l, i, x, m);
        if (watched) (*watch_)(l, i, x);
    }
    return x;
}

at::Tensor StageWalk::after(std::size_t l, std::size_t i, const at::Tensor& x, std::size_t m) {
    switch (circuit_.layers[l].operations[i].kind) {
        case Kind::layer: return input_path(l, x, m);
        case Kind::skip: return connected(l, Connection::Kind::skip, x, m);
        case Kind::feedback: return connected(l, Connection::Kind::feedback, x, m);
        case Kind::map: return mapped(l, i, x);
        case Kind::adapt: return adapted(l, x);
        case Kind::step:
        case Kind::record:
        case Kind::delay:
        case Kind::rest: break;
    }
    return x;
}

at::Tensor StageWalk::recurrent_drive(std::size_t l, std::size_t m) {
    const auto& recurrence = circuit_.layers[l].recurrence;
    if (!recurrence) return {};
    const at::Tensor rate = activity(l, delays_.recurrence[l], m);
    if (!rate.defined()) return {};
    if (const auto& map = linear_[l]) {
        return resized(at::conv2d(rate, map->weight, map->bias, 1, map->weight.size(2) / 2, 1, map->groups),
                       drive_grids_[l]);
    }
    return resized(recurrence->map->forward(rate), drive_grids_[l]);
}

at::Tensor StageWalk::input_path(std::size_t l, at::Tensor x, std::size_t m) {
    const Layer& layer = circuit_.layers[l];
    const at::Tensor recurrent = recurrent_drive(l, m);
    const auto joined_at = [&](RecurrenceTarget here) {
        if (recurrent.defined() && layer.recurrence->target == here)
            x = join(x, recurrent, layer.recurrence->integration);
    };
    joined_at(RecurrenceTarget::input);
    x = through_map(layer.feedforward.first, x);
    for (const Map& map : layer.feedforward.middle) x = through_map(map, x);
    if (layer.feedforward.second) {
        x = through_map(Relu{}, x);
        joined_at(RecurrenceTarget::middle);
        x = through_map(*layer.feedforward.second, x);
    }
    joined_at(RecurrenceTarget::output);
    return x;
}

at::Tensor StageWalk::connected(std::size_t l, Connection::Kind kind, at::Tensor x, std::size_t m) {
    for (std::size_t i = 0; i < circuit_.connections.size(); ++i) {
        const Connection& c = circuit_.connections[i];
        if (c.target != l || c.kind != kind) continue;
        at::Tensor source = activity(c.source, delays_.connections[i], m);
        if (!source.defined()) continue;
        source = resized(source, c.resized);
        x = join(x, c.transform ? applied(*c.transform, source) : source, c.integration);
    }
    return x;
}

at::Tensor StageWalk::mapped(std::size_t l, std::size_t i, const at::Tensor& x) const {
    const Map& map = *circuit_.layers[l].operations[i].map;
    if (x.defined()) return applied(map, x);
    const Bias* bias = std::get_if<Bias>(&map);
    if (!bias) return x;
    const Grid& here = along_[l][i];
    return bias->value.expand({1, here.channels, here.height, here.width});
}

at::Tensor StageWalk::adapted(std::size_t l, const at::Tensor& x) const {
    const at::Tensor& s = state_.adaptations[l];
    if (!x.defined() || !s.defined()) return x;
    const Adaptation& adaptation = *circuit_.layers[l].adaptation;
    const at::Tensor against = s.mul(adaptation.beta);
    return adaptation.divisive ? x.div(against.add(1)) : x.sub(against);
}

}  // namespace dv::temporal
