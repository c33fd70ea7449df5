// Optimizers and strategies that break one promise each; the suites must notice. `Momentum` and `Alone` break none.
#include <dv/torch/optimizer.hpp>
#include <dv/torch/strategy.hpp>

#include <ATen/ops/rand_like.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

namespace {

/// Gradient descent with momentum.
struct Momentum : dv::Optimizer {
    static constexpr auto params =
        dv::schema(dv::p("lr", &Momentum::lr, 0.01, "learning rate", dv::above{0.0}),
                   dv::p("groups", &Momentum::rules, dv::empty, "parameters with other rates, by name pattern"));

    std::map<std::int64_t, at::Tensor> velocity;

    void step() override {
        const c10::NoGradGuard parameters_are_leaves;
        std::int64_t i = 0;
        for (dv::ParameterGroup& group : groups_) {
            for (const dv::NamedTensor& p : group.parameters) move(group, p.tensor, i++);
        }
    }
    virtual void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t i) {
        if (!p.grad().defined()) return;
        at::Tensor& v = velocity[i];
        v = v.defined() ? v.mul(0.9).add(p.grad()) : p.grad().clone();
        p.sub_(v.mul(group.lr));
    }
    std::vector<dv::OptimizerState> state() const override {
        std::vector<dv::OptimizerState> out;
        for (const auto& [i, v] : velocity) out.push_back({i, "momentum_buffer", v});
        return out;
    }
    void load_state(std::span<const dv::OptimizerState> states) override {
        for (const dv::OptimizerState& s : states) velocity[s.parameter] = s.tensor.clone();
    }
    std::vector<dv::GroupOption> options(std::size_t group) const override {
        return {{.key = "lr", .values = {groups_.at(group).lr}}, {.key = "momentum", .values = {0.9}}};
    }

protected:
    void step_group(dv::ParameterGroup&) override {}
};
DV_COMPONENT(Momentum, "test.optimizer.momentum", "Breaks no promise");

struct Climbs final : Momentum {
    void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t) override {
        if (p.grad().defined()) p.add_(p.grad().mul(group.lr));
    }
};
DV_COMPONENT(Climbs, "test.optimizer.climbs", "Goes uphill");

struct Decays final : Momentum {
    void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t i) override {
        p.mul_(1.0 - 0.1 * group.lr);
        Momentum::move(group, p, i);
    }
};
DV_COMPONENT(Decays, "test.optimizer.decays", "Moves parameters that have no gradient");

struct KeepsGradients final : Momentum {
    void zero_grad() override {
        for (const dv::ParameterGroup& group : groups_) {
            for (const dv::NamedTensor& p : group.parameters) {
                if (p.tensor.grad().defined()) p.tensor.grad().zero_();
            }
        }
    }
};
DV_COMPONENT(KeepsGradients, "test.optimizer.keeps_gradients", "Fills gradients with zeros instead of dropping them");

struct IgnoresRate final : Momentum {
    void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t i) override {
        dv::ParameterGroup fixed = group;
        fixed.lr = 0.01;
        Momentum::move(fixed, p, i);
    }
};
DV_COMPONENT(IgnoresRate, "test.optimizer.ignores_rate", "Ignores a new learning rate");

struct Splits final : Momentum {
    void build(std::span<const dv::NamedTensor> trainable) override {
        for (const dv::NamedTensor& p : trainable) groups_.push_back({p.name, lr, lr, 0.0, {p}});
    }
};
DV_COMPONENT(Splits, "test.optimizer.splits", "Makes a group of each parameter");

struct NoRules final : Momentum {
    void build(std::span<const dv::NamedTensor> trainable) override {
        groups_ = {{"regular", lr, lr, 0.0, {trainable.begin(), trainable.end()}}};
    }
};
DV_COMPONENT(NoRules, "test.optimizer.no_rules", "Has `groups` and ignores them");

struct Forgets final : Momentum {
    void load_state(std::span<const dv::OptimizerState>) override {}
};
DV_COMPONENT(Forgets, "test.optimizer.forgets", "Does not take its state back");

struct Borrows final : Momentum {
    void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t i) override {
        if (!p.grad().defined()) return;
        at::Tensor& v = velocity[i];
        if (!v.defined()) v = at::zeros_like(p);
        v.mul_(0.9).add_(p.grad());
        p.sub_(v.mul(group.lr));
    }
    void load_state(std::span<const dv::OptimizerState> states) override {
        for (const dv::OptimizerState& s : states) velocity[s.parameter] = s.tensor;
    }
};
DV_COMPONENT(Borrows, "test.optimizer.borrows", "Keeps the caller's tensors as its state");

struct Deaf final : Momentum {
    void set_momentum(std::size_t, double) override {}
};
DV_COMPONENT(Deaf, "test.optimizer.deaf", "Accepts another momentum and does not take it");

struct Shakes final : Momentum {
    void move(const dv::ParameterGroup& group, const at::Tensor& p, std::int64_t i) override {
        Momentum::move(group, p, i);
        if (p.grad().defined()) p.sub_(at::rand_like(p).mul(group.lr));
    }
};
DV_COMPONENT(Shakes, "test.optimizer.shakes", "Adds noise of its own");

struct Nameless final : Momentum {
    std::vector<dv::GroupOption> options(std::size_t) const override { return {{.key = "momentum", .values = {0.9}}}; }
};
DV_COMPONENT(Nameless, "test.optimizer.nameless", "Does not tell its learning rate");

// ---- Strategies
// --------------------------------------------------------------------------------------------------------

struct Alone : dv::Strategy {
    c10::Device where{c10::kCPU};
    void connect(c10::Device device) override { where = device; }
    dv::Rank rank() const override { return {}; }
    c10::Device device() const override { return where; }
    void setup(std::span<const dv::NamedTensor>) override {}
    dv::Batch to_device(const dv::Batch& batch) const override { return batch; }
    void backward(const at::Tensor& loss, dv::GradientSync) override { loss.backward(); }
    at::Tensor reduce(const at::Tensor& value, dv::Reduction) override { return value; }
    void barrier() override {}
};
DV_COMPONENT(Alone, "test.strategy.alone", "Breaks no promise");

struct Misplaced final : Alone {
    dv::Rank rank() const override { return {.global = 1, .local = 1, .node = 0, .world_size = 1}; }
};
DV_COMPONENT(Misplaced, "test.strategy.misplaced", "Has rank 1 of 1");

struct Resets final : Alone {
    void setup(std::span<const dv::NamedTensor> tensors) override {
        for (const dv::NamedTensor& t : tensors) t.tensor.set_data(at::zeros_like(t.tensor));
    }
};
DV_COMPONENT(Resets, "test.strategy.resets", "Zeroes the parameters on setup");

struct DropsTime final : Alone {
    dv::Batch to_device(const dv::Batch& batch) const override {
        dv::Batch moved = batch;
        moved.frames = dv::Sequence::of(batch.frames.frames);
        return moved;
    }
};
DV_COMPONENT(DropsTime, "test.strategy.drops_time", "Loses when frames are shown");

struct Overwrites final : Alone {
    std::vector<dv::NamedTensor> parameters;
    void setup(std::span<const dv::NamedTensor> tensors) override { parameters.assign(tensors.begin(), tensors.end()); }
    void backward(const at::Tensor& loss, dv::GradientSync) override {
        for (const dv::NamedTensor& p : parameters) p.tensor.mutable_grad().reset();
        loss.backward();
    }
};
DV_COMPONENT(Overwrites, "test.strategy.overwrites", "Does not add to the gradients that are there");

struct Halves final : Alone {
    at::Tensor reduce(const at::Tensor& value, dv::Reduction how) override {
        return how == dv::Reduction::mean ? value.div(2.0) : value;
    }
};
DV_COMPONENT(Halves, "test.strategy.halves", "Takes its group of one for two");

struct NoEnd final : Alone {
    void teardown() override { throw dv::Error("the group cannot be left"); }
};
DV_COMPONENT(NoEnd, "test.strategy.no_end", "Cannot be torn down");

}  // namespace
