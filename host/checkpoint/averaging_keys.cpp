#include "checkpoint/averaging_keys.hpp"

#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace dvhost::checkpoint {

namespace {

using Pairs = PickleValue::Pairs;

constexpr std::string_view kAverage = "average.", kCurrent = "current.";
constexpr const char* kCount = "n_averaged";

PickleValue text(std::string_view s) { return {std::string(s)}; }

PickleValue* find(Pairs& pairs, std::string_view key) {
    for (auto& [name, value] : pairs) {
        if (name.as<std::string>() && *name.as<std::string>() == key) return &value;
    }
    return nullptr;
}

/// The items of a callback that has put an average into the model; null for any other.
Pairs* averaging(PickleValue& state) {
    auto* dict = std::get_if<PickleValue::Dict>(&state.value);
    PickleValue* tensors = dict ? find(dict->items, "tensors") : nullptr;
    if (tensors == nullptr || tensors->pairs() == nullptr) return nullptr;
    const auto is_current = [](const auto& pair) {
        const auto* name = pair.first.template as<std::string>();
        return name && name->starts_with(kCurrent);
    };
    return std::any_of(tensors->pairs()->begin(), tensors->pairs()->end(), is_current) ? &dict->items : nullptr;
}

}  // namespace

void put_average(Pairs& keys) {
    PickleValue *callbacks = find(keys, "callbacks"), *weights = find(keys, "state_dict");
    if (callbacks == nullptr || weights == nullptr || weights->pairs() == nullptr) return;
    std::vector<Pairs*> found;
    for (auto& [key, state] : std::get<PickleValue::Dict>(callbacks->value).items) {
        if (Pairs* items = averaging(state)) found.push_back(items);
    }
    if (found.size() != 1) return;
    Pairs& items = *found.front();
    const PickleValue& tensors = *find(items, "tensors");
    Pairs current;
    for (const auto& [name, average] : *weights->pairs()) {
        const PickleValue* before = tensors.find(std::string(kCurrent) + *name.as<std::string>());
        current.emplace_back(name, before ? *before : average);
    }
    Pairs count;
    const PickleValue* n = find(items, kCount);
    count.emplace_back(text(kCount), PickleValue{at::scalar_tensor(n && n->as<std::int64_t>() ? *n->as<std::int64_t>() : 0, at::kLong)});
    std::erase_if(items, [](const auto& pair) { return pair.first.template as<std::string>() && *pair.first.template as<std::string>() == "tensors"; });
    keys.emplace_back(text("current_model_state"), PickleValue{PickleValue::OrderedDict{std::move(current)}});
    keys.emplace_back(text("averaging_state"), PickleValue{PickleValue::Dict{std::move(count)}});
}

Average take_average(const PickleValue& file, const PickleValue& state) {
    Average out{state, {}};
    const PickleValue *weights = file.find("state_dict"), *current = file.find("current_model_state"),
                      *averaging = file.find("averaging_state");
    const bool averages = state.find("latest_update_step") != nullptr;  // the mark of Lightning's averaging callbacks
    if (!averages || weights == nullptr || current == nullptr || !weights->pairs() || !current->pairs()) return out;
    const auto take = [&](const PickleValue& from, std::string_view prefix) {
        for (const auto& [name, value] : *from.pairs()) {
            if (!name.as<std::string>() || !value.as<at::Tensor>()) continue;
            out.tensors.push_back({std::string(prefix) + *name.as<std::string>(), *value.as<at::Tensor>(), false});
        }
    };
    take(*weights, kAverage);
    take(*current, kCurrent);
    const PickleValue* n = averaging ? averaging->find(kCount) : nullptr;
    auto* dict = std::get_if<PickleValue::Dict>(&out.state.value);
    if (dict && state.find(kCount) == nullptr && n && n->as<at::Tensor>() && n->as<at::Tensor>()->numel() == 1)
        dict->items.emplace_back(text(kCount), PickleValue{n->as<at::Tensor>()->item<std::int64_t>()});
    return out;
}

}  // namespace dvhost::checkpoint
