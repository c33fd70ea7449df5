#include "walk.hpp"

#include "signals.hpp"

#include <ATen/ops/zeros.h>

#include <utility>

namespace dv::temporal {

namespace {

using Kind = Operation::Kind;

/// Both with the larger batch of the two.
void share_batch(at::Tensor& a, at::Tensor& b) {
    if (!a.defined() || !b.defined() || a.size(0) == b.size(0)) return;
    at::Tensor& one = a.size(0) == 1 ? a : b;
    one = one.expand_as(a.size(0) == 1 ? b : a);
}

}  // namespace

Walk::Walk(const Circuit& circuit, State state) : circuit_(circuit), state_(std::move(state)) {
    state_.membranes.resize(circuit.layers.size());
    state_.adaptations.resize(circuit.layers.size());
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        const Layer& layer = circuit.layers[l];
        along_.push_back(grids(layer, circuit.input_of(l)));
        linear_.push_back(layer.recurrence ? layer.recurrence->map->linear() : std::nullopt);
        PathGrids path;
        for (std::size_t i = 0; i < layer.operations.size(); ++i) {
            if (layer.operations[i].kind == Kind::layer) path = path_grids(layer.feedforward, along_[l][i]);
        }
        middle_grids_.push_back(path.middle);
        drive_grids_.push_back(layer.recurrence ? path.at(layer.recurrence->target) : Grid());
    }
}

at::Tensor Walk::step(const at::Tensor& frame, const Watch& watch) {
    if (!like_.defined()) like_ = frame;
    at::Tensor x = through_front(frame);
    for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
        for (std::size_t i = 0; i < circuit_.layers[l].operations.size(); ++i) {
            x = after(l, i, x);
            if (watch) watch(l, i, x);
        }
    }
    return x;
}

at::Tensor Walk::through_front(const at::Tensor& frame) {
    at::Tensor x = adapted_input(circuit_.input_adaptation, frame, state_.input);
    for (const Map& map : circuit_.front) x = through(map, x);
    return x;
}

at::Tensor Walk::after(std::size_t l, std::size_t i, const at::Tensor& x) {
    const Layer& layer = circuit_.layers[l];
    if (is_skipped(layer.operations[i], x)) return x;
    switch (layer.operations[i].kind) {
        case Kind::layer: return input_path(layer, x, drive(l));
        case Kind::skip: return connected(l, Connection::Kind::skip, x);
        case Kind::feedback: return connected(l, Connection::Kind::feedback, x);
        case Kind::step: return solved(l, x);
        case Kind::map: return mapped(layer, i, along_[l][i], x);
        case Kind::adapt: return adapted(*layer.adaptation, state_.adaptations[l], x);
        case Kind::delay: return delayed(l, x);
        case Kind::rest: return rested(l, x);
        case Kind::record: break;
    }
    return x;
}

at::Tensor Walk::drive(std::size_t l) const {
    const auto& path = circuit_.layers[l].recurrence;
    if (!path) return {};
    return recurrent_drive(*path, linear_[l], drive_grids_[l], state_.layers[l].back(path->lag));
}

at::Tensor Walk::connected(std::size_t l, Connection::Kind kind, at::Tensor x) const {
    for (const Connection& c : circuit_.connections) {
        if (c.target != l || c.kind != kind) continue;
        x = joined(x, arriving(c, state_.layers[c.source].back(entry_read(c))), c.integration);
    }
    return x;
}

at::Tensor Walk::solved(std::size_t l, const at::Tensor& drive) {
    const Layer& layer = circuit_.layers[l];
    const bool own = layer.leak == LeakState::membrane;
    at::Tensor rate = own ? state_.membranes[l] : state_.layers[l].back(1);
    at::Tensor x = drive;
    if (!rate.defined() && !x.defined()) return {};
    share_batch(rate, x);
    x = layer.solver->step(rate, x, layer.time);
    if (own) state_.membranes[l] = x;
    return x;
}

at::Tensor Walk::delayed(std::size_t l, const at::Tensor& x) {
    const std::int64_t lag = circuit_.layers[l].feedforward_lag;
    at::Tensor out = lag > 0 ? state_.layers[l].back(lag) : x;
    state_.layers[l].push(x);
    if (const auto& by = circuit_.layers[l].adaptation) {
        state_.adaptations[l] = fatigued(*by, state_.adaptations[l], x);
    }
    return out;
}

at::Tensor Walk::rested(std::size_t l, const at::Tensor& x) {
    if (x.defined() && x.ne(0).any().item<bool>()) return x;
    History& next = state_.layers[l + 1];
    const Grid& middle = middle_grids_[l + 1];
    const at::Tensor silence = at::zeros({1, middle.channels, middle.height, middle.width}, like_.options());
    for (std::int64_t k = 0; k < next.capacity(); ++k) next.push(silence);
    return {};
}

}  // namespace dv::temporal
