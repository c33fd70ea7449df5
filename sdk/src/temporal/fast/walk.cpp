#include "walk.hpp"

#include "../signals.hpp"
#include "recurrent_scan.hpp"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <iterator>
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
    Passed x{input};
    for (const Group& group : groups(circuit_)) {
        const std::int64_t chunk = group.chunk > 0 ? group.chunk : x.signal.end;
        std::vector<Stretch> parts;
        std::vector<std::int64_t> rests;
        for (std::int64_t t = 0; t < x.signal.end; t += chunk) {
            const std::int64_t end = std::min(t + chunk, x.signal.end);
            Passed part{x.signal.slice(t, end)};
            std::copy_if(x.rests.begin(), x.rests.end(), std::back_inserter(part.rests),
                         [&](std::int64_t at) { return at >= t && at < end; });
            for (std::size_t l = group.begin; l < group.end; ++l) part = layer(l, part);
            parts.push_back(std::move(part.signal));
            rests.insert(rests.end(), part.rests.begin(), part.rests.end());
        }
        x = {concatenated(parts), std::move(rests)};
    }
    return x.signal;
}

State Walk::state() const {
    State next;
    for (const Track& track : tracks_) next.layers.push_back(track.newest());
    next.membranes = membranes_;
    next.adaptations = adaptations_;
    return next;
}

// ---- One layer -------------------------------------------------------------------------------------------------------------

Walk::Passed Walk::layer(std::size_t l, const Passed& in) {
    // A rest changes what the layer remembers, so that a part begins with each.
    std::vector<Stretch> parts;
    const std::int64_t undisturbed = in.rests.empty() ? in.signal.end : in.rests.front();
    if (undisturbed > in.signal.begin) parts.push_back(steps(l, in.signal.slice(in.signal.begin, undisturbed)));
    for (std::size_t i = 0; i < in.rests.size(); ++i) {
        const std::int64_t end = i + 1 < in.rests.size() ? in.rests[i + 1] : in.signal.end;
        parts.push_back(steps(l, put_to_rest(l, in.signal, in.rests[i], end)));
    }
    Passed out{concatenated(parts)};
    const std::vector<Operation>& ops = circuit_.layers[l].operations;
    if (ops.empty() || ops.back().kind != Kind::rest) return out;
    out.rests = silent_steps(out.signal);
    Stretch& x = out.signal;
    const std::int64_t begin = x.begin;
    std::int64_t first = begin;
    while (static_cast<std::size_t>(first - begin) < out.rests.size() &&
           out.rests[static_cast<std::size_t>(first - begin)] == first)
        ++first;
    x = x.slice(first, x.end);
    x.begin = begin;
    see(l, ops.size() - 1, x);
    return out;
}

/// Zeros for all that layer `l` remembers before `timestep`; `x` from there to `end`, absent at first.
Stretch Walk::put_to_rest(std::size_t l, const Stretch& x, std::int64_t timestep, std::int64_t end) {
    const Grid& g = circuit_.layers[l].stored;
    tracks_[l].overwrite(timestep, at::zeros({1, g.channels, g.height, g.width}, options_));
    Stretch part = x.slice(timestep + 1, end);
    part.begin = timestep;
    return part;
}

/// The steps at which `x` is absent, or zero everywhere.
std::vector<std::int64_t> Walk::silent_steps(const Stretch& x) const {
    std::vector<std::int64_t> silent;
    for (std::int64_t t = x.begin; t < x.first; ++t) silent.push_back(t);
    if (!x.present()) return silent;
    const at::Tensor sounds = x.values.detach().unflatten(0, {-1, batch_}).flatten(1).ne(0).any(1).cpu();
    const bool* of_row = sounds.const_data_ptr<bool>();
    for (std::int64_t t = x.first; t < x.end; ++t) {
        if (!of_row[x.row(t)]) silent.push_back(t);
    }
    return silent;
}

/// All operations of a layer but a rest.
Stretch Walk::steps(std::size_t l, const Stretch& in) {
    const LayerPlan& plan = plans_[l];
    const std::vector<Operation>& ops = circuit_.layers[l].operations;
    const bool stores = plan.delay < ops.size();
    Stretch x = in;
    std::size_t i = 0;
    while (i < (stores ? plan.core : ops.size())) x = after(l, i++, std::move(x));
    if (!stores) return x;
    Scanned made = stored(l, x);
    x = std::move(made.activity);
    i = plan.delay;
    if (made.pooled) {
        see(l, i++, x);
        x = std::move(*made.pooled);
        see(l, i++, x);
    }
    while (i < ops.size() && ops[i].kind != Kind::rest) x = after(l, i++, std::move(x));
    return x;
}

/// Operations [core, delay): stores the activity and gives it back.
Walk::Scanned Walk::stored(std::size_t l, const Stretch& x) {
    const LayerPlan& plan = plans_[l];
    if (plan.all_fused) {
        Scanned made = fused(l, x, plan.core);
        remember(l, made.activity, made.readings);
        return made;
    }
    const auto& recurrence = circuit_.layers[l].recurrence;
    const std::int64_t length = recurrence ? recurrence->lag : x.end - x.begin;
    std::vector<Stretch> parts;
    for (std::int64_t t = x.begin; t < x.end; t += length)
        parts.push_back(block(l, x.slice(t, std::min(t + length, x.end))));
    return {concatenated(parts)};
}

/// A part of `stored` that reads the layer's past only up to its own beginning, but for the solver.
Stretch Walk::block(std::size_t l, const Stretch& in) {
    const LayerPlan& plan = plans_[l];
    Stretch x = in;
    for (std::size_t i = plan.core; i < plan.scan; ++i) x = after(l, i, std::move(x));
    if (plan.scan_fused) {
        const Scanned made = fused(l, x, plan.scan);
        remember(l, made.activity, made.readings);
        return made.activity;
    }
    if (plan.scan == plan.delay) {
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

void Walk::remember(std::size_t l, const Stretch& stored, const std::vector<at::Tensor>& readings) {
    tracks_[l].append(stored);
    hand_to_connections(l, stored, readings);
    const auto& adaptation = circuit_.layers[l].adaptation;
    if (!adaptation) return;
    for (std::int64_t t = stored.begin; t < stored.end; ++t)
        adaptations_[l] = fatigued(*adaptation, adaptations_[l], stored.at(t));
}

Stretch Walk::after(std::size_t l, std::size_t operation, Stretch x) {
    x = operated(l, operation, std::move(x));
    see(l, operation, x);
    return x;
}

Stretch Walk::operated(std::size_t l, std::size_t operation, Stretch x) {
    const Operation& op = circuit_.layers[l].operations[operation];
    if (op.skipped_on_absent_input && x.first > x.begin) {
        if (!x.present()) return x;
        Stretch arrived = operated(l, operation, x.slice(x.first, x.end));
        arrived.begin = x.begin;
        return arrived;
    }
    switch (op.kind) {
        case Kind::layer: return input_path(l, std::move(x), true);
        case Kind::skip: return connected(l, Connection::Kind::skip, std::move(x));
        case Kind::feedback: return connected(l, Connection::Kind::feedback, std::move(x));
        case Kind::map: return mapped(l, operation, x);
        case Kind::step: return solved(l, x);
        case Kind::adapt: return adapted(l, x);
        case Kind::delay: {
            const std::int64_t lag = circuit_.layers[l].feedforward_lag;
            return lag > 0 ? tracks_[l].between(x.begin - lag, x.end - lag).delayed(lag) : x;
        }
        case Kind::record:
        case Kind::rest: break;
    }
    return x;
}

// ---- The fused scan ----------------------------------------------------------------------------------------------------------

/// Operations [from, delay) as one node; the activity is not stored here.
Walk::Scanned Walk::fused(std::size_t l, const Stretch& x, std::size_t from) {
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
    if (!h.present()) return {h};

    RecurrentScan scan;
    scan.batch = batch_;
    scan.n_steps = h.end - h.first;
    scan.grid = layer.stored;
    scan.layout = layout_;
    scan.options = options_;
    for (const Stretch& drive : drives) scan.drives.push_back({drive.values, rows_between(drive, h.first, h.end), 0});
    scan.lag = lag;
    scan.team = convolvers_.team();
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
    std::optional<Stretch> pooled;
    if (pools) {
        pooled = h;
        pooled->values = result.readings.front();
        result.readings.erase(result.readings.begin());
    }
    for (std::size_t i = from; i < plan.delay; ++i) {
        if (layer.operations[i].kind == Kind::record) see(l, i, h);
    }
    return {std::move(h), std::move(pooled), std::move(result.readings)};
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
