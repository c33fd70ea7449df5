/// Delays and space with an answer on paper; times in ms.

#include "stage_fixtures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fixtures;
using SolverPtr = std::shared_ptr<const dv::Solver>;

constexpr double kPi = 3.14159265358979323846;

// ---- dx/dt = −x(t − d): tau 1, the leak is undone by a relay that follows x at once ---------------------------------------------

Circuit delayed(double dt, double delay, const SolverPtr& solver, HistoryInterpolation how) {
    Circuit circuit =
        rates(dt, solver,
              {{.tau = 1.0, .weight = 0.0, .recurrent_weight = -1.0, .recurrent_delay = delay}, {.follows = true}},
              {{.source = 1, .target = 0, .weight = 1.0}});
    circuit.interpolation = how;
    return circuit;
}

/// The error at `duration`, from the past x(t), dx/dt for t <= 0.
struct Case {
    double delay;
    double (*value)(double);
    double (*slope)(double);
    double expected, duration;
};

double error_of(const Case& c, double dt, const SolverPtr& solver, HistoryInterpolation how) {
    const Circuit circuit = delayed(dt, c.delay, solver, how);
    State state = initial_state(circuit);
    state.knots.resize(2);
    for (std::int64_t k = 2 * std::lround(c.delay / dt); k >= 0; --k) {  // known where stages read it
        const double t = -static_cast<double>(k) * dt / 2;
        const at::Tensor x = unit(c.value(t)), slope = unit(c.slope(t));
        state.knots[0].push_back({t, x, x, slope, k > 0 ? slope : at::Tensor(), {}});
    }
    return std::abs(answer_at(circuit, state, 0.0, c.duration) - c.expected);
}

void expect_column(const Case& c, double coarsest, const SolverPtr& solver, HistoryInterpolation how,
                   const std::vector<double>& errors, double order, double digits) {
    double dt = coarsest, before = 0.0;
    for (const double expected : errors) {
        const double error = error_of(c, dt, solver, how);
        EXPECT_NEAR(error, expected, digits * expected) << "dt " << dt;
        if (before > 0.0) {
            EXPECT_NEAR(std::log2(before / error), order, 0.15) << "dt " << dt;
        }
        before = error;
        dt /= 2;
    }
}

const Case kConstantPast{1.0, [](double) { return 1.0; }, [](double) { return 0.0; }, .1583333333333333, 5.0};
constexpr auto kHold = HistoryInterpolation::hold;
constexpr auto kLinear = HistoryInterpolation::linear;
constexpr auto kSmooth = HistoryInterpolation::polynomial;

TEST(DelayEquation, IsAsGoodAsItsInterpolation) {
    expect_column(kConstantPast, .1, euler(), kHold, {6.3647e-2, 3.0509e-2, 1.4920e-2, 7.3761e-3}, 1.0, 1e-4);
    expect_column(kConstantPast, .1, heun(), kLinear, {4.1542e-4, 1.0409e-4, 2.6037e-5, 6.5101e-6}, 2.0, 1e-4);
    expect_column(kConstantPast, .1, rk4(), kHold, {4.1464e-2, 2.0097e-2, 9.8863e-3, 4.9022e-3}, 1.0, 1e-4);
    expect_column(kConstantPast, .1, rk4(), kLinear, {4.1542e-4, 1.0409e-4, 2.6037e-5, 6.5101e-6}, 2.0, 1e-4);
    expect_column(kConstantPast, .1, rk4(), kSmooth, {1.3889e-7, 8.6806e-9, 5.4253e-10, 3.391e-11}, 4.0, 1e-3);
}

TEST(DelayEquation, TakesTheInterpolationOfItsOrder) {
    for (const auto& [solver, how] : {std::pair{heun(), kLinear}, std::pair{rk4(), kSmooth}}) {
        EXPECT_EQ(error_of(kConstantPast, .1, solver, HistoryInterpolation::by_order),
                  error_of(kConstantPast, .1, solver, how));
    }
}

/// The same equation with the delay on another kind of path; `x` is the layer that has it.
struct Variant {
    std::vector<Rate> layers;
    std::vector<Link> links;
    std::size_t x;
};

TEST(DelayEquation, AnyPathMayHaveTheDelay) {
    const Rate undone{.tau = 1.0, .weight = 0.0, .recurrent_weight = 1.0};  // dx/dt = what links bring
    Rate late = undone, driven = undone;
    late.forward_delay = 1.0;
    driven.weight = 1.0;
    const Rate relay{.follows = true}, silent{.weight = 0.0, .follows = true};
    const std::vector<Variant> variants{
        {{late, relay}, {{.source = 1, .target = 0, .weight = -1.0}}, 0},                               // feed-forward
        {{undone, silent, silent}, {{0, 2, 1.0, 1.0}, {.source = 2, .target = 0, .weight = -1.0}}, 0},  // skip
        {{silent, driven}, {{.source = 1, .target = 0, .weight = -1.0, .delay = 1.0}}, 1}};             // feedback
    for (const Variant& v : variants) {
        const Circuit circuit = rates(.1, rk4(), v.layers, v.links);
        State state = initial_state(circuit);
        state.knots.resize(v.layers.size());
        for (const double t : {-1.0, 0.0})
            state.knots[v.x].push_back({t, unit(1.0), unit(1.0), unit(0.0), t < 0 ? unit(0.0) : at::Tensor(), {}});
        EXPECT_NEAR(std::abs(rates_at(circuit, state, 0.0, 5.0)[v.x] - kConstantPast.expected), 1.3889e-7, 1e-11)
            << v.layers.size();
    }
}

// Piecewise polynomials, one degree more with each delay.
TEST(DelayEquation, FollowsTheClosedForm) {
    const std::vector<std::pair<double, double>> table{{.5, .5},           {1.0, 0.0},          {1.5, -.375},
                                                       {2.0, -.5},         {2.5, -.3958333333}, {3.0, -.1666666667},
                                                       {4.0, .2083333333}, {5.0, .1583333333}};
    for (const auto& [t, x] : table) {
        const Case c{1.0, kConstantPast.value, kConstantPast.slope, x, t};
        EXPECT_LT(error_of(c, .025, rk4(), kSmooth), 1e-8) << t;
        EXPECT_LT(error_of(c, .25, dopri5(1e-9, 1e-11), kSmooth), 1e-7) << t;
        EXPECT_LT(error_of(c, .25, bosh3(1e-8, 1e-10), kSmooth), 1e-6) << t;
    }
}

// dx/dt = −x(t − pi/2) with the past cos t goes on as cos t.
TEST(DelayEquation, ASmoothPastGoesOn) {
    const Case c{kPi / 2, [](double t) { return std::cos(t); }, [](double t) { return -std::sin(t); }, 1.0, 2 * kPi};
    const double dt = kPi / 2 / 16;
    EXPECT_NEAR(error_of(c, dt, euler(), kHold), 8.28e-2, 5e-5);
    EXPECT_NEAR(error_of(c, dt, heun(), kLinear), 2.29e-3, 5e-6);
    EXPECT_NEAR(error_of(c, dt, rk4(), kLinear), 1.95e-3, 5e-6);
    EXPECT_NEAR(error_of(c, dt, rk4(), kSmooth), 3.00e-7, 5e-10);
    const std::vector<std::tuple<SolverPtr, HistoryInterpolation, double>> columns{
        {euler(), kHold, 1.0}, {heun(), kLinear, 2.0}, {rk4(), kLinear, 2.0}, {rk4(), kSmooth, 4.0}};
    for (const auto& [solver, how, order] : columns)
        EXPECT_NEAR(std::log2(error_of(c, dt / 2, solver, how) / error_of(c, dt / 4, solver, how)), order, 0.15);
}

// ---- A cascade: x_n = 1 − exp(−t / tau) Σ_{k<n} (t / tau)^k / k! -------------------------------------------------------------------

Circuit cascade(double dt, const SolverPtr& solver, std::size_t n, double delay) {
    return rates(dt, solver, std::vector<Rate>(n, Rate{.tau = 10.0, .forward_delay = delay}));
}

double erlang(std::size_t n, double x) {
    double sum = 0.0, term = 1.0;
    for (std::size_t k = 0; k < n; ++k) {
        sum += term;
        term *= x / static_cast<double>(k + 1);
    }
    return 1.0 - std::exp(-x) * sum;
}

TEST(Cascade, RespondsWithErlangsDistribution) {
    for (std::size_t n = 1; n <= 8; ++n) {
        const Circuit circuit = cascade(0.25, rk4(), n, 0.0);
        const std::vector<double> x = answers(circuit, at_rest(circuit, std::vector<double>(n, 0.0)), 1.0, 60.0);
        for (std::size_t k = 0; k < x.size(); k += 17)
            EXPECT_NEAR(x[k], erlang(n, 0.025 * static_cast<double>(k + 1)), 1e-8) << n << " " << k;
    }
}

/// When the answer passes 1/2, between samples on a line; the input edge has the delay too.
double half_latency(const Circuit& circuit, double delay) {
    const at::NoGradGuard no_gradient;
    dv::Sequence shown = dv::Sequence::of(at::full({1, 1, 1, 1, 1}, 1.0, at::kDouble));
    shown.schedule.assign(static_cast<std::size_t>(steps_for(circuit, 120.0)), 0);
    for (std::int64_t k = 0; k < steps_for(circuit, delay); ++k)
        shown.schedule[static_cast<std::size_t>(k)] = dv::Sequence::kBlank;
    const at::Tensor x =
        run(circuit, shown, at_rest(circuit, std::vector<double>(circuit.layers.size(), 0.0))).outputs.view({-1});
    double before = 0.0;
    for (std::int64_t k = 0; k < x.size(0); ++k) {
        const double now = x[k].item<double>();
        if (now >= 0.5) return (static_cast<double>(k) + (0.5 - before) / (now - before)) * circuit.dt;
        before = now;
    }
    return NAN;
}

TEST(Cascade, DelaysAddUp) {
    const std::vector<std::pair<double, std::array<double, 4>>> by_euler{
        {2.0, {16.234375, 36.098839, 56.061647, 76.044647}},
        {1.0, {16.591618, 36.447076, 56.405231, 76.385745}},
        {0.5, {16.759906, 36.614192, 56.572110, 76.552539}}};
    for (const auto& [dt, latencies] : by_euler) {
        for (std::size_t n = 1; n <= 4; ++n)
            EXPECT_NEAR(half_latency(cascade(dt, euler(), n, 10.0), 10.0), latencies[n - 1], 1e-6) << dt << " " << n;
    }
    const std::array<double, 4> exact{16.931472, 36.783470, 56.740603, 76.720607};
    for (std::size_t n = 1; n <= 4; ++n)
        EXPECT_NEAR(half_latency(cascade(0.1, rk4(), n, 10.0), 10.0), exact[n - 1], 2e-4) << n;
}

// The area above the step response is the mean latency, tau + d for each stage.
TEST(Cascade, MeanLatencyIsTheSumOfTimeConstantsAndDelays) {
    const Circuit circuit = cascade(0.5, rk4(), 3, 4.0);
    const std::vector<double> x = answers(circuit, at_rest(circuit, {0.0, 0.0, 0.0}), 1.0, 400.0);
    double area = 0.5 * 0.5;  // trapezoids, from 1 − x(0) = 1
    for (const double value : x) area += 0.5 * (1.0 - value);
    EXPECT_NEAR(area, 3 * 10.0 + 2 * 4.0, 1e-3);  // two stages pass on late
}

// ---- Pure delays: tau = dt, an impulse at step 0 ---------------------------------------------------------------------------------

/// The responses of layer `l`, step by step.
std::vector<double> after_impulse(const Circuit& circuit, std::size_t l, std::int64_t n) {
    std::vector<double> input(static_cast<std::size_t>(n), 0.0);
    input[0] = 1.0;
    KeepAll kept(circuit.layers.size(), n);
    RunOptions options;
    options.recorder = &kept;
    run(circuit, numbers(input), initial_state(circuit), options);
    std::vector<double> values;
    for (const at::Tensor& response : kept.responses[l])
        values.push_back(response.defined() ? response.item<double>() : 0.0);
    return values;
}

void expect_only(const std::vector<double>& values, const std::vector<std::pair<std::int64_t, double>>& there) {
    std::vector<double> expected(values.size(), 0.0);
    for (const auto& [t, value] : there) expected.at(static_cast<std::size_t>(t)) = value;
    EXPECT_EQ(values, expected);
}

TEST(Impulse, TravelsEveryKindOfEdgeInItsLag) {
    for (const UpdateOrder order : {UpdateOrder::sequential, UpdateOrder::synchronous}) {
        for (std::int64_t k = 0; k <= 5; ++k) {
            const std::int64_t ahead = forward_lag(k, order), back = backward_lag(k, order);
            EXPECT_EQ(ahead, order == UpdateOrder::synchronous ? k + 1 : k);
            // Feed-forward: three edges of weight .5, 1.5 and -2.
            const Circuit chain = units({{.name = "a", .feedforward_lag = ahead, .dt_over_tau = 1.0},
                                         {.name = "b", .weight = 0.5, .feedforward_lag = ahead, .dt_over_tau = 1.0},
                                         {.name = "c", .weight = 1.5, .feedforward_lag = ahead, .dt_over_tau = 1.0},
                                         {.name = "d", .weight = -2.0, .dt_over_tau = 1.0}});
            expect_only(after_impulse(chain, 3, 24), {{3 * ahead, -1.5}});
            // Skips past silent feed-forward edges.
            const Circuit skips =
                units({{.name = "a", .dt_over_tau = 1.0},
                       {.name = "b", .weight = 0.0, .dt_over_tau = 1.0},
                       {.name = "c", .weight = 0.0, .dt_over_tau = 1.0}},
                      {{Connection::Kind::skip, 0, 1, ahead, 0.5}, {Connection::Kind::skip, 1, 2, ahead, 3.0}});
            expect_only(after_impulse(skips, 2, 24), {{2 * ahead, 1.5}});
            // Feedback, after one feed-forward edge of the least lag.
            const std::int64_t least = forward_lag(0, order);
            const Circuit fed_back = units({{.name = "a", .feedforward_lag = least, .dt_over_tau = 1.0},
                                            {.name = "b", .weight = 2.0, .dt_over_tau = 1.0}},
                                           {{Connection::Kind::feedback, 1, 0, back, 0.25}});
            const std::int64_t round = least + back;
            expect_only(after_impulse(fed_back, 0, 2 * round + 1), {{0, 1.0}, {round, 0.5}, {2 * round, 0.25}});
            // Recurrence.
            const Circuit loop =
                units({{.name = "a", .recurrent_weight = -0.5, .recurrent_lag = back, .dt_over_tau = 1.0}});
            expect_only(after_impulse(loop, 0, 3 * back + 1),
                        {{0, 1.0}, {back, -0.5}, {2 * back, 0.25}, {3 * back, -0.125}});
        }
    }
}

// ---- Space: the spectral radius of a recurrent convolution on an N x N map --------------------------------------------------------

/// Growth per step of an Euler layer with this kernel, a = dt/tau = .5, and its radius from (growth − (1 − a)) / a.
double measured_radius(std::shared_ptr<const dv::Recurrence> map, std::int64_t n) {
    const at::NoGradGuard no_gradient;
    Circuit circuit = rates(0.5, euler(), {{.tau = 1.0, .weight = 0.0, .recurrent_weight = 1.0}});
    circuit.input = circuit.layers[0].stored = circuit.layers[0].output = {1, n, n};
    circuit.layers[0].recurrence->map = std::move(map);
    circuit.readout = {[](const at::Tensor& x) {
                           return x.square().sum({1, 2, 3}).sqrt().unsqueeze(1);
                       },
                       1, "norm", 0, 0};
    validate(circuit);
    State state = initial_state(circuit);
    state.layers[0].push(at::ones({1, 1, n, n}, at::kDouble));
    const auto silence = dv::Sequence::of(at::zeros({1, 1, 1, n, n}, at::kDouble)).shown_for(800);
    const at::Tensor norms = run(circuit, silence, state).outputs.view({-1});
    return (norms[799].div(norms[798]).item<double>() - 0.5) / 0.5;
}

double measured_radius(const at::Tensor& kernel, std::int64_t n) {
    return measured_radius(std::make_shared<Lateral>(dv::LinearMap{kernel, {}, 1}), n);
}

/// A convolution on a torus: no padded one, so that it takes the general way.
struct Circular final : dv::Recurrence {
    at::Tensor kernel;
    explicit Circular(at::Tensor with) : kernel(std::move(with)) {}
    void build(const dv::RecurrenceSite&) override {}
    std::vector<dv::NamedTensor> parameters() const override { return {}; }
    at::Tensor forward(const at::Tensor& rate) const override {
        at::Tensor sum = at::zeros_like(rate);
        for (std::int64_t y = 0; y < 3; ++y) {
            for (std::int64_t x = 0; x < 3; ++x)
                sum = sum.add(rate.roll({1 - y, 1 - x}, {2, 3}).mul(kernel[0][0][y][x]));
        }
        return sum;
    }
    std::string equation() const override { return "W * h on a torus"; }
};

TEST(RecurrentConvolution, OnATorusGrowsByTheSumOfItsWeights) {
    for (const std::int64_t n : {4, 7, 8, 14}) {
        const auto ones = std::make_shared<Circular>(at::full({1, 1, 3, 3}, 0.1, at::kDouble));
        EXPECT_NEAR(measured_radius(ones, n) / 0.1, 9.0, 1e-9) << n;
    }
    EXPECT_LT(measured_radius(std::make_shared<Circular>(at::full({1, 1, 3, 3}, .1111, at::kDouble)), 4), 1.0);
    EXPECT_GT(measured_radius(std::make_shared<Circular>(at::full({1, 1, 3, 3}, .1112, at::kDouble)), 4), 1.0);
}

TEST(RecurrentConvolution, GrowsByItsSpectralRadius) {
    const std::vector<std::pair<std::int64_t, double>> table{
        {4, 6.8541019662}, {7, 8.1097316924}, {8, 8.2908593694}, {14, 8.7396813182}};
    for (const auto& [n, radius] : table) {
        EXPECT_NEAR(std::pow(1 + 2 * std::cos(kPi / static_cast<double>(n + 1)), 2), radius, 1e-9);
        const double w = 0.1;
        EXPECT_NEAR(measured_radius(at::full({1, 1, 3, 3}, w, at::kDouble), n) / w, radius, 1e-9) << n;
        // The network is stable below w = 1 / radius.
        EXPECT_LT(measured_radius(at::full({1, 1, 3, 3}, 0.999 / radius, at::kDouble), n), 1.0);
        EXPECT_GT(measured_radius(at::full({1, 1, 3, 3}, 1.001 / radius, at::kDouble), n), 1.0);
    }
}

TEST(RecurrentConvolution, ABinomialKernelIsBelowOne) {
    const at::Tensor side = at::tensor({1.0, 2.0, 1.0}, at::kDouble).div(4);
    const at::Tensor kernel = side.view({1, 1, 3, 1}).mul(side.view({1, 1, 1, 3}));
    EXPECT_NEAR(measured_radius(kernel, 7), .9253281139, 1e-9);
    EXPECT_NEAR(measured_radius(kernel, 14), .9782669826, 1e-9);
}

}  // namespace
