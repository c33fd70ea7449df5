#include "suites.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>

#include <array>
#include <cmath>
#include <numeric>

namespace dv::testing {
namespace {

constexpr std::uint64_t kRate = 11, kDrive = 12;

struct Inputs {
    at::Tensor rate, drive;
};
Inputs inputs(at::IntArrayRef shape, at::ScalarType dtype) {
    return {uniform(kRate, shape, 0.0, 2.0, dtype), uniform(kDrive, shape, -1.0, 1.0, dtype)};
}

TimeStep by(double dt, double tau) { return {.dt = dt, .tau = tau, .tau_tensor = {}}; }

/// A step that is well inside the stable range.
TimeStep calm(const Solver& solver) { return by(0.25 * std::min(1.0, solver.stability_limit()) * 10.0, 10.0); }

void keeps_shape_and_dtype(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const std::vector<std::vector<std::int64_t>> shapes{{2, 3, 4, 5}, {1, 1, 1, 1}, {7}};
    for (const auto& shape : shapes) {
        for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
            const auto [rate, drive] = inputs(shape, dtype);
            const at::Tensor next = solver->step(rate, drive, calm(*solver));
            expect(next.sizes() == rate.sizes(), "a rate of shape ", rate.sizes(), " becomes one of shape ",
                   next.sizes());
            expect(next.scalar_type() == dtype, "a rate of dtype ", dtype, " becomes one of dtype ",
                   next.scalar_type());
            expect(next.device() == rate.device(), "the rate changes its device");
        }
    }
}

void an_absent_input_counts_as_zero(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto [rate, drive] = inputs({2, 3, 4}, at::kDouble);
    const TimeStep step = calm(*solver);
    const auto affine = solver->affine(step);
    if (affine && affine->first_c1) {
        expect_close(solver->step({}, drive, step), drive.mul(*affine->first_c1), 1e-12,
                     "the step from an undefined rate and first_c1 of affine()");
    } else {
        expect_close(solver->step({}, drive, step), solver->step(at::zeros_like(drive), drive, step), 1e-12,
                     "an undefined rate and a rate of zeros");
    }
    expect_close(solver->step(rate, {}, step), solver->step(rate, at::zeros_like(rate), step), 1e-12,
                 "an undefined drive and a drive of zeros");
}

void rests_where_drive_equals_rate(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const at::Tensor rate = inputs({2, 3, 4}, at::kDouble).rate;
    expect_close(solver->step(rate, rate, calm(*solver)), rate, 1e-9,
                 "tau dr/dt = -r + drive stands still where drive = r, but the step moves");
}

void gradients_are_right(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto [rate, drive] = inputs({2, 3}, at::kDouble);
    rate.requires_grad_();
    drive.requires_grad_();
    TimeStep step = calm(*solver);
    const auto next = [&] { return solver->step(rate, drive, step); };
    expect_gradient("rate", next, rate);
    expect_gradient("drive", next, drive);
    step.tau_tensor = at::full({}, step.tau, at::kDouble);
    step.tau_tensor.requires_grad_();
    expect_gradient("tau_tensor", next, step.tau_tensor);
}

void a_trained_tau_gives_the_same_step(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto [rate, drive] = inputs({2, 3}, at::kDouble);
    TimeStep step = calm(*solver);
    for (const double factor : {1.0, 1.5}) {  // after training, tau is what it was when the circuit was built
        const at::Tensor fixed = solver->step(rate, drive, by(step.dt, factor * step.tau));
        step.tau_tensor = at::full({}, factor * step.tau, at::kDouble);
        expect_close(solver->step(rate, drive, step), fixed, 1e-9,
                     cat("a tau_tensor of ", factor, " tau and a fixed tau of that value"));
    }
}

void affine_agrees_with_step(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto [rate, drive] = inputs({2, 3, 4}, at::kDouble);
    bool any = false;
    for (const TimeStep& step : {by(1.0, 5.0), by(2.0, 5.0), by(0.1, 50.0)}) {
        const auto affine = solver->affine(step);
        if (!affine) continue;
        any = true;
        expect_close(solver->step(rate, drive, step), rate.mul(affine->c0).add(drive.mul(affine->c1)), 1e-9,
                     cat("step() and affine() = ", affine->c0, " r + ", affine->c1, " x at dt = ", step.dt,
                         ", tau = ", step.tau));
    }
    if (!any) skip("it is not affine");
}

/// |r(tau) − exp(-1)| after integrating dr/dt = -r/tau from 1.
double decay_error(const Solver& solver, int n_steps) {
    constexpr double kTau = 10.0;
    const TimeStep step = by(kTau / n_steps, kTau);
    at::Tensor rate = at::ones({1}, at::kDouble);
    for (int i = 0; i < n_steps; ++i) rate = solver.step(rate, at::zeros_like(rate), step);
    return std::abs(rate.item<double>() - std::exp(-1.0));
}

void order_is_as_stated(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const double coarse = decay_error(*solver, 10), fine = decay_error(*solver, 20);
    if (coarse < 1e-11) skip("it solves the leak exactly");
    const double measured = std::log2(coarse / fine);
    // A step this long may still look better than its order, by less than half of one.
    expect(measured > solver->order() - 0.3 && measured < solver->order() + 0.5,
           "halving dt divides the error of dr/dt = -r by 2^", measured, ", but order() is ", solver->order());
}

double grown_after(const Solver& solver, const TimeStep& step, int n_steps) {
    at::Tensor rate = at::ones({1}, at::kDouble);
    for (int i = 0; i < n_steps; ++i) rate = solver.step(rate, at::zeros_like(rate), step);
    return std::abs(rate.item<double>());
}

void stability_limit_is_where_it_says(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const double limit = solver->stability_limit();
    expect(limit > 0.0, "stability_limit() is ", limit);
    const double inside = grown_after(*solver, by(10.0 * 0.95 * std::min(limit, 100.0), 10.0), 100);
    expect(inside <= 1.0, "with dt/tau 5 % inside its stability_limit() ", limit, " the rate grows to ", inside);
    if (!std::isfinite(limit)) return;
    const double outside = grown_after(*solver, by(10.0 * 1.05 * limit, 10.0), 100);
    expect(outside > 1.0, "with dt/tau 5 % above its stability_limit() ", limit,
           " it is still stable: the limit is higher");
}

// ---- Tableaus ----------------------------------------------------------------------------------------------------------

double sum(const double* first, std::int32_t n) { return std::accumulate(first, first + n, 0.0); }

void expect_number(double found, double expected, std::string_view what) {
    expect(std::abs(found - expected) <= 1e-12, what, " is ", found, ", not ", expected);
}

void tableau_is_consistent(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto method = solver->tableau();
    if (!method) skip("it has no tableau");
    expect(!solver->affine(calm(*solver)),
           "it has a tableau and an affine step: an engine would not know which one to take");
    expect(solver->order() == method->order, "order() is ", solver->order(), ", its tableau says ", method->order);
    const std::int32_t n = method->stages;
    expect_number(method->c[0], 0.0, "c[0]");
    expect_number(sum(method->b.data(), n), 1.0, "the sum of b");
    for (std::int32_t i = 0; i < n; ++i) {
        const auto& row = method->a[static_cast<std::size_t>(i)];
        for (std::int32_t j = i; j < n; ++j)
            expect_number(row[static_cast<std::size_t>(j)], 0.0, cat("a[", i, "][", j, "] of an explicit method"));
        expect_number(sum(row.data(), n), method->c[static_cast<std::size_t>(i)], cat("the sum of row ", i, " of a"));
    }
    if (!method->adaptive()) return;
    expect_number(sum(method->error.data(), n), 0.0, "the sum of the error's weights");
    expect(method->atol > 0.0 && method->rtol >= 0.0, "its tolerances are atol = ", method->atol,
           " and rtol = ", method->rtol, "; an absolute one above 0 is needed");
}

/// After one step of dy/dt = y cos t: what the weights make of its slopes.
double after_step(const Tableau& method, double t, double y, double h, const std::array<double, 8>& weights) {
    std::array<double, Tableau::kMostStages> k{};
    const auto weighed = [&](const auto& by) { return std::inner_product(k.begin(), k.end(), by.begin(), 0.0); };
    for (std::size_t i = 0; i < static_cast<std::size_t>(method.stages); ++i)
        k[i] = (y + h * weighed(method.a[i])) * std::cos(t + method.c[i] * h);
    return y + h * weighed(weights);
}

/// The weights at the fraction `theta` of the step.
std::array<double, 8> dense_weights(const Tableau& method, double theta) {
    std::array<double, 8> weights{};
    for (std::size_t i = 0; i < weights.size(); ++i) {
        double power = theta;
        for (const double factor : method.dense[i]) {
            weights[i] += factor * power;
            power *= theta;
        }
    }
    return weights;
}

/// Error at t = 2 (or, with a theta, that far into the step that begins there).
double error_at_two(const Tableau& method, int n_steps, const std::array<double, 8>& weights,
                    std::optional<double> theta = {}) {
    const double h = 2.0 / n_steps;
    double y = 1.0;
    for (int i = 0; i < n_steps; ++i) y = after_step(method, i * h, y, h, weights);
    if (!theta) return std::abs(y - std::exp(std::sin(2.0)));
    const double begin = std::exp(std::sin(2.0));
    return std::abs(after_step(method, 2.0, begin, h, dense_weights(method, *theta)) -
                    std::exp(std::sin(2.0 + *theta * h)));
}

void expect_order(double coarse, double fine, int at_least, std::string_view what) {
    const double measured = std::log2(coarse / fine);
    expect(measured > at_least - 0.35, "halving the step divides the error of ", what, " by 2^", measured,
           ", at least 2^", at_least, " was expected");
}

void tableau_has_its_order(const Subject& subject) {
    const auto method = subject.make<Solver>()->tableau();
    if (!method) skip("it has no tableau");
    expect_order(error_at_two(*method, 24, method->b), error_at_two(*method, 48, method->b), method->order,
                 "dy/dt = y cos t");
    if (method->adaptive()) {
        std::array<double, 8> other = method->b;
        for (std::size_t i = 0; i < other.size(); ++i) other[i] -= method->error[i];
        expect_order(error_at_two(*method, 24, other), error_at_two(*method, 48, other), method->embedded_order,
                     "the embedded method, b - error,");
    }
    if (method->dense_degree == 0) return;
    for (std::size_t i = 0; i < 8; ++i)
        expect_number(dense_weights(*method, 1.0)[i], method->b[i], cat("weight ", i, " of the polynomial at the end"));
    for (const double theta : {0.3, 0.7}) {  // one step: the local error is one order better
        expect_order(error_at_two(*method, 12, method->b, theta), error_at_two(*method, 24, method->b, theta),
                     method->order, "its polynomial between the ends of a step");
    }
}

void keeps_no_state(const Subject& subject) {
    const auto solver = subject.make<Solver>();
    const auto [rate, drive] = inputs({2, 3}, at::kFloat);
    const at::Tensor rate_before = rate.clone(), drive_before = drive.clone();
    const at::Tensor first = solver->step(rate, drive, calm(*solver)).clone();
    solver->step(uniform(99, {4}), uniform(98, {4}), by(0.5, 3.0));
    expect(same_bits(solver->step(rate, drive, calm(*solver)), first), "the same inputs give another result later");
    expect(same_bits(rate, rate_before) && same_bits(drive, drive_before), "it changes its inputs");
}

}  // namespace

void check_solver(const Subject& subject, Checks& check) {
    check("solver.keeps_shape_and_dtype", [&] { keeps_shape_and_dtype(subject); });
    check("solver.an_absent_input_counts_as_zero", [&] { an_absent_input_counts_as_zero(subject); });
    check("solver.rests_where_drive_equals_rate", [&] { rests_where_drive_equals_rate(subject); });
    check("solver.gradients_are_right", [&] { gradients_are_right(subject); });
    check("solver.a_trained_tau_gives_the_same_step", [&] { a_trained_tau_gives_the_same_step(subject); });
    check("solver.affine_agrees_with_step", [&] { affine_agrees_with_step(subject); });
    check("solver.order_is_as_stated", [&] { order_is_as_stated(subject); });
    check("solver.stability_limit_is_where_it_says", [&] { stability_limit_is_where_it_says(subject); });
    check("solver.tableau_is_consistent", [&] { tableau_is_consistent(subject); });
    check("solver.tableau_has_its_order", [&] { tableau_has_its_order(subject); });
    check("solver.keeps_no_state", [&] { keeps_no_state(subject); });
    check("solver.has_an_equation", [&] {
        const auto solver = subject.make<Solver>();
        expect(!solver->equation(calm(*solver)).empty(), "equation() is empty");
    });
}

}  // namespace dv::testing
