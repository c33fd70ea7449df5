#include "stage_fixtures.hpp"

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
    Tableau t;
    t.stages = 4;
    t.order = 3;
    t.embedded_order = 2;
    t.rtol = rtol;
    t.atol = atol;
    t.c = {0.0, 0.5, 0.75, 1.0};
    t.a[1] = {0.5};
    t.a[2] = {0.0, 0.75};
    t.a[3] = {2.0 / 9, 1.0 / 3, 4.0 / 9};
    t.b = t.a[3];
    t.error = {-5.0 / 72, 1.0 / 12, 1.0 / 9, -1.0 / 8};
    return std::make_shared<Method>(t);
}

std::shared_ptr<const Solver> dopri5(double rtol, double atol) {
    Tableau t;
    t.stages = 7;
    t.order = 5;
    t.embedded_order = 4;
    t.dense_degree = 4;
    t.rtol = rtol;
    t.atol = atol;
    t.c = {0.0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1.0, 1.0};
    t.a[1] = {1.0 / 5};
    t.a[2] = {3.0 / 40, 9.0 / 40};
    t.a[3] = {44.0 / 45, -56.0 / 15, 32.0 / 9};
    t.a[4] = {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729};
    t.a[5] = {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656};
    t.a[6] = {35.0 / 384, 0.0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84};
    t.b = t.a[6];
    t.error = {71.0 / 57600, 0.0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
    t.dense[0] = {1.0, -8048581381.0 / 2820520608, 8663915743.0 / 2820520608, -12715105075.0 / 11282082432};
    t.dense[2] = {0.0, 131558114200.0 / 32700410799, -68118460800.0 / 10900136933, 87487479700.0 / 32700410799};
    t.dense[3] = {0.0, -1754552775.0 / 470086768, 14199869525.0 / 1410260304, -10690763975.0 / 1880347072};
    t.dense[4] = {0.0, 127303824393.0 / 49829197408, -318862633887.0 / 49829197408, 701980252875.0 / 199316789632};
    t.dense[5] = {0.0, -282668133.0 / 205662961, 2019193451.0 / 616988883, -1453857185.0 / 822651844};
    t.dense[6] = {0.0, 40617522.0 / 29380423, -110615467.0 / 29380423, 69997945.0 / 29380423};
    return std::make_shared<Method>(t);
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
