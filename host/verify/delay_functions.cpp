#include "verify/functions.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <dv/temporal/run.hpp>
#include <dv/torch/solver.hpp>

#include <cmath>

namespace dvhost::verify {

namespace {

using dv::temporal::Circuit;
using dv::temporal::Connection;
using dv::temporal::HistoryInterpolation;
using dv::temporal::State;

/// x'(t) = -x(t - delay) from a past that is known, looked at when `time` has passed.
struct DelayEquation {
    double delay = 1.0, time = 1.0;
    bool is_cosine = false;  ///< the past: cos t, or 1
    HistoryInterpolation interpolation = HistoryInterpolation::linear;

    double past(double t) const { return is_cosine ? std::cos(t) : 1.0; }
    double slope(double t) const { return is_cosine ? -std::sin(t) : 0.0; }
};

dv::temporal::Layer unit(const char* name, double weight, const Setting& setting) {
    using Kind = dv::temporal::Operation::Kind;
    dv::temporal::Layer out;
    out.name = name;
    out.feedforward.first.weight = setting.place(at::full({1, 1, 1, 1}, weight, at::kDouble));
    out.feedforward_delay = 0.0;
    out.stored = out.output = {1, 1, 1};
    for (const Kind kind : {Kind::layer, Kind::skip, Kind::feedback}) out.operations.push_back({kind, "", std::nullopt});
    return out;
}

Connection back(double weight, double delay, double dt, const Setting& setting) {
    Connection out;
    out.kind = Connection::Kind::feedback;
    out.source = 1;
    out.target = 0;
    out.lag = 1 + std::llround(delay / dt);
    out.delay = delay;
    out.transform = dv::temporal::Convolution{setting.place(at::full({1, 1, 1, 1}, weight, at::kDouble)), {}};
    out.resized = {1, 1, 1};
    return out;
}

/// A unit x of time constant 1, and before it one that follows what it gets at once: x, which undoes the leak, and its past.
Circuit circuit_of(const DelayEquation& of, const std::shared_ptr<const dv::Solver>& solver, double dt,
                   const Setting& setting) {
    using Kind = dv::temporal::Operation::Kind;
    Circuit out;
    out.input = {1, 1, 1};
    out.dt = dt;
    out.update_order = dv::temporal::UpdateOrder::synchronous;
    out.interpolation = of.interpolation;
    out.layers = {unit("drive", 0.0, setting), unit("x", 1.0, setting)};
    out.layers[1].operations.push_back({Kind::step, "tstep", std::nullopt});
    out.layers[1].solver = solver;
    out.layers[1].time = {dt, 1.0, {}};
    for (auto& layer : out.layers) {
        for (const Kind kind : {Kind::record, Kind::delay}) layer.operations.push_back({kind, "", std::nullopt});
    }
    out.connections = {back(1.0, 0.0, dt, setting), back(-1.0, of.delay, dt, setting)};
    out.readout = {[](const at::Tensor& x) { return x.flatten(1); }, 1, "x", 0, 0};
    validate(out);
    return out;
}

/// The past where stages read it: every half step back to twice the delay.
State past_of(const DelayEquation& of, const Circuit& circuit, const Setting& setting) {
    const auto value = [&](double v) { return setting.place(at::full({1, 1, 1, 1}, v, at::kDouble)); };
    State out = initial_state(circuit);
    out.knots.resize(circuit.layers.size());
    for (std::int64_t k = 2 * std::llround(of.delay / circuit.dt); k >= 0; --k) {
        const double t = -static_cast<double>(k) * circuit.dt / 2;
        const at::Tensor x = value(of.past(t)), slope = value(of.slope(t));
        out.knots[1].push_back({t, x, x, slope, k > 0 ? slope : at::Tensor(), {}});
    }
    return out;
}

double solved(const DelayEquation& of, const std::shared_ptr<const dv::Solver>& solver, double dt,
              const Setting& setting) {
    const at::NoGradGuard no_grad;
    const Circuit circuit = circuit_of(of, solver, dt, setting);
    const at::Tensor silence = setting.place(at::zeros({1, 1, 1, 1, 1}, at::kDouble));
    const auto shown = dv::Sequence::of(silence).shown_for(std::llround(of.time / dt));
    return run(circuit, shown, past_of(of, circuit, setting)).outputs.select(1, -1).item<double>();
}

}  // namespace

/// Errors at `time` for several step lengths, and the order that two neighbours show.
Run read_delay_equation_call(TableReader& args) {
    const manifest::Node solver = args.component("solver", "dv.solver");
    DelayEquation of;
    of.delay = args.number("delay");
    of.time = args.number("time");
    of.is_cosine = args.word("past", {"one", "cosine"}, "one") == "cosine";
    const std::string how = args.word("interpolation", {"hold", "linear", "polynomial"}, std::nullopt);
    of.interpolation = how == "hold"     ? HistoryInterpolation::hold
                       : how == "linear" ? HistoryInterpolation::linear
                                         : HistoryInterpolation::polynomial;
    const at::Tensor dts = args.needed_tensor("dts").view({-1});
    const double exact = args.number("exact");
    return [=](Workshop& workshop, const Setting& setting) {
        const std::shared_ptr<const dv::Solver> made = workshop.make<dv::Solver>(solver, "solver");
        const Values lengths = values_of(dts);
        Values errors, orders;
        for (std::size_t i = 0; i < lengths.size(); ++i) {
            errors.emplace_back(std::abs(solved(of, made, *lengths[i], setting) - exact));
            if (i > 0) orders.emplace_back(std::log(*errors[i - 1] / *errors[i]) / std::log(*lengths[i - 1] / *lengths[i]));
        }
        Findings out;
        out.add("errors", std::move(errors));
        out.add("orders", std::move(orders));
        return out;
    };
}

}  // namespace dvhost::verify
