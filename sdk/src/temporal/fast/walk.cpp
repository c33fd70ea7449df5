#include "walk.hpp"

#include "../paths.hpp"
#include "recurrent_scan.hpp"

#include <ATen/ops/ones.h>

#include <algorithm>
#include <utility>

namespace dv::temporal::fast {

namespace {

using Kind = Operation::Kind;

std::vector<std::int64_t> rows_between(const Stretch& s, std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> rows;
    for (std::int64_t t = begin; t < end; ++t) rows.push_back(t < s.first ? -1 : s.row(t));
    return rows;
}

/// The coefficients of an affine solver, as tensors of the graph where tau is trained.
void set_coefficients(const Layer& layer, at::TensorOptions options, RecurrentScan& scan) {
    if (!layer.solver) {
        scan.rule.c0 = 0.0;
        scan.rule.c1 = 1.0;
        return;
    }
    const bool trained = layer.time.tau_tensor.defined() && layer.time.tau_tensor.requires_grad();
    TimeStep time = layer.time;
    if (time.tau_tensor.defined()) time.tau = time.tau_tensor.item<double>();
    const AffineStep step = *layer.solver->affine(time);
    scan.rule.c0 = step.c0;
    scan.rule.c1 = step.c1;
    scan.rule.first_c1 = step.first_c1;
    if (!trained) return;
    const at::Tensor one = at::ones({}, options);
    scan.c0 = layer.solver->step(one, {}, layer.time);
    scan.c1 = layer.solver->step({}, one, layer.time);
}

void set_power(const SupraLinear& power, RecurrentScan& scan) {
    scan.rule.power = Power{power.gain, power.exponent};
    if (power.gain_tensor.defined()) scan.rule.power->gain = power.gain_tensor.item<double>();
    if (power.exponent_tensor.defined()) scan.rule.power->exponent = power.exponent_tensor.item<double>();
    scan.gain = power.gain_tensor;
    scan.exponent = power.exponent_tensor;
}

}  // namespace

Walk::Walk(const Circuit& circuit, const std::vector<LayerPlan>& plans, Convolvers& convolvers, const State& state,
           std::int64_t batch, c10::MemoryFormat layout, at::TensorOptions options)
    : circuit_(circuit),
      plans_(plans),
      convolvers_(convolvers),
      batch_(batch),
      layout_(layout),
      options_(options),
      membranes_(state.membranes),
      adaptations_(state.adaptations) {
    membranes_.resize(circuit.layers.size());
    adaptations_.resize(circuit.layers.size());
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        grids_.push_back(grids(circuit.layers[l], circuit.input_of(l)));
        tracks_.emplace_back(state.layers[l], batch);
    }
    for (const Connection& c : circuit.connections) {
        History there(state.layers[c.source].capacity());
        for (const at::Tensor& entry : state.layers[c.source].entries())
            there.push(entry.defined() ? resized(entry, c.resized) : entry);
        read_.emplace_back(there, batch);
    }
}

Stretch Walk::run(const Stretch& input, Observers* observers) {
    observers_ = observers;
    Stretch x = input;
    for (const Group& group : groups(circuit_)) {
        const std::int64_t chunk = group.chunk > 0 ? group.chunk : x.end;
        std::vector<Stretch> parts;
        for (std::int64_t t = 0; t < x.end; t += chunk) {
            Stretch part = x.slice(t, std::min(t + chunk, x.end));
            for (std::size_t l = group.begin; l < group.end; ++l) part = layer(l, part);
            parts.push_back(std::move(part));
        }
        x = concatenated(parts);
    }
    return x;
}

State Walk::state() const {
    State next;
    for (const Track& track : tracks_) next.layers.push_back(track.newest());
    next.membranes = membranes_;
    next.adaptations = adaptations_;
    return next;
}

// ---- One layer -------------------------------------------------------------------------------------------------------------

Stretch Walk::layer(std::size_t l, const Stretch& in) {
    const LayerPlan& plan = plans_[l];
    const std::vector<Operation>& ops = circuit_.layers[l].operations;
    Stretch x = in;
    const bool stores = plan.delay < ops.size();
    for (std::size_t i = 0; i < (stores ? plan.core : ops.size()); ++i) x = after(l, i, std::move(x));
    if (stores) x = stored(l, x);
    std::size_t next = plan.delay;
    if (pooled_) {
        see(l, next, x);
        x = std::move(*pooled_);
        pooled_.reset();
        see(l, next + 1, x);
        next += 2;
    }
    for (std::size_t i = next; i < ops.size(); ++i) x = after(l, i, std::move(x));
    return x;
}

/// Operations [core, delay): stores the activity and gives it back.
Stretch Walk::stored(std::size_t l, const Stretch& x) {
    const LayerPlan& plan = plans_[l];
    if (plan.all_fused) {
        Stretch h = fused(l, x, plan.core);
        remember(l, h);
        return h;
    }
    const auto& recurrence = circuit_.layers[l].recurrence;
    const std::int64_t length = recurrence ? recurrence->lag : x.end - x.begin;
    std::vector<Stretch> parts;
    for (std::int64_t t = x.begin; t < x.end; t += length)
        parts.push_back(block(l, x.slice(t, std::min(t + length, x.end))));
    return concatenated(parts);
}

/// A part of `stored` that reads the layer's past only up to its own beginning, but for the solver.
Stretch Walk::block(std::size_t l, const Stretch& in) {
    const LayerPlan& plan = plans_[l];
    Stretch x = in;
    for (std::size_t i = plan.core; i < plan.scan; ++i) x = after(l, i, std::move(x));
    if (plan.scan_fused) x = fused(l, x, plan.scan);
    if (plan.scan == plan.delay || plan.scan_fused) {
        remember(l, x);
        return x;
    }
    std::vector<Stretch> parts;
    for (std::int64_t t = x.begin; t < x.end; ++t) {
        Stretch step = x.slice(t, t + 1);
        for (std::size_t i = plan.scan; i < plan.delay; ++i) step = after(l, i, std::move(step));
        remember(l, step);
        parts.push_back(std::move(step));
    }
    return concatenated(parts);
}

void Walk::remember(std::size_t l, const Stretch& stored) {
    tracks_[l].append(stored);
    if (!std::exchange(handed_, false)) hand_to_connections(l, stored, {});
    const auto& adaptation = circuit_.layers[l].adaptation;
    if (!adaptation || !stored.present()) return;
    for (std::int64_t t = stored.first; t < stored.end; ++t) {
        const at::Tensor rate = stored.at(t);
        const at::Tensor moved = rate.mul(adaptation->alpha.neg().add(1));
        at::Tensor& s = adaptations_[l];
        s = s.defined() ? s.mul(adaptation->alpha).add(moved) : moved;
    }
}

Stretch Walk::after(std::size_t l, std::size_t operation, Stretch x) {
    const Operation& op = circuit_.layers[l].operations[operation];
    switch (op.kind) {
        case Kind::layer: x = input_path(l, std::move(x), true); break;
        case Kind::skip: x = connected(l, Connection::Kind::skip, std::move(x)); break;
        case Kind::feedback: x = connected(l, Connection::Kind::feedback, std::move(x)); break;
        case Kind::map: x = mapped(*op.map, grids_[l][operation], std::move(x)); break;
        case Kind::step: x = solved(l, x); break;
        case Kind::adapt: x = adapted(l, x); break;
        case Kind::delay: {
            const std::int64_t lag = circuit_.layers[l].feedforward_lag;
            if (lag > 0) x = tracks_[l].between(x.begin - lag, x.end - lag).delayed(lag);
            break;
        }
        case Kind::record:
        case Kind::rest: break;
    }
    see(l, operation, x);
    return x;
}

// ---- The fused scan ----------------------------------------------------------------------------------------------------------

/// Operations [from, delay) as one node; the activity is not stored here.
Stretch Walk::fused(std::size_t l, const Stretch& x, std::size_t from) {
    const Layer& layer = circuit_.layers[l];
    const LayerPlan& plan = plans_[l];
    std::vector<Stretch> drives;
    bool recurrent = false;
    const auto add = [&](Stretch drive) {
        if (drive.present()) drives.push_back(std::move(drive));
    };
    const bool own_path = from < plan.delay && layer.operations[from].kind == Kind::layer;
    add(own_path ? input_path(l, x, false) : x);
    for (std::size_t i = from; i < plan.delay; ++i) {
        const Kind kind = layer.operations[i].kind;
        if (kind == Kind::layer) recurrent = layer.recurrence.has_value();
        if (kind != Kind::skip && kind != Kind::feedback) continue;
        const auto wanted = kind == Kind::skip ? Connection::Kind::skip : Connection::Kind::feedback;
        for (const Connection& c : circuit_.connections) {
            if (c.target == l && c.kind == wanted) add(through(c, x.begin, x.end));
        }
    }
    const std::int64_t lag = recurrent ? layer.recurrence->lag : 1;
    const Stretch past = recurrent || layer.solver ? tracks_[l].between(x.begin - lag, x.begin)
                                                   : Stretch::absent(x.begin - lag, x.begin, batch_);

    // The first step at which anything arrives: from outside, from what was stored, or from the solver's decay.
    std::int64_t first = x.end;
    for (const Stretch& drive : drives) first = std::min(first, drive.first);
    if (past.present()) first = std::min(first, layer.solver ? x.begin : std::max(x.begin, past.first + lag));
    Stretch h{x.begin, x.end, first, batch_, {}, {}};
    if (!h.present()) return h;  // remember() tells the connections

    RecurrentScan scan;
    scan.batch = batch_;
    scan.n_steps = h.end - h.first;
    scan.grid = layer.stored;
    scan.layout = layout_;
    scan.options = options_;
    for (const Stretch& drive : drives) scan.drives.push_back({drive.values, rows_between(drive, h.first, h.end), 0});
    scan.lag = lag;
    if (recurrent) {
        const LinearMap map = *layer.recurrence->map->linear();
        scan.recurrence = Convolution{map.weight, map.bias, 1, map.weight.size(2) / 2, map.groups};
        if (layout_ == c10::MemoryFormat::ChannelsLast)
            scan.convolver = convolvers_.get(*scan.recurrence, layer.stored);
        if (!scan.convolver) scan.recurrence->weight = map.weight.contiguous(layout_);
    }
    // What is read of the past counts from the first step computed here.
    const Stretch read = past.slice(std::min(std::max(past.begin, h.first - lag), past.end), past.end).dense();
    if (read.present()) scan.history = read.values;
    scan.rule.rectify_drive = plan.rectify_drive;
    scan.rule.rectify = plan.rectify;
    if (plan.power) set_power(*plan.power, scan);
    set_coefficients(layer, options_, scan);
    scan.readers = readers(l, from == plan.core && plan.all_fused);
    const bool pools = !scan.readers.empty() && scan.readers.front().pool;
    ScanResult result = recurrent_scan(std::move(scan));
    h.values = result.activity;
    if (pools) {
        pooled_ = h;
        pooled_->values = result.readings.front();
        result.readings.erase(result.readings.begin());
    }
    hand_to_connections(l, h, result.readings);
    handed_ = true;
    for (std::size_t i = from; i < plan.delay; ++i) {
        if (layer.operations[i].kind == Kind::record) see(l, i, h);
    }
    return h;
}

/// What is read of layer `l` behind its scan: first the pool that follows its delay, then the connections that resize.
std::vector<Reader> Walk::readers(std::size_t l, bool behind_delay) const {
    std::vector<Reader> out;
    if (layout_ != c10::MemoryFormat::ChannelsLast) return out;
    const Layer& layer = circuit_.layers[l];
    const std::size_t next = plans_[l].delay + 1;
    const bool follows =
        behind_delay && layer.feedforward_lag == 0 && next < layer.operations.size() && layer.operations[next].map;
    const auto* pool = follows ? std::get_if<Pool>(&*layer.operations[next].map) : nullptr;
    if (pool && pool->kind == Pool::Kind::max && pool->kernel < 16)
        out.push_back(Reader::max_pool(*pool, layer.stored));
    for (const Connection& c : circuit_.connections) {
        if (c.source == l && changes_grid(c)) out.push_back(Reader::resize(layer.stored, c.resized));
    }
    return out;
}

bool Walk::changes_grid(const Connection& c) const {
    const Grid& from = circuit_.layers[c.source].stored;
    return from.height != c.resized.height || from.width != c.resized.width;
}

/// `readings` of the connections that change the grid, in their order; none: they are made here.
void Walk::hand_to_connections(std::size_t l, const Stretch& stored, const std::vector<at::Tensor>& readings) {
    std::size_t next = 0;
    for (std::size_t i = 0; i < read_.size(); ++i) {
        const Connection& c = circuit_.connections[i];
        if (c.source != l) continue;
        Stretch there = stored;
        if (stored.present() && changes_grid(c)) {
            there.values =
                next < readings.size() ? readings[next++] : resized(stored.values, c.resized).contiguous(layout_);
        }
        read_[i].append(std::move(there));
    }
}

}  // namespace dv::temporal::fast
