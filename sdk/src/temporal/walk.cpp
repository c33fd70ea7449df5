#include "walk.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/zeros.h>

#include <utility>

namespace dv::temporal {

/// Nearest neighbour along one dimension: position i takes floor(i · in / out), in whole numbers.
static at::Tensor resized(const at::Tensor& x, std::int64_t dim, std::int64_t out) {
    const std::int64_t in = x.size(dim);
    if (in == out) return x;
    if (in % out == 0) return x.slice(dim, 0, in, in / out);
    return x.index_select(dim, at::arange(out, x.options().dtype(at::kLong)).mul(in).div(out, "floor"));
}

at::Tensor resized(const at::Tensor& x, const Grid& grid) { return resized(resized(x, 2, grid.height), 3, grid.width); }

namespace {

using Kind = Operation::Kind;

at::Tensor join(const at::Tensor& x, const at::Tensor& y, Integration how) {
    if (!y.defined()) return x;
    if (!x.defined()) return y;
    return how == Integration::additive ? x.add(y) : x.mul(y.tanh().add(1));
}

at::Tensor through(const Map& map, const at::Tensor& x) { return x.defined() ? applied(map, x) : x; }

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
    at::Tensor x = frame;
    if (const InputAdaptation& adaptation = circuit_.input_adaptation; adaptation.weight != 0.0) {
        if (state_.input.defined()) {
            const at::Tensor before = state_.input.mul(adaptation.weight);
            x = adaptation.first_only ? before : x.add(before);
        }
        state_.input = x;
    }
    for (const Map& map : circuit_.front) x = through(map, x);
    return x;
}

at::Tensor Walk::after(std::size_t l, std::size_t i, const at::Tensor& x) {
    switch (circuit_.layers[l].operations[i].kind) {
        case Kind::layer: return input_path(l, x);
        case Kind::skip: return connected(l, Connection::Kind::skip, x);
        case Kind::feedback: return connected(l, Connection::Kind::feedback, x);
        case Kind::step: return solved(l, x);
        case Kind::map: return mapped(l, i, x);
        case Kind::adapt: return adapted(l, x);
        case Kind::delay: return delayed(l, x);
        case Kind::rest: return rested(l, x);
        case Kind::record: break;
    }
    return x;
}

at::Tensor Walk::recurrent_drive(std::size_t l) const {
    const auto& recurrence = circuit_.layers[l].recurrence;
    if (!recurrence) return {};
    const at::Tensor rate = state_.layers[l].back(recurrence->lag);
    if (!rate.defined()) return {};
    if (const auto& map = linear_[l]) {
        return resized(at::conv2d(rate, map->weight, map->bias, 1, map->weight.size(2) / 2, 1, map->groups),
                       drive_grids_[l]);
    }
    return resized(recurrence->map->forward(rate), drive_grids_[l]);
}

at::Tensor Walk::input_path(std::size_t l, at::Tensor x) const {
    const Layer& layer = circuit_.layers[l];
    const at::Tensor drive = recurrent_drive(l);
    const auto joined_at = [&](RecurrenceTarget here) {
        if (drive.defined() && layer.recurrence->target == here) x = join(x, drive, layer.recurrence->integration);
    };
    joined_at(RecurrenceTarget::input);
    x = through(layer.feedforward.first, x);
    for (const Map& map : layer.feedforward.middle) x = through(map, x);
    if (layer.feedforward.second) {
        x = through(Relu{}, x);
        joined_at(RecurrenceTarget::middle);
        x = through(*layer.feedforward.second, x);
    }
    joined_at(RecurrenceTarget::output);
    return x;
}

at::Tensor Walk::connected(std::size_t l, Connection::Kind kind, at::Tensor x) const {
    for (const Connection& c : circuit_.connections) {
        if (c.target != l || c.kind != kind) continue;
        at::Tensor source = state_.layers[c.source].back(entry_read(c));
        if (!source.defined()) continue;
        source = resized(source, c.resized);
        x = join(x, c.transform ? applied(*c.transform, source) : source, c.integration);
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

at::Tensor Walk::mapped(std::size_t l, std::size_t i, const at::Tensor& x) const {
    const Map& map = *circuit_.layers[l].operations[i].map;
    if (x.defined()) return applied(map, x);
    const Bias* bias = std::get_if<Bias>(&map);
    if (!bias) return x;
    const Grid& here = along_[l][i];
    return bias->value.expand({1, here.channels, here.height, here.width});
}

at::Tensor Walk::adapted(std::size_t l, const at::Tensor& x) const {
    const at::Tensor& s = state_.adaptations[l];
    if (!x.defined() || !s.defined()) return x;
    const Adaptation& adaptation = *circuit_.layers[l].adaptation;
    const at::Tensor against = s.mul(adaptation.beta);
    return adaptation.divisive ? x.div(against.add(1)) : x.sub(against);
}

at::Tensor Walk::delayed(std::size_t l, const at::Tensor& x) {
    const std::int64_t lag = circuit_.layers[l].feedforward_lag;
    at::Tensor out = lag > 0 ? state_.layers[l].back(lag) : x;
    state_.layers[l].push(x);
    if (circuit_.layers[l].adaptation) fatigue(l, x);
    return out;
}

void Walk::fatigue(std::size_t l, const at::Tensor& stored) {
    const Adaptation& adaptation = *circuit_.layers[l].adaptation;
    at::Tensor& s = state_.adaptations[l];
    if (s.defined()) s = s.mul(adaptation.alpha);
    if (!stored.defined()) return;
    const at::Tensor gained = stored.sub(stored.mul(adaptation.alpha));
    s = s.defined() ? s.add(gained) : gained;
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
