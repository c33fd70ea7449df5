#include <dv/torch/optimizer.hpp>

#include <algorithm>

namespace dv {

namespace {

constexpr std::string_view kRegular = "regular";

std::string key_of(std::size_t rule, std::string_view part) {
    return "groups." + std::to_string(rule) + "." + std::string(part);
}

/// Up to five names, so that the reader sees how parameters are called here.
std::string some_names(std::span<const NamedTensor> tensors) {
    constexpr std::size_t kShown = 5;
    std::string text;
    for (std::size_t i = 0; i < std::min(kShown, tensors.size()); ++i) {
        text += (i == 0 ? "'" : ", '") + tensors[i].name + "'";
    }
    if (tensors.size() > kShown) text += " and " + std::to_string(tensors.size() - kShown) + " more";
    return text;
}

std::size_t first_fit(std::span<const GroupRule> rules, std::string_view name) {
    const auto fits = [&](const GroupRule& rule) { return matches(rule.match, name); };
    return static_cast<std::size_t>(std::find_if(rules.begin(), rules.end(), fits) - rules.begin());
}

void refuse_equal_names(std::span<const ParameterGroup> groups) {
    for (std::size_t i = 1; i < groups.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (groups[i].name != groups[j].name) continue;
            throw ParameterError(key_of(i - 1, "name"),
                                 "is '" + groups[i].name +
                                     "', which another group has already; give each its own name "
                                     "('regular' is the group of all other parameters)");
        }
    }
}

/// Why `rule` got no parameter: its pattern fits none, or earlier rules took all that it fits.
std::string why_empty(std::span<const GroupRule> rules, std::size_t rule, std::span<const NamedTensor> trainable) {
    const std::string pattern = "'" + key_of(rule, "match") + "' is '" + rules[rule].match + "'";
    for (const NamedTensor& parameter : trainable) {
        if (!matches(rules[rule].match, parameter.name)) continue;
        const std::size_t taker = first_fit(rules, parameter.name);
        return pattern + ", and all that it fits is taken by earlier groups ('" + parameter.name + "' by " +
               key_of(taker, "match") + " = '" + rules[taker].match + "'); put the narrower pattern first";
    }
    return pattern + ", which fits no trainable parameter; there are " + some_names(trainable);
}

}  // namespace

void Optimizer::build(std::span<const NamedTensor> all) {
    std::vector<NamedTensor> trainable;
    for (const NamedTensor& tensor : all) {
        if (tensor.trainable) trainable.push_back(tensor);
    }
    if (trainable.empty()) throw Error("there is nothing to optimize: the model has no trainable parameter");

    // "regular" first, as the one that is nearly always there; then the rules in their order.
    groups_.assign(1, {std::string(kRegular), lr, lr, weight_decay, {}});
    for (const GroupRule& rule : rules) {
        const double rate = rule.lr.value_or(lr * rule.lr_factor);
        groups_.push_back(
            {rule.name.empty() ? rule.match : rule.name, rate, rate, rule.weight_decay.value_or(weight_decay), {}});
    }
    refuse_equal_names(groups_);

    for (const NamedTensor& parameter : trainable) {
        const std::size_t rule = first_fit(rules, parameter.name);
        groups_[rule == rules.size() ? 0 : rule + 1].parameters.push_back(parameter);
    }
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (groups_[i + 1].parameters.empty()) warn(why_empty(rules, i, trainable) + "; the group is left out");
    }
    std::erase_if(groups_, [](const ParameterGroup& group) { return group.parameters.empty(); });
}

void Optimizer::zero_grad() {
    for (const ParameterGroup& group : groups_) {
        for (const NamedTensor& parameter : group.parameters) {
            if (parameter.tensor.grad().defined()) parameter.tensor.mutable_grad().reset();
        }
    }
}

// --- The plugin's side of the door ------------------------------------------------------------------------------------

dv_status OptimizerDoor::groups(const abi::v1::GroupView** out, std::uint64_t* n) noexcept {
    return guarded("groups", [&] {
        groups_ = optimizer_.groups();
        lent_parameters_.clear();
        lent_groups_.clear();
        for (const ParameterGroup& group : groups_) lent_parameters_.push_back(detail::borrow(group.parameters));
        for (std::size_t i = 0; i < groups_.size(); ++i) {
            const ParameterGroup& group = groups_[i];
            lent_groups_.push_back({detail::borrow(group.name), group.base_lr, group.lr, group.weight_decay,
                                    lent_parameters_[i].data(), lent_parameters_[i].size()});
        }
        *out = lent_groups_.data();
        *n = lent_groups_.size();
    });
}

dv_status OptimizerDoor::state(const abi::v1::OptimizerState** out, std::uint64_t* n) noexcept {
    return guarded("state", [&] {
        states_ = optimizer_.state();
        lent_states_.clear();
        for (const OptimizerState& s : states_) lent_states_.push_back({s.parameter, detail::borrow(s.key), s.tensor});
        *out = lent_states_.data();
        *n = lent_states_.size();
    });
}

dv_status OptimizerDoor::load_state(const abi::v1::OptimizerState* states, std::uint64_t n) noexcept {
    return guarded("load_state", [&] {
        std::vector<OptimizerState> owned;
        owned.reserve(n);
        for (std::uint64_t i = 0; i < n; ++i) {
            owned.push_back({states[i].parameter, std::string(detail::view(states[i].key)), states[i].tensor});
        }
        optimizer_.load_state(owned);
    });
}

dv_status OptimizerDoor::options(std::uint64_t group, const abi::v1::GroupOption** out, std::uint64_t* n) noexcept {
    return guarded("options", [&] {
        options_ = optimizer_.options(group);
        lent_options_.clear();
        for (const GroupOption& o : options_) {
            lent_options_.push_back({detail::borrow(o.key), o.values.data(),
                                     static_cast<std::uint32_t>(o.values.size()), o.is_flag ? 1 : 0});
        }
        *out = lent_options_.data();
        *n = lent_options_.size();
    });
}

dv_status OptimizerDoor::step_with(abi::v1::IClosure& closure) noexcept {
    return guarded("step", [&] {
        optimizer_.step_with([&] {
            at::Tensor loss;
            detail::check(optimizer_.host, closure.call(loss));
            return loss;
        });
    });
}

// --- The caller's side ------------------------------------------------------------------------------------------------

std::vector<ParameterGroup> OptimizerProxy::groups() const {
    const abi::v1::GroupView* views = nullptr;
    std::uint64_t n = 0;
    detail::check(host, door_.groups(&views, &n));
    std::vector<ParameterGroup> groups;
    groups.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        const abi::v1::GroupView& view = views[i];
        groups.push_back({std::string(detail::view(view.name)), view.base_lr, view.lr, view.weight_decay,
                          detail::own(view.parameters, view.n_parameters)});
    }
    return groups;
}

std::vector<OptimizerState> OptimizerProxy::state() const {
    const abi::v1::OptimizerState* views = nullptr;
    std::uint64_t n = 0;
    detail::check(host, door_.state(&views, &n));
    std::vector<OptimizerState> states;
    states.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        states.push_back({views[i].parameter, std::string(detail::view(views[i].key)), views[i].tensor});
    }
    return states;
}

void OptimizerProxy::load_state(std::span<const OptimizerState> states) {
    std::vector<abi::v1::OptimizerState> lent;
    lent.reserve(states.size());
    for (const OptimizerState& s : states) lent.push_back({s.parameter, detail::borrow(s.key), s.tensor});
    detail::check(host, door_.load_state(lent.data(), lent.size()));
}

std::vector<GroupOption> OptimizerProxy::options(std::size_t group) const {
    const abi::v1::GroupOption* views = nullptr;
    std::uint64_t n = 0;
    detail::check(host, door_.options(group, &views, &n));
    std::vector<GroupOption> options;
    options.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        options.push_back({std::string(detail::view(views[i].key)),
                           {views[i].values, views[i].values + views[i].n_values},
                           views[i].is_flag != 0});
    }
    return options;
}

namespace {

class ClosureDoor final : public abi::v1::IClosure {
public:
    ClosureDoor(const Optimizer::Closure& closure, const dv_host* host) : closure_(closure), host_(host) {}
    dv_status call(at::Tensor& loss) noexcept override {
        return detail::torch_guard(host_, "closure", [&] { loss = closure_(); });
    }

private:
    const Optimizer::Closure& closure_;
    const dv_host* host_;
};

}  // namespace

void OptimizerProxy::step_with(const Closure& closure) {
    ClosureDoor lent(closure, host);
    detail::check(host, door_.step_with(lent));
}

}  // namespace dv
