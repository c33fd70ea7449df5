#include <dv/temporal/circuit.hpp>

#include "paths.hpp"
#include "stage_paths.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace dv::temporal {

namespace {

std::string number(double value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

std::string window(std::int64_t height, std::int64_t width, std::int64_t stride) {
    return std::to_string(height) + "x" + std::to_string(width) + (stride == 1 ? "" : "/" + std::to_string(stride));
}

struct Formula {
    const std::string& x;

    std::string operator()(const Convolution& c) const {
        return "conv" + window(c.weight.size(2), c.weight.size(3), c.stride) + "(" + x + ")";
    }
    std::string operator()(const Pool& p) const {
        return (p.kind == Pool::Kind::max ? "max" : "mean") + window(p.kernel, p.kernel, p.stride) + "(" + x + ")";
    }
    std::string operator()(const Relu&) const { return "relu(" + x + ")"; }
    std::string operator()(const SupraLinear& s) const {
        const std::string gain = s.gain_tensor.defined() ? "k" : number(s.gain);
        return gain + " sign(.) |" + x + "|^" + (s.exponent_tensor.defined() ? "n" : number(s.exponent));
    }
    std::string operator()(const Bias&) const { return x.empty() ? "b" : x + " + b"; }
    std::string operator()(const Custom& c) const { return (c.equation.empty() ? "f" : c.equation) + "(" + x + ")"; }
};

std::string formula(const Map& map, const std::string& x) { return std::visit(Formula{x}, map); }

std::string joined(const std::string& x, const std::string& y, Integration how) {
    return how == Integration::additive ? x + " + " + y : "(" + x + ") (1 + tanh(" + y + "))";
}

/// "h" or "h(t-3)".
std::string at_lag(const std::string& name, std::int64_t lag) {
    return name + (lag == 0 ? "(t)" : "(t-" + std::to_string(lag) + ")");
}

std::string steps_and_ms(std::int64_t steps, double dt) {
    return std::to_string(steps) + (steps == 1 ? " step" : " steps") + " = " + number(static_cast<double>(steps) * dt) +
           " ms";
}

/// How a circuit's paths say when they read. Where all layers advance together a lag is one more than the delay, so that delays
/// are told in their place; between steps only these act.
class Timing {
public:
    explicit Timing(const Circuit& circuit)
        : dt_(circuit.dt),
          synchronous_(circuit.update_order == UpdateOrder::synchronous),
          by_stages_(advances_by_stages(circuit)) {}

    /// "h(t)", "h(t-3)" or, between steps, "h(t - 6 ms)".
    std::string source(const std::string& name, std::int64_t lag, double delay) const {
        if (!by_stages_) return at_lag(name, lag);
        const double ms = in_ms(lag, delay);
        return name + (ms == 0.0 ? "(t)" : "(t - " + number(ms) + " ms)");
    }
    /// `before`, "3 steps = 6 ms" or, where all layers advance together, "6 ms", and `after`; nothing without a delay there.
    std::string span(const char* before, std::int64_t lag, double delay, const char* after) const {
        const double ms = in_ms(lag, delay);
        if (synchronous_ && ms == 0.0) return "";
        return before + (synchronous_ ? number(ms) + " ms" : steps_and_ms(lag, dt_)) + after;
    }

private:
    double in_ms(std::int64_t lag, double delay) const {
        return std::isnan(delay) ? static_cast<double>(std::max<std::int64_t>(0, lag - 1)) * dt_ : delay;
    }

    double dt_;
    bool synchronous_, by_stages_;
};

std::int64_t parameters_of(const Convolution& c) {
    const auto count = [](const at::Tensor& t) { return t.defined() ? t.numel() : 0; };
    return c.weight.numel() + count(c.bias) + count(c.scale);
}

struct Cost {
    std::int64_t parameters = 0, multiply_adds = 0;
    bool whole = true;  // false: a part does not say how much it computes

    void add(const Map& map, const Grid& in) {
        if (const auto* convolution = std::get_if<Convolution>(&map)) parameters += parameters_of(*convolution);
        if (const auto* bias = std::get_if<Bias>(&map)) parameters += bias->value.numel();
        multiply_adds += temporal::multiply_adds(map, in);
    }
    void add(const Cost& other) {
        parameters += other.parameters;
        multiply_adds += other.multiply_adds;
        whole = whole && other.whole;
    }
    std::string text() const {
        return std::to_string(parameters) + " parameters, " + (whole ? "" : "at least ") +
               std::to_string(multiply_adds) + " multiply-adds per step";
    }
};

class LayerText {
public:
    LayerText(const Circuit& circuit, std::size_t l)
        : circuit_(circuit),
          l_(l),
          layer_(circuit.layers[l]),
          timing_(circuit),
          along_(grids(layer_, circuit.input_of(l))) {}

    std::string text() {
        out_ << layer_.name << ": " << temporal::text(layer_.stored);
        if (layer_.output != layer_.stored) out_ << ", passes on " << temporal::text(layer_.output);
        out_ << "\n";
        equations();
        paths();
        out_ << "    " << cost().text() << "\n";
        return out_.str();
    }

    Cost cost() const {
        Cost cost;
        for (std::size_t i = 0; i < layer_.operations.size(); ++i) {
            const Operation& op = layer_.operations[i];
            if (op.kind == Operation::Kind::layer) add_input_path(cost, along_[i]);
            if (op.kind == Operation::Kind::map) cost.add(*op.map, along_[i]);
        }
        for (const Connection& c : circuit_.connections) {
            if (c.target == l_ && c.transform) cost.add(*c.transform, c.resized);
        }
        return cost;
    }

private:
    void line(const std::string& name, const std::string& expression) {
        out_ << "    " << name << " = " << expression << "\n";
    }

    /// The operations, top to bottom, with a name for what goes in, is solved, is stored and goes out.
    void equations() {
        std::string x = "in";
        for (const Operation& op : layer_.operations) {
            switch (op.kind) {
                case Operation::Kind::layer: x = input_path(x); break;
                case Operation::Kind::skip: x = with_connections(x, Connection::Kind::skip); break;
                case Operation::Kind::feedback: x = with_connections(x, Connection::Kind::feedback); break;
                case Operation::Kind::map: x = formula(*op.map, x); break;
                case Operation::Kind::step:
                    line("x", x);
                    out_ << "    " << layer_.solver->equation(layer_.time) << "    ("
                         << (layer_.leak == LeakState::response ? "before: r = h(t-1); " : "r is kept; ")
                         << "dt/tau = " << number(layer_.time.ratio()) << ")\n";
                    x = "r";
                    break;
                case Operation::Kind::adapt: x = against_itself(x); break;
                case Operation::Kind::record: response_ = x; break;
                case Operation::Kind::delay:
                    line("h", x);
                    if (response_ && *response_ != x) line("response", *response_);
                    x = layer_.feedforward_lag > 0
                            ? timing_.source("h", layer_.feedforward_lag, layer_.feedforward_delay)
                            : "h";
                    break;
                case Operation::Kind::rest: x += ", at rest while it is zero"; break;
            }
        }
        line("out", x);
        out_ << after_;
    }

    static std::string value_or_name(const at::Tensor& value, const char* name) {
        return value.numel() == 1 ? number(value.item<double>()) : name;
    }

    std::string against_itself(const std::string& x) {
        const Adaptation& a = *layer_.adaptation;
        const std::string alpha = value_or_name(a.alpha, "alpha"), beta = value_or_name(a.beta, "beta");
        line("x", x);
        after_ = "    s <- " + alpha + " s + (1 - " + alpha + ") h    (adaptation, from s = 0)\n";
        return a.divisive ? "(x / (1 + " + beta + " s))" : "(x - " + beta + " s)";
    }

    std::string input_path(std::string x) const {
        const auto joined_at = [&](RecurrenceTarget here) {
            if (!layer_.recurrence || layer_.recurrence->target != here) return;
            const RecurrentPath& path = *layer_.recurrence;
            x = joined(x, "R " + timing_.source("h", path.lag, path.delay), path.integration);
        };
        joined_at(RecurrenceTarget::input);
        x = formula(layer_.feedforward.first, x);
        for (const Map& map : layer_.feedforward.middle) x = formula(map, x);
        if (layer_.feedforward.second) {
            x = formula(Relu{}, x);
            joined_at(RecurrenceTarget::middle);
            x = formula(*layer_.feedforward.second, x);
        }
        joined_at(RecurrenceTarget::output);
        return x;
    }

    std::string with_connections(std::string x, Connection::Kind kind) const {
        for (const Connection& c : circuit_.connections) {
            if (c.target != l_ || c.kind != kind) continue;
            const std::string source = timing_.source(circuit_.layers[c.source].name, c.lag, c.delay);
            x = joined(x, c.transform ? formula(*c.transform, source) : source, c.integration);
        }
        return x;
    }

    void paths() {
        if (const auto& path = layer_.recurrence) {
            out_ << "    R h = " << path->map->equation() << timing_.span(", ", path->lag, path->delay, " back")
                 << "\n";
        }
        for (const Connection& c : circuit_.connections) {
            if (c.target != l_) continue;
            out_ << "    " << (c.kind == Connection::Kind::skip ? "skip" : "feedback") << " from "
                 << circuit_.layers[c.source].name << timing_.span(": ", c.lag, c.delay, " back") << "\n";
        }
        if (layer_.feedforward_lag > 0) {
            out_ << timing_.span("    feed-forward delay: ", layer_.feedforward_lag, layer_.feedforward_delay, "\n");
        }
    }

    void add_input_path(Cost& cost, const Grid& in) const {
        cost.add(layer_.feedforward.first, in);
        Grid grid = grid_after(layer_.feedforward.first, in);
        for (const Map& map : layer_.feedforward.middle) {
            cost.add(map, grid);
            grid = grid_after(map, grid);
        }
        if (layer_.feedforward.second) cost.add(*layer_.feedforward.second, grid);
        if (!layer_.recurrence) return;
        for (const NamedTensor& t : layer_.recurrence->map->parameters())
            cost.parameters += t.trainable ? t.tensor.numel() : 0;
        if (const auto map = layer_.recurrence->map->linear()) {
            const at::Tensor& w = map->weight;
            const Convolution as_convolution{w, map->bias, 1, w.size(2) / 2, map->groups};
            cost.multiply_adds += temporal::multiply_adds(as_convolution, layer_.stored);
        } else {
            cost.whole = false;
        }
    }

    const Circuit& circuit_;
    std::size_t l_;
    const Layer& layer_;
    Timing timing_;
    std::vector<Grid> along_;
    std::optional<std::string> response_;
    std::string after_;  // what changes when the activity has been stored
    std::ostringstream out_;
};

/// What happens to a frame before the first layer.
std::string input_text(const Circuit& circuit) {
    std::string text, x = "frame";
    if (const InputAdaptation& a = circuit.input_adaptation; a.weight != 0.0) {
        text += "    y = " + std::string(a.first_only ? "" : "frame + ") + number(a.weight) + " y(t-1)" +
                (a.first_only ? ", from y = the first frame" : "") + "\n";
        x = "y";
    }
    if (circuit.front.empty()) return text;
    for (const Map& map : circuit.front) x = formula(map, x);
    return text + "    in = " + x + ": " + temporal::text(circuit.input_of(0)) + "\n";
}

}  // namespace

std::string describe(const Circuit& circuit, std::int64_t n_timesteps) {
    std::string text = "input: " + temporal::text(circuit.input) + ", " + std::to_string(n_timesteps) + " steps of " +
                       number(circuit.dt) + " ms\n";
    text += input_text(circuit);
    Cost total{circuit.readout.n_parameters, circuit.readout.multiply_adds};
    Grid grid = circuit.input;
    for (const Map& map : circuit.front) {
        total.add(map, grid);
        grid = grid_after(map, grid);
    }
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) {
        LayerText layer(circuit, l);
        text += layer.text();
        total.add(layer.cost());
    }
    text += "readout: " + circuit.readout.equation + "\n";
    text += "all: " + total.text() + ", " + std::to_string(total.multiply_adds * n_timesteps) +
            " per sequence and sample\n";
    return text;
}

}  // namespace dv::temporal
