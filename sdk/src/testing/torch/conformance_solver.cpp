#include "suites.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

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
    expect_close(solver->step({}, drive, step), solver->step(at::zeros_like(drive), drive, step), 1e-12,
                 "an undefined rate and a rate of zeros");
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
    expect(std::abs(measured - solver->order()) < 0.3, "halving dt divides the error of dr/dt = -r by 2^", measured,
           ", but order() is ", solver->order());
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
    check("solver.keeps_no_state", [&] { keeps_no_state(subject); });
    check("solver.has_an_equation", [&] {
        const auto solver = subject.make<Solver>();
        expect(!solver->equation(calm(*solver)).empty(), "equation() is empty");
    });
}

}  // namespace dv::testing
