/// What layers give at one moment of a step (stage_walk.hpp).

#include "stage_walk.hpp"

#include "signals.hpp"

#include <dv/error.hpp>

namespace dv::temporal {

namespace {

using Kind = Operation::Kind;

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
    const Layer& layer = circuit_.layers[l];
    if (is_skipped(layer.operations[i], x)) return x;
    switch (layer.operations[i].kind) {
        case Kind::layer: return input_path(layer, x, drive_of_itself(l, m));
        case Kind::skip: return connected(l, Connection::Kind::skip, x, m);
        case Kind::feedback: return connected(l, Connection::Kind::feedback, x, m);
        case Kind::map: return mapped(layer, i, along_[l][i], x);
        case Kind::adapt: return adapted(*layer.adaptation, state_.adaptations[l], x);
        case Kind::step:
        case Kind::record:
        case Kind::delay:
        case Kind::rest: break;
    }
    return x;
}

at::Tensor StageWalk::drive_of_itself(std::size_t l, std::size_t m) {
    const auto& path = circuit_.layers[l].recurrence;
    if (!path) return {};
    return recurrent_drive(*path, linear_[l], drive_grids_[l], activity(l, delays_.recurrence[l], m));
}

at::Tensor StageWalk::connected(std::size_t l, Connection::Kind kind, at::Tensor x, std::size_t m) {
    for (std::size_t i = 0; i < circuit_.connections.size(); ++i) {
        const Connection& c = circuit_.connections[i];
        if (c.target != l || c.kind != kind) continue;
        x = joined(x, arriving(c, activity(c.source, delays_.connections[i], m)), c.integration);
    }
    return x;
}

}  // namespace dv::temporal
