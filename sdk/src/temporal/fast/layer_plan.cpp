#include "layer_plan.hpp"

#include "../paths.hpp"

#include <algorithm>

namespace dv::temporal::fast {

namespace {

using Kind = Operation::Kind;

std::size_t index_of(const Layer& layer, Kind kind) {
    const auto& ops = layer.operations;
    return static_cast<std::size_t>(
        std::find_if(ops.begin(), ops.end(), [&](const Operation& op) { return op.kind == kind; }) - ops.begin());
}

bool reads_own_past(const Layer& layer, const Operation& op) {
    return (op.kind == Kind::layer && layer.recurrence) || op.kind == Kind::step || op.kind == Kind::adapt;
}

bool all_additive(const Circuit& circuit, std::size_t l, Connection::Kind kind) {
    return std::all_of(circuit.connections.begin(), circuit.connections.end(), [&](const Connection& c) {
        return c.target != l || c.kind != kind || c.integration == Integration::additive;
    });
}

/// The recurrence is one convolution that is added to the drive on the stored grid.
bool is_plain_recurrence(const Layer& layer) {
    if (!layer.recurrence) return true;
    const RecurrentPath& path = *layer.recurrence;
    const auto linear = path.map->linear();
    if (!linear || path.target != RecurrenceTarget::output || path.integration != Integration::additive) return false;
    const at::Tensor& w = linear->weight;
    return w.size(2) == w.size(3) && w.size(2) % 2 == 1 && w.size(0) == layer.stored.channels;
}

class Fusing {
public:
    Fusing(const Circuit& circuit, std::size_t l, const std::vector<Probe>& probes)
        : circuit_(circuit), layer_(circuit.layers[l]), l_(l), probes_(probes) {}

    /// Fills in `plan` if operations [from, delay) are one scan, where those before the solver may be drives.
    bool fits(std::size_t from, std::size_t delay, LayerPlan& plan) const {
        LayerPlan found = plan;
        enum Stage { drives, rectified_drive, solved, rectified, powered, recorded } stage = drives;
        const std::size_t step = index_of(layer_, Kind::step);
        if (step >= delay) stage = solved;
        for (std::size_t i = from; i < delay; ++i) {
            const Operation& op = layer_.operations[i];
            const bool before_step = i < step && step < delay;
            if (probed(i) || (op.skipped_on_absent_input && op.kind != Kind::map)) return false;
            if (op.kind == Kind::record && i + 1 == delay) {
                stage = recorded;
            } else if (is_drive(op) && (stage == drives || (step >= delay && stage == solved))) {
                continue;
            } else if (is_relu(op) && before_step && stage == drives) {
                found.rectify_drive = true;
                stage = rectified_drive;
            } else if (op.kind == Kind::step && is_affine()) {
                stage = solved;
            } else if (is_relu(op) && !before_step && stage == solved) {
                found.rectify = true;
                stage = rectified;
            } else if (is_power(op) && !before_step && (stage == solved || stage == rectified)) {
                found.power = &std::get<SupraLinear>(*op.map);
                stage = powered;
            } else {
                return false;
            }
        }
        plan = found;
        return true;
    }

private:
    /// A first step with a weight of its own has no derivative by tau in the scan.
    bool is_affine() const {
        const auto affine = layer_.solver->affine(layer_.time);
        const bool trained = layer_.time.tau_tensor.defined() && layer_.time.tau_tensor.requires_grad();
        return affine && layer_.leak == LeakState::response && !(affine->first_c1 && trained);
    }
    bool is_drive(const Operation& op) const {
        if (op.kind == Kind::layer) return is_plain_recurrence(layer_);
        if (op.kind == Kind::skip) return all_additive(circuit_, l_, Connection::Kind::skip);
        return op.kind == Kind::feedback && all_additive(circuit_, l_, Connection::Kind::feedback);
    }
    static bool is_relu(const Operation& op) { return op.kind == Kind::map && std::holds_alternative<Relu>(*op.map); }
    static bool is_power(const Operation& op) {
        return op.kind == Kind::map && std::holds_alternative<SupraLinear>(*op.map);
    }
    bool probed(std::size_t operation) const {
        return std::any_of(probes_.begin(), probes_.end(), [&](const Probe& p) {
            return p.layer == l_ && p.operation == operation && layer_.operations[operation].kind != Kind::record;
        });
    }

    const Circuit& circuit_;
    const Layer& layer_;
    std::size_t l_;
    const std::vector<Probe>& probes_;
};

LayerPlan plan_of(const Circuit& circuit, std::size_t l, const std::vector<Probe>& probes, bool fuse) {
    const Layer& layer = circuit.layers[l];
    LayerPlan plan;
    plan.delay = index_of(layer, Kind::delay);
    const std::size_t path = index_of(layer, Kind::layer);
    while (plan.core < plan.delay && plan.core != path && !reads_own_past(layer, layer.operations[plan.core]))
        ++plan.core;
    plan.scan = plan.core;
    while (plan.scan < plan.delay) {
        const Kind kind = layer.operations[plan.scan].kind;
        if (kind == Kind::step || kind == Kind::adapt) break;
        ++plan.scan;
    }
    if (!fuse) return plan;
    const Fusing fusing(circuit, l, probes);
    const bool needs_past = layer.recurrence || plan.scan < plan.delay;
    plan.all_fused = needs_past && plan.core < plan.delay && fusing.fits(plan.core, plan.delay, plan);
    if (!plan.all_fused && plan.scan < plan.delay) plan.scan_fused = fusing.fits(plan.scan, plan.delay, plan);
    return plan;
}

}  // namespace

namespace {

/// A layer that rests does so last; the next one begins with its input path, whose recurrence answers at every step, and no
/// other layer reads it.
bool rests_in_order(const Circuit& circuit, std::size_t l) {
    const std::size_t rest = index_of(circuit.layers[l], Kind::rest);
    if (rest == circuit.layers[l].operations.size()) return true;
    const Layer& next = circuit.layers[l + 1];
    const Operation& path = next.operations.front();
    return rest + 1 == circuit.layers[l].operations.size() && next.recurrence && path.kind == Kind::layer &&
           !path.skipped_on_absent_input &&
           std::none_of(circuit.connections.begin(), circuit.connections.end(),
                        [&](const Connection& c) { return c.source == l + 1; });
}

bool reads_its_past_in_order(const Layer& layer) {
    for (std::size_t i = index_of(layer, Kind::delay) + 1; i < layer.operations.size(); ++i) {
        if (reads_own_past(layer, layer.operations[i])) return false;
    }
    return true;
}

}  // namespace

bool has_fast_plan(const Circuit& circuit) {
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        if (!rests_in_order(circuit, l) || !reads_its_past_in_order(circuit.layers[l])) return false;
    }
    return true;
}

std::vector<LayerPlan> layer_plans(const Circuit& circuit, const std::vector<Probe>& probes, bool fuse) {
    std::vector<LayerPlan> plans;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) plans.push_back(plan_of(circuit, l, probes, fuse));
    return plans;
}

std::vector<Group> groups(const Circuit& circuit) {
    // The signal passes every layer in order, so a path back from s to t ties t to s and all layers between them.
    std::vector<Group> found;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) found.push_back({l, l + 1, 0});
    for (const Connection& c : circuit.connections) {
        if (reads_after_store(c)) continue;
        Group tied{c.target, c.source + 1, c.lag};
        std::vector<Group> rest;
        for (const Group& g : found) {
            if (g.end <= tied.begin || g.begin >= tied.end) {
                rest.push_back(g);
                continue;
            }
            tied.begin = std::min(tied.begin, g.begin);
            tied.end = std::max(tied.end, g.end);
            if (g.chunk > 0) tied.chunk = std::min(tied.chunk, g.chunk);
        }
        rest.push_back(tied);
        std::sort(rest.begin(), rest.end(), [](const Group& a, const Group& b) { return a.begin < b.begin; });
        found = std::move(rest);
    }
    return found;
}

}  // namespace dv::temporal::fast
