#include "suites.hpp"

#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace dv::testing {
namespace {

/// A problem with a known minimum: the sum of (p − target)² over three parameters.
struct Quadratic {
    std::vector<NamedTensor> parameters;
    std::vector<at::Tensor> targets;

    Quadratic() {
        add("conv.weight", {2, 3}, 51);
        add("conv.bias", {3}, 52);
        add("readout.weight", {4}, 53);
    }
    void add(std::string name, std::vector<std::int64_t> shape, std::uint64_t key) {
        at::Tensor p = uniform(key, shape);
        targets.push_back(uniform(key + 100, shape).add(2.0));
        p.requires_grad_();
        parameters.push_back({std::move(name), p, true});
    }
    at::Tensor value() const {
        at::Tensor sum = parameters[0].tensor.sub(targets[0]).square().sum();
        for (std::size_t i = 1; i < parameters.size(); ++i) {
            sum = sum.add(parameters[i].tensor.sub(targets[i]).square().sum());
        }
        return sum;
    }
    std::vector<at::Tensor> snapshot() const {
        std::vector<at::Tensor> out;
        for (const NamedTensor& p : parameters) out.push_back(p.tensor.detach().clone());
        return out;
    }
    void take(const Quadratic& other) {
        const c10::NoGradGuard values_only;
        for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].tensor.copy_(other.parameters[i].tensor);
    }
};

/// One step from the gradients of `loss`; of no loss, from none.
void step(Optimizer& optimizer, const std::function<at::Tensor()>& loss) {
    const auto evaluate = [&] {
        optimizer.zero_grad();
        const at::Tensor value = loss ? loss() : at::zeros({});
        if (loss) value.backward();
        return value;
    };
    evaluate();
    optimizer.needs_closure() ? optimizer.step_with(evaluate) : optimizer.step();
}

void train(Optimizer& optimizer, const Quadratic& problem, int n_steps) {
    for (int i = 0; i < n_steps; ++i) step(optimizer, [&] { return problem.value(); });
}

std::shared_ptr<Optimizer> built(const Subject& subject, const Quadratic& problem) {
    auto optimizer = subject.make<Optimizer>();
    optimizer->build(problem.parameters);
    return optimizer;
}

bool unchanged(const Quadratic& problem, const std::vector<at::Tensor>& before) {
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (!same_bits(problem.parameters[i].tensor, before[i])) return false;
    }
    return true;
}

void descends(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    const double before = problem.value().item<double>();
    train(*optimizer, problem, 100);
    const double after = problem.value().item<double>();
    expect(std::isfinite(after) && after < before, "100 steps down a quadratic bowl lead from ", before, " to ", after);
    for (const NamedTensor& p : problem.parameters) {
        expect(p.tensor.is_leaf() && p.tensor.requires_grad(), "after its steps '", p.name,
               "' is no trainable leaf any more");
    }
}

void without_a_gradient_nothing_moves(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    const auto before = problem.snapshot();
    step(*optimizer, {});
    expect(unchanged(problem, before), "step() moves parameters that have no gradient");
    step(*optimizer, [&] { return problem.parameters[0].tensor.square().sum(); });
    expect(!same_bits(problem.parameters[0].tensor, before[0]), "'", problem.parameters[0].name,
           "' has a gradient and is not moved");
    expect(same_bits(problem.parameters[1].tensor, before[1]), "'", problem.parameters[1].name,
           "' has no gradient and is moved");
}

void zero_grad_drops_gradients(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    problem.value().backward();
    optimizer->zero_grad();
    for (const NamedTensor& p : problem.parameters) {
        expect(!p.tensor.grad().defined(), "after zero_grad() '", p.name, "' still has a gradient tensor");
    }
}

void lr_zero_stands_still(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    for (std::size_t g = 0; g < optimizer->groups().size(); ++g) {
        optimizer->set_lr(g, 0.0);
        expect(optimizer->groups().at(g).lr == 0.0, "set_lr(", g, ", 0) is not seen in groups()");
    }
    const auto before = problem.snapshot();
    train(*optimizer, problem, 3);
    for (std::size_t i = 0; i < before.size(); ++i) {
        expect_close(problem.parameters[i].tensor, before[i], 0.0, "with a learning rate of 0 parameters move");
    }
}

void one_group_takes_all(const Subject& subject) {
    const Quadratic problem;
    const auto groups = built(subject, problem)->groups();
    expect(groups.size() == 1, "without `groups` there are ", groups.size(), " groups; one was expected");
    expect(groups[0].parameters.size() == problem.parameters.size(), "its group has ", groups[0].parameters.size(),
           " of ", problem.parameters.size(), " parameters");
    expect(groups[0].lr > 0.0 && groups[0].lr == groups[0].base_lr, "it starts with lr ", groups[0].lr, " and base_lr ",
           groups[0].base_lr);
}

/// Everything trainable goes to the optimizer; what is not, is left out.
void rules_make_groups(const Subject& subject) {
    const auto& parameters = subject.note().parameters;
    if (std::ranges::find(parameters, "groups", &ParameterNote::name) == parameters.end()) skip("it has no `groups`");
    const Quadratic problem;
    const auto optimizer =
        subject.make_with<Optimizer>({{"groups", list(Config{{"match", "*.bias"}, {"lr_factor", 0.5}})}});
    optimizer->build(problem.parameters);
    const auto groups = optimizer->groups();
    expect(groups.size() == 2, "one rule makes ", groups.size(), " groups; its own and one for the rest were expected");
    const auto with_bias = std::ranges::find_if(groups, [](const ParameterGroup& g) {
        return g.parameters.size() == 1 && g.parameters[0].name == "conv.bias";
    });
    expect(with_bias != groups.end(), "no group holds 'conv.bias' alone, which match = \"*.bias\" asks for");
    const auto& rest = with_bias == groups.begin() ? groups[1] : groups[0];
    expect(std::abs(with_bias->lr - 0.5 * rest.lr) < 1e-12, "lr_factor 0.5 gives lr ", with_bias->lr, " beside ",
           rest.lr);
    const auto idle = subject.make_with<Optimizer>({{"groups", list(Config{{"match", "no.such.*"}})}});
    idle->build(problem.parameters);
    expect(idle->groups().size() == 1, "a rule that fits no parameter makes a group of its own");
}

void state_continues_where_it_was(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    train(*optimizer, problem, 5);
    Quadratic copy;
    copy.take(problem);
    const auto restored = built(subject, copy);
    std::vector<OptimizerState> kept;
    for (const OptimizerState& s : optimizer->state()) {
        expect(!s.key.empty() && s.tensor.defined(), "a state tensor has no key or no value");
        const auto n = static_cast<std::int64_t>(problem.parameters.size());
        expect(s.parameter >= 0 && s.parameter < n, "state '", s.key, "' is of parameter ", s.parameter, " of ", n);
        kept.push_back({s.parameter, s.key, s.tensor.clone()});
    }
    train(*optimizer, problem, 5);
    restored->load_state(kept);
    train(*restored, copy, 5);
    expect(unchanged(copy, problem.snapshot()), "after load_state() it goes on differently than it would have");
}

void state_is_copied_in(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    train(*optimizer, problem, 2);
    std::vector<OptimizerState> kept;
    for (const OptimizerState& s : optimizer->state()) kept.push_back({s.parameter, s.key, s.tensor.clone()});
    if (kept.empty()) skip("it has no state");
    std::vector<at::Tensor> values;
    for (const OptimizerState& s : kept) values.push_back(s.tensor.clone());
    Quadratic other;
    const auto second = built(subject, other);
    second->load_state(kept);
    train(*second, other, 2);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        expect(same_bits(kept[i].tensor, values[i]), "after load_state() its steps change the caller's '", kept[i].key,
               "'; load_state() must copy");
    }
}

void equal_runs_are_equal(const Subject& subject) {
    const Quadratic one, two;
    const auto first = built(subject, one), second = built(subject, two);
    train(*first, one, 5);
    train(*second, two, 5);
    expect(unchanged(two, one.snapshot()), "two instances with the same gradients end elsewhere");
}

/// One that has neither momentum nor betas says so; the others show the new value where PyTorch has it.
void momentum_follows_a_schedule(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    const std::string refusal = refusal_of([&] { optimizer->set_momentum(0, 0.625); });
    if (!refusal.empty()) skip(refusal);
    for (const GroupOption& option : optimizer->options(0)) {
        if (option.key != "momentum" && option.key != "betas") continue;
        expect(!option.values.empty() && option.values[0] == 0.625, "set_momentum(0, 0.625) is not seen in its option '", option.key, "'");
        train(*optimizer, problem, 3);
        return;
    }
    expect(false, "set_momentum() is accepted, and options() has neither 'momentum' nor 'betas'");
}

void options_name_the_learning_rate(const Subject& subject) {
    const Quadratic problem;
    const auto optimizer = built(subject, problem);
    const auto options = optimizer->options(0);
    const auto lr = std::ranges::find(options, "lr", &GroupOption::key);
    expect(lr != options.end() && lr->values.size() == 1,
           "options() has no single 'lr', which PyTorch's param_groups have");
    expect(lr->values[0] == optimizer->groups()[0].lr, "options() says lr ", lr->values[0], ", groups() ",
           optimizer->groups()[0].lr);
}

}  // namespace

void check_optimizer(const Subject& subject, Checks& check) {
    check("optimizer.descends", [&] { descends(subject); });
    check("optimizer.without_a_gradient_nothing_moves", [&] { without_a_gradient_nothing_moves(subject); });
    check("optimizer.zero_grad_drops_gradients", [&] { zero_grad_drops_gradients(subject); });
    check("optimizer.lr_zero_stands_still", [&] { lr_zero_stands_still(subject); });
    check("optimizer.one_group_takes_all", [&] { one_group_takes_all(subject); });
    check("optimizer.rules_make_groups", [&] { rules_make_groups(subject); });
    check("optimizer.state_continues_where_it_was", [&] { state_continues_where_it_was(subject); });
    check("optimizer.state_is_copied_in", [&] { state_is_copied_in(subject); });
    check("optimizer.equal_runs_are_equal", [&] { equal_runs_are_equal(subject); });
    check("optimizer.momentum_follows_a_schedule", [&] { momentum_follows_a_schedule(subject); });
    check("optimizer.options_name_the_learning_rate", [&] { options_name_the_learning_rate(subject); });
}

}  // namespace dv::testing
