#pragma once
/// Kind dv.optimizer (torch): turns gradients into new weights.
///
/// The base sorts parameters into groups by name pattern and keeps the learning rates; a plugin says how one group steps and what
/// state it has. State is laid out as PyTorch's optimizer of the same name has it, so checkpoints can be exchanged.

#include <dv/torch/kind.hpp>
#include <dv/torch/parameters.hpp>

#include <functional>
#include <map>
#include <utility>

namespace dv {

/// groups = [{ name = "recurrence", match = "*.recurrence.*", lr_factor = 0.2 }]
struct GroupRule {
    std::string name;
    std::string match;
    std::optional<double> lr;
    double lr_factor = 1.0;
    std::optional<double> weight_decay;
    static constexpr auto params = schema(
        p("name", &GroupRule::name, "", "name in logs; empty: the pattern"),
        p("match", &GroupRule::match, "", "glob over parameter names; the first group that fits takes the parameter", required),
        p("lr", &GroupRule::lr, unset, "learning rate of the group; overrides lr_factor", above{0.0}),
        p("lr_factor", &GroupRule::lr_factor, 1.0, "learning rate relative to the optimizer's", at_least{0.0}),
        p("weight_decay", &GroupRule::weight_decay, unset, "weight decay of the group; absent: the optimizer's", at_least{0.0}));
};

struct ParameterGroup {
    std::string name;
    double base_lr = 0.0;       ///< before schedules
    double lr = 0.0;            ///< now
    double weight_decay = 0.0;
    std::vector<NamedTensor> parameters;
};

/// One tensor of optimizer state: of the parameter with this index (counted over all groups), under PyTorch's key.
struct OptimizerState {
    std::int64_t parameter = 0;
    std::string key;  ///< "step", "exp_avg", "momentum_buffer", ...
    at::Tensor tensor;
};
/// A group's options as PyTorch's param_groups lists them: "lr", "betas" (two values), "weight_decay", ...
struct GroupOption {
    std::string key;
    std::vector<double> values;
    bool is_flag = false;  ///< written as a bool
};

namespace abi::v1 {
struct GroupView {
    dv_str name;
    double base_lr, lr, weight_decay;
    const NamedTensor* parameters;
    std::uint64_t n_parameters;
};
struct OptimizerState {
    std::int64_t parameter;
    dv_str key;
    at::Tensor tensor;
};
struct GroupOption {
    dv_str key;
    const double* values;
    std::uint32_t n_values;
    std::int32_t is_flag;
};
struct IClosure {
    virtual dv_status call(at::Tensor& loss) noexcept = 0;

protected:
    ~IClosure() = default;
};
struct IOptimizer {
    virtual dv_status build(const NamedTensor* trainable, std::uint64_t n) noexcept = 0;
    virtual dv_status step() noexcept = 0;
    virtual dv_status zero_grad() noexcept = 0;
    virtual dv_status groups(const GroupView** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status set_lr(std::uint64_t group, double lr) noexcept = 0;
    virtual dv_status state(const OptimizerState** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status load_state(const OptimizerState* states, std::uint64_t n) noexcept = 0;
    virtual dv_status options(std::uint64_t group, const GroupOption** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status set_momentum(std::uint64_t group, double momentum) noexcept = 0;
    virtual dv_status needs_closure(std::int32_t* out) noexcept = 0;
    virtual dv_status step_with(IClosure& closure) noexcept = 0;

protected:
    ~IOptimizer() = default;
};
}  // namespace abi::v1

class OptimizerDoor;
class OptimizerProxy;

struct Optimizer : TorchKind<Optimizer, abi::v1::IOptimizer, OptimizerDoor, OptimizerProxy> {
    static constexpr const char* dv_iface = "dv.optimizer";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Members every optimizer declares in its `params`: dv::p("lr", &Adam::lr, 1e-3, ...), dv::p("groups", &Adam::rules, dv::empty, ...).
    double lr = 1e-3;
    double weight_decay = 0.0;
    std::vector<GroupRule> rules;

    /// Sorts the trainable tensors into groups: each joins the first rule whose pattern fits its name, else "regular". A rule that
    /// gets nothing is warned of and makes no group. Throws ParameterError when two groups have one name, Error when nothing is
    /// trainable. Once, on the tensors' final device. [main]
    virtual void build(std::span<const NamedTensor> trainable);
    /// One update from the .grad of each parameter; parameters without one are left alone. [step]
    virtual void step() {
        for (std::size_t i = 0; i < groups_.size(); ++i) step_group(groups_[i]);
    }
    /// Computes the loss of the batch in hand and its gradients anew; the loss, 0-dim.
    using Closure = std::function<at::Tensor()>;
    /// True for an optimizer that evaluates the loss several times per step (LBFGS); it is then stepped with step_with() only.
    virtual bool needs_closure() const { return false; }
    /// One update; gradients of the first evaluation are there already. [step]
    virtual void step_with(const Closure& closure) { (void)closure, step(); }
    /// Drops all gradients (they are made anew by the next backward pass). [step]
    virtual void zero_grad();

    virtual std::vector<ParameterGroup> groups() const { return groups_; }
    virtual void set_lr(std::size_t group, double value) { groups_.at(group).lr = value; }
    /// Momentum (SGD) or first beta (Adam) of a group from the next step on. Throws Error if there is no such thing.
    virtual void set_momentum(std::size_t group, double value) {
        (void)group, (void)value;
        throw Error("this optimizer has neither momentum nor betas that a schedule could change");
    }

    /// State tensors in the order of the parameters. [main]
    virtual std::vector<OptimizerState> state() const = 0;
    /// Takes over state written by state(), copying onto each parameter's device. [main]
    virtual void load_state(std::span<const OptimizerState> states) = 0;
    virtual std::vector<GroupOption> options(std::size_t group) const = 0;

protected:
    virtual void step_group(ParameterGroup& group) = 0;
    std::vector<ParameterGroup> groups_;
};

class OptimizerDoor final : public abi::v1::IOptimizer {
public:
    explicit OptimizerDoor(Optimizer& optimizer) : optimizer_(optimizer) {}
    dv_status build(const abi::v1::NamedTensor* trainable, std::uint64_t n) noexcept override {
        return guarded("build", [&] { optimizer_.build(detail::own(trainable, n)); });
    }
    dv_status step() noexcept override {
        return guarded("step", [&] { optimizer_.step(); });
    }
    dv_status zero_grad() noexcept override {
        return guarded("zero_grad", [&] { optimizer_.zero_grad(); });
    }
    dv_status groups(const abi::v1::GroupView** out, std::uint64_t* n) noexcept override;
    dv_status set_lr(std::uint64_t group, double lr) noexcept override {
        return guarded("set_lr", [&] { optimizer_.set_lr(group, lr); });
    }
    dv_status state(const abi::v1::OptimizerState** out, std::uint64_t* n) noexcept override;
    dv_status load_state(const abi::v1::OptimizerState* states, std::uint64_t n) noexcept override;
    dv_status options(std::uint64_t group, const abi::v1::GroupOption** out, std::uint64_t* n) noexcept override;
    dv_status set_momentum(std::uint64_t group, double momentum) noexcept override {
        return guarded("set_momentum", [&] { optimizer_.set_momentum(group, momentum); });
    }
    dv_status needs_closure(std::int32_t* out) noexcept override {
        return guarded("needs_closure", [&] { *out = optimizer_.needs_closure() ? 1 : 0; });
    }
    dv_status step_with(abi::v1::IClosure& closure) noexcept override;

private:
    template <class Body>
    dv_status guarded(const char* hook, Body&& body) noexcept {
        return detail::torch_guard(optimizer_.host, hook, std::forward<Body>(body));
    }
    Optimizer& optimizer_;
    std::vector<ParameterGroup> groups_;
    std::vector<std::vector<abi::v1::NamedTensor>> lent_parameters_;
    std::vector<abi::v1::GroupView> lent_groups_;
    std::vector<OptimizerState> states_;
    std::vector<abi::v1::OptimizerState> lent_states_;
    std::vector<GroupOption> options_;
    std::vector<abi::v1::GroupOption> lent_options_;
};

class OptimizerProxy final : public Optimizer {
public:
    OptimizerProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IOptimizer>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void build(std::span<const NamedTensor> trainable) override {
        const auto lent = detail::borrow(trainable);
        detail::check(host, door_.build(lent.data(), lent.size()));
    }
    void step() override { detail::check(host, door_.step()); }
    void zero_grad() override { detail::check(host, door_.zero_grad()); }
    std::vector<ParameterGroup> groups() const override;
    void set_lr(std::size_t group, double value) override { detail::check(host, door_.set_lr(group, value)); }
    std::vector<OptimizerState> state() const override;
    void load_state(std::span<const OptimizerState> states) override;
    std::vector<GroupOption> options(std::size_t group) const override;
    void set_momentum(std::size_t group, double value) override { detail::check(host, door_.set_momentum(group, value)); }
    bool needs_closure() const override {
        std::int32_t out = 0;
        detail::check(host, door_.needs_closure(&out));
        return out != 0;
    }
    void step_with(const Closure& closure) override;

protected:
    void step_group(ParameterGroup&) override {}  // step() goes through the door as a whole

private:
    detail::Imported imported_;
    abi::v1::IOptimizer& door_;
};

}  // namespace dv
