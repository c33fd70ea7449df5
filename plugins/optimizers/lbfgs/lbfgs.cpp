#include "flat.hpp"
#include "memory.hpp"
#include "strong_wolfe.hpp"

#include <dv/torch/optimizer.hpp>

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace {

using dv::lbfgs::Flat;
using dv::lbfgs::Memory;
using dv::lbfgs::Point;

enum class LineSearch { none, strong_wolfe };

/// L-BFGS (Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.5), as PyTorch has it: up to max_iter times per step,
/// down the gradient times an inverse Hessian that is estimated from the last history_size iterations.
struct Lbfgs final : dv::Optimizer {
    std::int64_t max_iter = 0, history_size = 0;
    std::optional<std::int64_t> max_eval;
    double tolerance_grad = 0.0, tolerance_change = 0.0;
    LineSearch line_search_fn = LineSearch::none;
    static constexpr auto params =
        dv::schema(dv::p("lr", &Lbfgs::lr, 1.0, "learning rate: length of a step, or of the line search's first",
                         dv::at_least{0.0}),
                   dv::p("max_iter", &Lbfgs::max_iter, 20, "iterations per step", dv::at_least{1}),
                   dv::p("max_eval", &Lbfgs::max_eval, dv::unset,
                         "evaluations of the loss per step; absent: 5/4 of max_iter", dv::at_least{1}),
                   dv::p("tolerance_grad", &Lbfgs::tolerance_grad, 1e-7, "a step ends when no gradient is larger",
                         dv::at_least{0.0}),
                   dv::p("tolerance_change", &Lbfgs::tolerance_change, 1e-9,
                         "a step ends when loss or weights change by less", dv::at_least{0.0}),
                   dv::p("history_size", &Lbfgs::history_size, 100,
                         "how many iterations the inverse Hessian is estimated from", dv::at_least{1}),
                   dv::p("line_search_fn", &Lbfgs::line_search_fn, LineSearch::none,
                         "how long each iteration goes: lr, or searched for", dv::choices{"none", "strong_wolfe"}));

    void build(std::span<const dv::NamedTensor> trainable) override {
        Optimizer::build(trainable);
        flat_ = Flat(groups_.front().parameters);
        memory_ = Memory();
    }
    bool needs_closure() const override { return true; }
    void step() override {
        throw dv::Error(
            "lbfgs evaluates the loss several times a step and needs a closure for it; it cannot be stepped from "
            "gradients "
            "alone (manual optimization: step it with a closure)");
    }
    void step_with(const Closure& closure) override;

    std::vector<dv::OptimizerState> state() const override { return memory_.list(flat_); }
    void load_state(std::span<const dv::OptimizerState> states) override { memory_ = Memory::from(states, flat_); }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        return {{"lr", {groups_.at(group).lr}},
                {"max_iter", {static_cast<double>(max_iter)}},
                {"max_eval", {static_cast<double>(evaluations_allowed())}},
                {"tolerance_grad", {tolerance_grad}},
                {"tolerance_change", {tolerance_change}},
                {"history_size", {static_cast<double>(history_size)}},
                {"line_search_fn", line_search_fn == LineSearch::none ? std::vector<double>{} : std::vector<double>{1.0}}};
    }

private:
    void step_group(dv::ParameterGroup&) override {}  // step_with() sees to the only group
    std::int64_t evaluations_allowed() const { return max_eval.value_or(max_iter * 5 / 4); }

    /// Loss and gradient at the parameters as they are.
    Point evaluate(const Closure& closure, double t = 0.0) {
        const at::AutoGradMode with_gradients(true);
        const double loss = closure().detach().item<double>();
        ++memory_.func_evals;
        ++n_evaluations_;
        return {t, loss, flat_.gradient(), 0.0};
    }
    bool is_minimum(const Point& p) const { return p.gradient.abs().max().item<double>() <= tolerance_grad; }
    at::Tensor next_direction(const at::Tensor& gradient);
    /// Goes along the direction and returns where it arrived; nothing when no evaluation followed.
    std::optional<Point> advance(const Closure& closure, const Point& from, double t, bool is_last);
    Point search(const Closure& closure, const Point& from, double t);
    bool has_stalled(double loss) const {
        return memory_.direction.mul(memory_.t).abs().max().item<double>() <= tolerance_change ||
               std::abs(loss - memory_.previous_loss) < tolerance_change;
    }

    Flat flat_;
    Memory memory_;
    std::int64_t n_evaluations_ = 0;  // of the step in hand
};

void Lbfgs::step_with(const Closure& closure) {
    const c10::NoGradGuard parameters_are_leaves;
    n_evaluations_ = 0;
    Point now = evaluate(closure);
    if (is_minimum(now)) return;
    for (std::int64_t i = 1; i <= max_iter; ++i) {
        ++memory_.n_iter;
        memory_.direction = next_direction(now.gradient);
        memory_.previous_gradient = now.gradient.clone();
        memory_.previous_loss = now.loss;
        memory_.t = groups_.front().lr;
        if (memory_.n_iter == 1) memory_.t *= std::min(1.0, 1.0 / now.gradient.abs().sum().item<double>());
        now.slope = now.gradient.dot(memory_.direction).item<double>();
        if (now.slope > -tolerance_change) return;

        const std::optional<Point> next = advance(closure, now, memory_.t, i == max_iter);
        if (i == max_iter || n_evaluations_ >= evaluations_allowed()) return;
        now = *next;
        if (is_minimum(now) || has_stalled(now.loss)) return;
    }
}

at::Tensor Lbfgs::next_direction(const at::Tensor& gradient) {
    if (memory_.n_iter == 1) return gradient.neg();
    memory_.history.add(gradient.sub(memory_.previous_gradient), memory_.direction.mul(memory_.t),
                        static_cast<std::size_t>(history_size));
    return memory_.history.direction(gradient);
}

std::optional<Point> Lbfgs::advance(const Closure& closure, const Point& from, double t, bool is_last) {
    if (line_search_fn == LineSearch::strong_wolfe) {
        Point found = search(closure, from, t);
        memory_.t = found.t;
        flat_.add(memory_.direction, found.t);
        return found;
    }
    flat_.add(memory_.direction, t);
    if (is_last) return std::nullopt;  // the batch will be another one by then
    return evaluate(closure);
}

Point Lbfgs::search(const Closure& closure, const Point& from, double t) {
    const std::vector<at::Tensor> start = flat_.values();
    const dv::lbfgs::Search line{
        .direction = memory_.direction, .first_t = t, .max_evaluations = evaluations_allowed() - n_evaluations_};
    return dv::lbfgs::strong_wolfe(line, from, [&](double at) {
        flat_.add(memory_.direction, at);
        Point point = evaluate(closure, at);
        point.slope = point.gradient.dot(memory_.direction).item<double>();
        flat_.set(start);
        return point;
    });
}

}  // namespace

DV_COMPONENT(Lbfgs, "dvhost.optimizer.lbfgs", "L-BFGS (Liu and Nocedal 1989), with or without a line search");
