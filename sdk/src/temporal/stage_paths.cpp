#include "stage_paths.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

namespace dv::temporal {

namespace {

std::string number(double value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

double in_ms(double delay, std::int64_t lag, double dt, const std::string& path) {
    const double ms = std::isnan(delay) ? static_cast<double>(std::max<std::int64_t>(0, lag - 1)) * dt : delay;
    if (!(ms >= 0.0) || !std::isfinite(ms))
        throw Error("the delay of " + path + " is " + number(ms) + " ms; at least 0 is needed");
    return ms < 1e-9 * dt ? 0.0 : ms;
}

std::string name_of(const Circuit& circuit, const Connection& c) {
    return std::string(c.kind == Connection::Kind::skip ? "the skip" : "the feedback") + " from " +
           circuit.layers[c.source].name + " to " + circuit.layers[c.target].name;
}

/// A path that a signal can come back on.
struct Loop {
    std::string path;
    double delay;
};

std::vector<Loop> loops_of(const Circuit& circuit, const Delays& delays) {
    std::vector<Loop> loops;
    for (const Component& component : components_of(circuit)) {
        const auto inside = [&](std::size_t l) { return l >= component.begin && l < component.end; };
        for (std::size_t l = component.begin; l < component.end; ++l) {
            const Layer& layer = circuit.layers[l];
            if (layer.recurrence) loops.push_back({"the recurrence of " + layer.name, delays.recurrence[l]});
            if (inside(l + 1))
                loops.push_back({"the path from " + layer.name + " to the next layer", delays.forward[l]});
        }
        for (std::size_t i = 0; i < circuit.connections.size(); ++i) {
            const Connection& c = circuit.connections[i];
            if (inside(c.source) && inside(c.target)) loops.push_back({name_of(circuit, c), delays.connections[i]});
        }
    }
    return loops;
}

void check_loops(const Circuit& circuit, bool adaptive) {
    for (const Loop& loop : loops_of(circuit, delays_of(circuit))) {
        if (adaptive || loop.delay == 0.0 || loop.delay >= circuit.dt * (1.0 - 1e-9)) continue;
        throw Error("dt = " + number(circuit.dt) +
                    " ms must not exceed the smallest non-zero delay of a cycle, because a step would "
                    "read what it has not computed yet: " +
                    loop.path + " has " + number(loop.delay) + " ms. Use dt <= " + number(loop.delay) +
                    " ms, or no delay there");
    }
}

/// Which layers' responses the response of `l` needs at the same moment: those on paths without delay, but for what its solver holds.
std::vector<std::size_t> needed_at_once(const Circuit& circuit, const Delays& delays, std::size_t l) {
    const Layer& layer = circuit.layers[l];
    std::vector<std::size_t> needed;
    std::size_t first = 0;  // operation behind the solver
    for (std::size_t i = 0; i < layer.operations.size(); ++i) {
        if (layer.operations[i].kind == Operation::Kind::step) first = i + 1;
    }
    if (first == 0 && l > 0 && delays.forward[l - 1] == 0.0) needed.push_back(l - 1);
    for (std::size_t i = first; i < layer.operations.size() && layer.operations[i].kind != Operation::Kind::delay; ++i) {
        const Operation::Kind kind = layer.operations[i].kind;
        if (kind == Operation::Kind::layer && layer.recurrence && delays.recurrence[l] == 0.0) needed.push_back(l);
        for (std::size_t c = 0; c < circuit.connections.size(); ++c) {
            const Connection& from = circuit.connections[c];
            const bool applies = from.kind == Connection::Kind::skip ? kind == Operation::Kind::skip : kind == Operation::Kind::feedback;
            if (applies && from.target == l && delays.connections[c] == 0.0) needed.push_back(from.source);
        }
    }
    return needed;
}

/// Values that would have to be known before they are computed.
void check_instants(const Circuit& circuit) {
    const Delays delays = delays_of(circuit);
    for (std::size_t start = 0; start < circuit.layers.size(); ++start) {
        std::vector<std::size_t> open{start};
        std::vector<bool> seen(circuit.layers.size(), false);
        while (!open.empty()) {
            const std::size_t l = open.back();
            open.pop_back();
            for (const std::size_t next : needed_at_once(circuit, delays, l)) {
                if (next == start) {
                    throw Error("layer " + circuit.layers[start].name +
                                " reads itself on a path without a delay and without a solver; give one of the path's "
                                "connections a delay");
                }
                if (!seen[next]) open.push_back(next);
                seen[next] = true;
            }
        }
    }
}

void check_solvers(const Circuit& circuit) {
    const Layer* first = nullptr;
    std::optional<Tableau> method;
    for (const Layer& layer : circuit.layers) {
        if (!layer.solver) continue;
        const std::optional<Tableau> own = layer.solver->tableau();
        if (!first) {
            first = &layer;
            method = own;
        }
        if (own != method) {
            throw Error("layers " + first->name + " and " + layer.name +
                        " have solvers of different methods; layers whose drives are "
                        "evaluated several times in a step advance together, so they need the same one");
        }
        if (own && circuit.update_order != UpdateOrder::synchronous) {
            throw Error("layer " + layer.name + ": its solver evaluates the drive " + std::to_string(own->stages) +
                        " times in a step, for which all layers have to advance together: use update_order = "
                        "\"synchronous\", or the solver frozen_rk4, which holds the drive");
        }
    }
}

void check_operations(const Circuit& circuit) {
    for (const Layer& layer : circuit.layers) {
        for (const Operation& op : layer.operations) {
            if (op.kind == Operation::Kind::step && op.skipped_on_absent_input) {
                throw Error("layer " + layer.name + ": '" + op.name +
                            "' is skipped on absent input, which a circuit that advances by stages cannot do: there "
                            "it is integrated all the time");
            }
            if (op.kind != Operation::Kind::rest) continue;
            throw Error("layer " + layer.name +
                        ": operation 'rest' acts once per step, in sequential order; a circuit that advances by "
                        "stages cannot have it");
        }
    }
}

}  // namespace

bool advances_by_stages(const Circuit& circuit) {
    const bool asked = circuit.interpolation != HistoryInterpolation::by_order;
    return asked || std::any_of(circuit.layers.begin(), circuit.layers.end(),
                                [](const Layer& layer) { return layer.solver && layer.solver->tableau(); });
}

std::optional<Tableau> method_of(const Circuit& circuit) {
    for (const Layer& layer : circuit.layers) {
        if (layer.solver) return layer.solver->tableau();
    }
    return std::nullopt;
}

void check_stages(const Circuit& circuit) {
    if (circuit.update_order != UpdateOrder::synchronous && circuit.interpolation != HistoryInterpolation::by_order) {
        throw Error(
            "activity can be interpolated between steps only where all layers advance together: use update_order = "
            "\"synchronous\"");
    }
    check_solvers(circuit);
    check_operations(circuit);
    const std::optional<Tableau> method = method_of(circuit);
    check_loops(circuit, method && method->adaptive());
    check_instants(circuit);
}

std::int64_t residual_of_stages(const Circuit& circuit) {
    double sum = 0.0;
    for (const double delay : delays_of(circuit).forward) sum += delay;
    return static_cast<std::int64_t>(std::ceil(sum / circuit.dt - 1e-9));
}

std::vector<Component> components_of(const Circuit& circuit) {
    // Every layer reads the one before it, so what a path back spans is one component.
    std::vector<Component> components;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) components.push_back({l, l + 1});
    for (const Connection& c : circuit.connections) {
        if (c.source <= c.target) continue;
        const auto touched = [&](const Component& x) { return x.begin <= c.source && x.end > c.target; };
        const auto first = std::find_if(components.begin(), components.end(), touched);
        const auto end = std::find_if_not(first, components.end(), touched);
        first->end = std::prev(end)->end;
        components.erase(std::next(first), end);
    }
    return components;
}

Delays delays_of(const Circuit& circuit) {
    const std::size_t n = circuit.layers.size();
    Delays delays{std::vector<double>(n),
                  std::vector<double>(n),
                  {},
                  std::vector<double>(n),
                  std::numeric_limits<double>::infinity()};
    for (std::size_t l = 0; l < n; ++l) {
        const Layer& layer = circuit.layers[l];
        delays.forward[l] =
            in_ms(layer.feedforward_delay, layer.feedforward_lag, circuit.dt, "what " + layer.name + " passes on");
        if (layer.recurrence) {
            delays.recurrence[l] =
                in_ms(layer.recurrence->delay, layer.recurrence->lag, circuit.dt, "the recurrence of " + layer.name);
        }
        delays.longest[l] = std::max(delays.forward[l], delays.recurrence[l]);
    }
    for (const Connection& c : circuit.connections) {
        const double delay = in_ms(c.delay, c.lag, circuit.dt, name_of(circuit, c));
        delays.connections.push_back(delay);
        delays.longest[c.source] = std::max(delays.longest[c.source], delay);
    }
    for (const Loop& loop : loops_of(circuit, delays)) {
        if (loop.delay > 0.0) delays.shortest_in_cycle = std::min(delays.shortest_in_cycle, loop.delay);
    }
    return delays;
}

}  // namespace dv::temporal
