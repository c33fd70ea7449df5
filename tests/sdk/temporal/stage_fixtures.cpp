#include "stage_fixtures.hpp"

#include "embedded_pairs.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <cmath>

namespace dv::temporal::fixtures {

namespace {

/// y = c0·h + c1·x, by a function from dt/tau to c1.
struct Affine final : Solver {
    double (*share)(double);
    explicit Affine(double (*of)(double)) : share(of) {}
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const TimeStep& by) const override {
        const double c1 = share(by.ratio());
        if (!rate.defined()) return drive.mul(c1);
        return drive.defined() ? rate.lerp(drive, c1) : rate.mul(1.0 - c1);
    }
    int order() const override { return 1; }
    std::optional<AffineStep> affine(const TimeStep& by) const override {
        return AffineStep{1.0 - share(by.ratio()), share(by.ratio()), {}};
    }
    std::string equation(const TimeStep&) const override { return "affine"; }
};

Layer layer_of(const Rate& from, std::size_t l, double dt, const std::shared_ptr<const Solver>& solver, bool last) {
    using Kind = Operation::Kind;
    const auto lag = [&](double delay) { return 1 + static_cast<std::int64_t>(std::lround(delay / dt)); };
    Layer layer;
    layer.name = "r" + std::to_string(l);
    layer.feedforward.first.weight = scalar_weight(from.weight);
    layer.feedforward_lag = last ? 0 : lag(from.forward_delay);
    layer.feedforward_delay = last ? 0.0 : from.forward_delay;
    layer.stored = layer.output = {1, 1, 1};
    if (from.recurrent_weight) {
        auto map = std::make_shared<Lateral>(LinearMap{scalar_weight(*from.recurrent_weight), {}, 1});
        layer.recurrence = RecurrentPath{.map = map, .lag = lag(from.recurrent_delay), .delay = from.recurrent_delay};
    }
    for (const Kind kind : {Kind::layer, Kind::skip, Kind::feedback})
        layer.operations.push_back({kind, "", std::nullopt});
    if (from.power) layer.operations.push_back({Kind::map, "power", from.power});
    if (!from.follows) {
        layer.operations.push_back({Kind::step, "tstep", std::nullopt});
        layer.solver = solver;
        layer.time = {dt, from.tau, {}};
    }
    if (from.output) layer.operations.push_back({Kind::map, "output", from.output});
    for (const Kind kind : {Kind::record, Kind::delay}) layer.operations.push_back({kind, "", std::nullopt});
    return layer;
}

Sequence constant(double input, std::int64_t n) {
    return Sequence::of(at::full({1, 1, 1, 1, 1}, input, at::kDouble)).shown_for(n);
}

}  // namespace

std::shared_ptr<const Solver> heun() {
    Tableau t;
    t.stages = t.order = 2;
    t.c = {0.0, 1.0};
    t.a[1] = {1.0};
    t.b = {0.5, 0.5};
    return std::make_shared<Method>(t);
}

std::shared_ptr<const Solver> rk4() {
    Tableau t;
    t.stages = t.order = 4;
    t.c = {0.0, 0.5, 0.5, 1.0};
    t.a[1] = {0.5};
    t.a[2] = {0.0, 0.5};
    t.a[3] = {0.0, 0.0, 1.0};
    t.b = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    return std::make_shared<Method>(t);
}

std::shared_ptr<const Solver> bosh3(double rtol, double atol) {
    return std::make_shared<Method>(embedded_pairs::bogacki_shampine(rtol, atol));
}
std::shared_ptr<const Solver> dopri5(double rtol, double atol) {
    return std::make_shared<Method>(embedded_pairs::dormand_prince(rtol, atol));
}

std::shared_ptr<const Solver> euler() {
    return std::make_shared<Affine>([](double a) { return a; });
}
std::shared_ptr<const Solver> frozen_rk4() {
    return std::make_shared<Affine>([](double a) { return a - a * a / 2 + a * a * a / 6 - a * a * a * a / 24; });
}
std::shared_ptr<const Solver> exp_euler() {
    return std::make_shared<Affine>([](double a) { return -std::expm1(-a); });
}

Circuit rates(double dt, const std::shared_ptr<const Solver>& solver, const std::vector<Rate>& layers,
              const std::vector<Link>& links) {
    Circuit circuit;
    circuit.input = {1, 1, 1};
    circuit.dt = dt;
    circuit.update_order = UpdateOrder::synchronous;
    for (std::size_t l = 0; l < layers.size(); ++l)
        circuit.layers.push_back(layer_of(layers[l], l, dt, solver, l + 1 == layers.size()));
    for (const Link& link : links) {
        Connection c;
        c.kind = link.source < link.target ? Connection::Kind::skip : Connection::Kind::feedback;
        c.source = link.source;
        c.target = link.target;
        c.lag = 1 + static_cast<std::int64_t>(std::lround(link.delay / dt));
        c.delay = link.delay;
        c.transform = Convolution{scalar_weight(link.weight), {}};
        c.resized = {1, 1, 1};
        circuit.connections.push_back(c);
    }
    circuit.readout = {[](const at::Tensor& x) { return x.flatten(1); }, 1, "the unit", 0, 0};
    validate(circuit);
    return circuit;
}

at::Tensor unit(double value) { return at::full({1, 1, 1, 1}, value, at::kDouble); }

State at_rest(const Circuit& circuit, const std::vector<double>& values) {
    State state = initial_state(circuit);
    for (std::size_t l = 0; l < values.size(); ++l) state.layers[l].push(unit(values[l]));
    return state;
}

std::int64_t steps_for(const Circuit& circuit, double duration) { return std::lround(duration / circuit.dt); }

std::vector<double> answers(const Circuit& circuit, State state, double input, double duration) {
    const at::NoGradGuard no_gradient;
    const Sequence shown = constant(input, steps_for(circuit, duration));
    const at::Tensor out = run(circuit, shown, std::move(state)).outputs.view({-1}).contiguous();
    return {out.const_data_ptr<double>(), out.const_data_ptr<double>() + out.numel()};
}

double answer_at(const Circuit& circuit, const State& state, double input, double duration) {
    return answers(circuit, state, input, duration).back();
}

std::vector<double> rates_at(const Circuit& circuit, const State& state, double input, double duration) {
    const at::NoGradGuard no_gradient;
    const State end = run(circuit, constant(input, steps_for(circuit, duration)), state).state;
    std::vector<double> values;
    for (const History& history : end.layers) values.push_back(history.back(1).item<double>());
    return values;
}

}  // namespace dv::temporal::fixtures
