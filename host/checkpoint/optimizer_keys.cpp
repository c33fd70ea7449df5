#include "checkpoint/optimizer_keys.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace dvhost::checkpoint {

namespace {

using Pairs = PickleValue::Pairs;

PickleValue text(std::string s) { return {std::move(s)}; }
PickleValue integer(std::int64_t v) { return {v}; }

/// What torch.optim.LBFGS keeps otherwise than as a tensor: plain numbers, and lists that dv::OptimizerState stacks into one tensor. All
/// other optimizers keep tensors. Its scratch list `al` is made anew when it is missing. Source: torch/optim/lbfgs.py, 2.11.
enum class Form { tensor, whole, number, list };
Form form_of(std::string_view key) {
    if (key == "func_evals" || key == "n_iter") return Form::whole;
    if (key == "t" || key == "prev_loss") return Form::number;
    if (key == "old_dirs" || key == "old_stps" || key == "ro") return Form::list;
    return Form::tensor;
}

PickleValue state_value(const dv::OptimizerState& s) {
    switch (form_of(s.key)) {
        case Form::whole: return {s.tensor.item<std::int64_t>()};
        case Form::number: return {s.tensor.item<double>()};
        case Form::list: {
            PickleValue::List rows;
            for (std::int64_t i = 0; i < s.tensor.size(0); ++i) rows.push_back({s.tensor.select(0, i)});
            return {std::move(rows)};
        }
        case Form::tensor: break;
    }
    return {s.tensor};
}

/// Undefined: not a part of the state that a dv::OptimizerState could hold.
at::Tensor state_tensor(const std::string& key, const PickleValue& held) {
    const Form form = form_of(key);
    // Elsewhere a number is the step count of an older torch.
    const at::TensorOptions number(form == Form::tensor ? at::kFloat : at::kDouble);
    if (const auto* t = held.as<at::Tensor>()) return *t;
    if (const auto* d = held.as<double>()) return at::scalar_tensor(*d, number);
    if (const auto* n = held.as<std::int64_t>()) return at::scalar_tensor(*n, form == Form::whole ? number.dtype(at::kLong) : number);
    if (form != Form::list || held.items() == nullptr) return {};
    std::vector<at::Tensor> rows;
    for (const PickleValue& item : *held.items()) {
        const at::Tensor row = state_tensor({}, item);
        if (!row.defined() || (!rows.empty() && !row.sizes().equals(rows.front().sizes())))
            throw dv::Error("the list '" + key + "' of the checkpoint's optimizer is not one of tensors of one shape");
        rows.push_back(row);
    }
    return rows.empty() ? at::empty({0}) : at::stack(rows);
}

/// Those that torch needs as whole numbers.
constexpr std::array kWholeOptions{"max_iter", "max_eval", "history_size"};

PickleValue option_value(const dv::GroupOption& option) {
    if (option.values.empty()) return {};  // None
    if (option.key == "line_search_fn") return text("strong_wolfe");  // the only one that there is
    if (std::find(kWholeOptions.begin(), kWholeOptions.end(), option.key) != kWholeOptions.end())
        return integer(static_cast<std::int64_t>(option.values[0]));
    if (option.is_flag) return {option.values.at(0) != 0.0};
    if (option.values.size() == 1) return {option.values[0]};
    PickleValue::Tuple values;
    for (const double v : option.values) values.items.push_back({v});
    return {std::move(values)};
}

/// The file's index of each parameter, in our order; empty when the file has no groups.
std::vector<std::int64_t> indices_of(const PickleValue& value, const dv::Optimizer& optimizer) {
    std::vector<std::int64_t> out;
    const PickleValue* groups = value.find("param_groups");
    if (groups == nullptr || groups->items() == nullptr) throw dv::Error("the checkpoint's optimizer has no 'param_groups'");
    std::string theirs, ours;
    for (const PickleValue& group : *groups->items()) {
        const PickleValue* params = group.find("params");
        if (params == nullptr || params->items() == nullptr) throw dv::Error("a parameter group in the checkpoint has no 'params'");
        theirs += (theirs.empty() ? "" : " + ") + std::to_string(params->items()->size());
        for (const PickleValue& index : *params->items()) out.push_back(index.as<std::int64_t>() ? *index.as<std::int64_t>() : -1);
    }
    std::size_t n = 0;
    for (const dv::ParameterGroup& group : optimizer.groups()) {
        ours += (ours.empty() ? "" : " + ") + std::to_string(group.parameters.size());
        n += group.parameters.size();
    }
    if (n != out.size() || (theirs != ours && groups->items()->size() != 1)) {
        throw dv::Error("the checkpoint's optimizer has groups of " + theirs + " parameters, and this run's has " + ours +
                        ": resume with the [optimizer] table that wrote it");
    }
    return out;
}

}  // namespace

PickleValue optimizer_state(const dv::Optimizer& optimizer) {
    Pairs by_parameter;
    for (const dv::OptimizerState& s : optimizer.state()) {
        if (by_parameter.empty() || std::get<std::int64_t>(by_parameter.back().first.value) != s.parameter) {
            by_parameter.emplace_back(integer(s.parameter), PickleValue{PickleValue::Dict{}});
        }
        std::get<PickleValue::Dict>(by_parameter.back().second.value).items.emplace_back(text(s.key), state_value(s));
    }
    PickleValue::List groups;
    std::int64_t next = 0;
    const auto all = optimizer.groups();
    for (std::size_t g = 0; g < all.size(); ++g) {
        Pairs group;
        for (const dv::GroupOption& option : optimizer.options(g)) group.emplace_back(text(option.key), option_value(option));
        group.emplace_back(text("initial_lr"), PickleValue{all[g].base_lr});  // torch's schedulers look for it when they go on
        group.emplace_back(text("name"), text(all[g].name));
        PickleValue::List indices;
        for (std::size_t i = 0; i < all[g].parameters.size(); ++i) indices.push_back(integer(next++));
        group.emplace_back(text("params"), PickleValue{std::move(indices)});
        groups.push_back({PickleValue::Dict{std::move(group)}});
    }
    Pairs whole;
    whole.emplace_back(text("state"), PickleValue{PickleValue::Dict{std::move(by_parameter)}});
    whole.emplace_back(text("param_groups"), PickleValue{std::move(groups)});
    return {PickleValue::Dict{std::move(whole)}};
}

void load_optimizer_state(const PickleValue& value, dv::Optimizer& optimizer) {
    const PickleValue* state = value.find("state");
    if (state == nullptr || state->pairs() == nullptr) throw dv::Error("the checkpoint's optimizer has no 'state'");
    const std::vector<std::int64_t> theirs = indices_of(value, optimizer);
    // A single group of a file stands for all of ours: its parameters are in the model's order, ours group by group.
    std::vector<dv::OptimizerState> out;
    for (std::size_t i = 0; i < theirs.size(); ++i) {
        const PickleValue* own = state->find(theirs[i]);
        if (own == nullptr || own->pairs() == nullptr) continue;
        for (const auto& [key, held] : *own->pairs()) {
            const auto* name = key.as<std::string>();
            if (name == nullptr) continue;
            const at::Tensor tensor = state_tensor(*name, held);
            if (tensor.defined()) out.push_back({static_cast<std::int64_t>(i), *name, tensor});
        }
    }
    optimizer.load_state(out);
}

}  // namespace dvhost::checkpoint
