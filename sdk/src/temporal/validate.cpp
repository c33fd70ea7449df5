#include <dv/temporal/circuit.hpp>

#include <dv/error.hpp>

#include "paths.hpp"
#include "stage_paths.hpp"

#include <algorithm>

namespace dv::temporal {

namespace {

using Kind = Operation::Kind;

std::int64_t count(const Layer& layer, Kind kind) {
    return std::count_if(layer.operations.begin(), layer.operations.end(),
                         [&](const Operation& op) { return op.kind == kind; });
}

[[noreturn]] void refuse(const Layer& layer, const std::string& problem) {
    throw Error("layer " + layer.name + ": " + problem);
}

void check_operations(const Layer& layer) {
    for (const auto& [kind, what] : {std::pair{Kind::layer, "the input path"},
                                     {Kind::skip, "adding skips"},
                                     {Kind::feedback, "adding feedback"},
                                     {Kind::step, "the solver's step"},
                                     {Kind::adapt, "adaptation"},
                                     {Kind::record, "record"},
                                     {Kind::delay, "delay"},
                                     {Kind::rest, "rest"}}) {
        if (count(layer, kind) > 1) refuse(layer, std::string(what) + " is among its operations more than once");
    }
    for (const Operation& op : layer.operations) {
        if (op.kind == Kind::map && !op.map) refuse(layer, "operation '" + op.name + "' has no map");
        if (op.skipped_on_absent_input && (op.kind == Kind::delay || op.kind == Kind::rest)) {
            refuse(layer, "'" + op.name + "' answers absent signals too, and cannot be skipped on them");
        }
    }
    if (layer.recurrence && count(layer, Kind::layer) == 0) {
        refuse(layer, "has a recurrence, which joins the input path, but no operation applies the input path");
    }
    if (count(layer, Kind::step) > 0 && !layer.solver) refuse(layer, "has a step, but no solver to take it");
    if (count(layer, Kind::step) == 0 && layer.solver) refuse(layer, "has a solver, but no step where it acts");
    if ((count(layer, Kind::adapt) > 0) != layer.adaptation.has_value()) {
        refuse(layer, layer.adaptation ? "has an adaptation, but no operation where it acts"
                                       : "has an operation that adapts, but no adaptation");
    }
    const bool reads_itself = layer.recurrence || layer.solver || layer.adaptation || layer.feedforward_lag > 0;
    if (reads_itself && count(layer, Kind::delay) == 0) {
        refuse(layer,
               "reads its own past (recurrence, solver, adaptation or feed-forward delay), but no delay operation "
               "stores it");
    }
}

void check_times(const Layer& layer) {
    if (layer.feedforward_lag < 0) refuse(layer, "a feed-forward lag is at least 0");
    if (layer.solver && !(layer.time.dt > 0 && layer.time.tau > 0)) refuse(layer, "dt and tau must be above 0");
}

void check_recurrence(const Layer& layer, const Grid& in) {
    const RecurrentPath& path = *layer.recurrence;
    if (!path.map) refuse(layer, "its recurrence has no map");
    if (path.lag < 1) {
        refuse(layer, "a recurrent lag is at least 1 step, because the layer reads itself before it stores; found " +
                          std::to_string(path.lag));
    }
    if (path.target == RecurrenceTarget::middle && !layer.feedforward.second) {
        refuse(layer, "a recurrence to the middle needs a second convolution");
    }
    const auto linear = path.map->linear();
    if (!linear) return;
    const std::int64_t from = linear->weight.size(1) * linear->groups, to = linear->weight.size(0);
    const std::int64_t wanted = path_grids(layer.feedforward, in).at(path.target).channels;
    if (from != layer.stored.channels || to != wanted) {
        refuse(layer, "its recurrence maps " + std::to_string(from) + " to " + std::to_string(to) +
                          " channels, but has to map " + std::to_string(layer.stored.channels) + " to " +
                          std::to_string(wanted));
    }
}

std::vector<Grid> checked_grids(const Layer& layer, const Grid& in) {
    try {
        return grids(layer, in);
    } catch (const Error& error) {
        refuse(layer, error.what());
    }
}

void check_grids(const Circuit& circuit, std::size_t l) {
    const Layer& layer = circuit.layers[l];
    const std::vector<Grid> along = checked_grids(layer, circuit.input_of(l));
    for (std::size_t i = 0; i < layer.operations.size(); ++i) {
        const Kind kind = layer.operations[i].kind;
        if (kind == Kind::layer && layer.recurrence) check_recurrence(layer, along[i]);
        const bool meets_stored = kind == Kind::delay || kind == Kind::step || kind == Kind::adapt;
        if (meets_stored && along[i] != layer.stored) {
            refuse(layer, "'" + layer.operations[i].name + "' gets " + text(along[i]) +
                              ", but the stored activity is " + text(layer.stored));
        }
    }
    if (along.back() != layer.output) {
        refuse(layer, "passes on " + text(along.back()) + ", but its output is said to be " + text(layer.output));
    }
}

void check_adaptation(const Layer& layer) {
    if (!layer.adaptation) return;
    for (const auto& [value, name] : {std::pair{layer.adaptation->alpha, "alpha"}, {layer.adaptation->beta, "beta"}}) {
        const bool fits =
            value.defined() && (value.dim() == 0 || (value.dim() == 3 && value.size(0) == layer.stored.channels &&
                                                     value.size(1) == 1 && value.size(2) == 1));
        if (!fits) {
            refuse(layer, std::string("its adaptation's ") + name + " is a scalar or one value per channel [" +
                              std::to_string(layer.stored.channels) + ", 1, 1]");
        }
    }
}

/// Who rests makes the next layer's stored activity zeros on the grid of its middle.
void check_rest(const Circuit& circuit, std::size_t l) {
    const Layer& layer = circuit.layers[l];
    if (count(layer, Kind::rest) == 0) return;
    if (l + 1 == circuit.layers.size()) refuse(layer, "rests, but there is no next layer that would be put to zero");
    const Layer& next = circuit.layers[l + 1];
    if (count(next, Kind::layer) == 0 || count(next, Kind::delay) == 0) {
        refuse(layer, "rests, but " + next.name + " stores nothing that could be put to zero");
    }
    const Grid middle = path_grids(next.feedforward, layer.output).middle;
    if (middle != next.stored) {
        refuse(layer, "rests, but the middle of " + next.name + " is " + text(middle) + " and what it stores " +
                          text(next.stored));
    }
}

void check_input(const Circuit& circuit) {
    try {
        circuit.input_of(0);
    } catch (const Error& error) {
        throw Error(std::string("what frames pass before the first layer does not fit: ") + error.what());
    }
    const double weight = circuit.input_adaptation.weight;
    if (!(weight > -1.0 && weight < 1.0)) {
        throw Error("an input adaptation of weight " + std::to_string(weight) +
                    " grows without bound; -1 < weight < 1");
    }
}

class ConnectionCheck {
public:
    ConnectionCheck(const Circuit& circuit, const Connection& connection) : circuit_(circuit), c_(connection) {}

    void check() const {
        const std::size_t n = circuit_.layers.size();
        if (c_.source >= n || c_.target >= n) refuse("there are only " + std::to_string(n) + " layers");
        if (c_.source == c_.target) refuse("a layer reads its own past through its recurrence");
        check_lag();
        if (count(source(), Kind::delay) == 0) refuse(source().name + " stores nothing: it has no delay operation");
        check_grid(grid_at_target());
    }

private:
    const Layer& source() const { return circuit_.layers[c_.source]; }
    const Layer& target() const { return circuit_.layers[c_.target]; }
    const char* kind() const { return c_.kind == Connection::Kind::skip ? "skip" : "feedback"; }

    [[noreturn]] void refuse(const std::string& problem) const {
        const auto name = [&](std::size_t l) {
            return l < circuit_.layers.size() ? circuit_.layers[l].name : "layer " + std::to_string(l);
        };
        throw Error(std::string(kind()) + " from " + name(c_.source) + " to " + name(c_.target) + ": " + problem);
    }

    void check_lag() const {
        const std::int64_t least = reads_after_store(c_) ? 0 : 1;
        if (c_.lag >= least) return;
        refuse("a lag of " + std::to_string(c_.lag) + " steps, but at least " + std::to_string(least) +
               (least == 1 ? " is needed, because the source stores after it is read" : " is needed"));
    }

    Grid grid_at_target() const {
        const auto wanted = c_.kind == Connection::Kind::skip ? Kind::skip : Kind::feedback;
        const std::vector<Grid> along = checked_grids(target(), circuit_.input_of(c_.target));
        for (std::size_t i = 0; i < target().operations.size(); ++i) {
            if (target().operations[i].kind == wanted) return along[i];
        }
        refuse("is never applied: " + target().name + " has no '" + kind() + "' operation");
    }

    void check_grid(const Grid& wanted) const {
        const Grid& from = source().stored;
        if (c_.resized != from && c_.resized != Grid{from.channels, wanted.height, wanted.width}) {
            refuse("is resized to " + text(c_.resized) + ", but " + text(from) + " has to fit " + text(wanted));
        }
        Grid arriving = c_.resized;
        try {
            if (c_.transform) arriving = grid_after(*c_.transform, c_.resized);
        } catch (const Error& error) {
            refuse(error.what());
        }
        if (arriving != wanted) refuse("brings " + text(arriving) + " where " + text(wanted) + " is needed");
    }

    const Circuit& circuit_;
    const Connection& c_;
};

}  // namespace

void validate(const Circuit& circuit) {
    if (circuit.layers.empty()) throw Error("a circuit needs at least one layer");
    if (!(circuit.dt > 0)) throw Error("dt must be above 0 ms");
    if (!circuit.readout.apply || circuit.readout.n_classes < 1)
        throw Error("a circuit needs a readout with at least one class");
    check_input(circuit);
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        const Layer& layer = circuit.layers[l];
        if (layer.name.empty()) throw Error("layer " + std::to_string(l) + " has no name");
        for (std::size_t k = 0; k < l; ++k) {
            if (circuit.layers[k].name == layer.name) throw Error("two layers are named '" + layer.name + "'");
        }
        check_operations(layer);
        check_times(layer);
        check_grids(circuit, l);
        check_adaptation(layer);
        check_rest(circuit, l);
    }
    for (const Connection& connection : circuit.connections) ConnectionCheck(circuit, connection).check();
    if (advances_by_stages(circuit)) check_stages(circuit);
}

}  // namespace dv::temporal
