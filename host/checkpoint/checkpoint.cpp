#include "checkpoint/checkpoint.hpp"

#include "checkpoint/averaging_keys.hpp"
#include "checkpoint/component_state.hpp"
#include "checkpoint/optimizer_keys.hpp"
#include "checkpoint/run_keys.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>

namespace dvhost::checkpoint {

namespace {

using Pairs = PickleValue::Pairs;

PickleValue text(std::string s) { return {std::move(s)}; }
PickleValue integer(std::int64_t v) { return {v}; }

PickleValue state_dict(dv::Model& model) {
    Pairs items;
    for (const dv::NamedTensor& t : model.parameters()) items.emplace_back(text(t.name), PickleValue{t.tensor});
    return {PickleValue::OrderedDict{std::move(items)}};
}

constexpr const char* kTensors = "tensors";  // beside a callback's plain state

/// Lightning's callbacks compare their scores as tensors, so they have to find tensors.
void scores_as_tensors(Pairs& items) {
    static constexpr std::string_view kScores[] = {"best_score", "best_model_score", "current_score", "kth_value"};
    const auto as_tensor = [](PickleValue& value) {
        if (const auto* score = value.as<double>()) value = {at::scalar_tensor(*score, at::kDouble)};
    };
    for (auto& [key, value] : items) {
        const auto* name = key.as<std::string>();
        if (name == nullptr) continue;
        if (std::find(std::begin(kScores), std::end(kScores), *name) != std::end(kScores)) as_tensor(value);
        if (*name != "best_k_models" || value.pairs() == nullptr) continue;
        for (auto& [path, score] : std::get<PickleValue::Dict>(value.value).items) as_tensor(score);
    }
}

PickleValue callback_states(const loops::Experiment& experiment) {
    Pairs out;
    for (const auto& callback : experiment.callbacks) {
        PickleValue state = written_state([&](const dv_state_out& to) { callback->save_state(to); });
        auto& items = std::get<PickleValue::Dict>(state.value).items;
        scores_as_tensors(items);
        Pairs tensors;
        for (const dv::NamedTensor& t : callback->save_tensors()) tensors.emplace_back(text(t.name), PickleValue{t.tensor});
        if (!tensors.empty()) items.emplace_back(text(kTensors), PickleValue{PickleValue::Dict{std::move(tensors)}});
        if (!items.empty()) out.emplace_back(text(callback->state_key()), std::move(state));
    }
    return {PickleValue::Dict{std::move(out)}};
}

PickleValue data_state(const loops::Experiment& experiment) {
    return written_state([&](const dv_state_out& to) {
        dv::StateWriter writer(to);
        if (experiment.data) experiment.data->save_state(writer);
    });
}

/// As torch.optim.lr_scheduler has it, with what the component keeps beside.
PickleValue schedule_states(const loops::Experiment& experiment, const loops::RunState& state) {
    PickleValue::List out;
    for (std::size_t i = 0; i < experiment.schedules.size(); ++i) {
        const loops::ScheduleEntry& entry = experiment.schedules[i];
        PickleValue own = written_state([&](const dv_state_out& to) {
            dv::StateWriter writer(to);
            entry.schedule->save_state(writer);
        });
        auto& items = std::get<PickleValue::Dict>(own.value).items;
        const std::int64_t count = i < state.schedules.size() ? state.schedules[i].count : 0;
        PickleValue::List base, last;
        for (const dv::ParameterGroup& group : experiment.optimizers[entry.optimizer]->groups()) {
            base.push_back({group.base_lr});
            last.push_back({group.lr});
        }
        items.emplace_back(text("base_lrs"), PickleValue{std::move(base)});
        items.emplace_back(text("last_epoch"), integer(count));
        items.emplace_back(text("_step_count"), integer(count + 1));
        items.emplace_back(text("_last_lr"), PickleValue{std::move(last)});
        out.push_back(std::move(own));
    }
    return {std::move(out)};
}

PickleValue scaler_state(const loops::GradScaler::State& s) {
    Pairs out;
    out.emplace_back(text("scale"), PickleValue{s.scale});
    out.emplace_back(text("growth_factor"), PickleValue{s.growth_factor});
    out.emplace_back(text("backoff_factor"), PickleValue{s.backoff_factor});
    out.emplace_back(text("growth_interval"), integer(s.growth_interval));
    out.emplace_back(text("_growth_tracker"), integer(s.growth_tracker));
    return {PickleValue::Dict{std::move(out)}};
}

}  // namespace

PickleValue gather(const loops::Experiment& experiment, const loops::RunState& state, const Context& context, Content content) {
    const loops::Progress& progress = state.progress;
    Pairs keys;
    keys.emplace_back(text("epoch"), integer(progress.epoch));
    keys.emplace_back(text("global_step"), integer(progress.global_step));
    keys.emplace_back(text("pytorch-lightning_version"), text("2.6.0"));  // the version whose layout this is
    keys.emplace_back(text("state_dict"), state_dict(*experiment.model));
    keys.emplace_back(text("loops"), lightning_loops(state, experiment.model->optimizes_itself()));
    if (content == Content::everything) {
        keys.emplace_back(text("callbacks"), callback_states(experiment));
        PickleValue::List optimizers;
        for (const auto& optimizer : experiment.optimizers) optimizers.push_back(optimizer_state(*optimizer));
        if (!optimizers.empty()) {
            keys.emplace_back(text("optimizer_states"), PickleValue{std::move(optimizers)});
            keys.emplace_back(text("lr_schedulers"), schedule_states(experiment, state));
        }
        if (experiment.trainer.precision == loops::Precision::half_mixed) keys.emplace_back(text("MixedPrecision"), scaler_state(state.scaler));
        put_average(keys);
    }
    if (PickleValue data = data_state(experiment); !data.pairs()->empty()) keys.emplace_back(text(experiment.data_key), std::move(data));
    keys.emplace_back(text("hparams_name"), text("kwargs"));
    keys.emplace_back(text("hyper_parameters"), context.hyper_parameters);
    keys.emplace_back(text("datamodule_hparams_name"), text("kwargs"));
    keys.emplace_back(text("datamodule_hyper_parameters"), context.data_hyper_parameters);
    Pairs own;
    own.emplace_back(text("format"), integer(kFormat));
    own.emplace_back(text("seed"), text(std::to_string(context.seed)));
    own.emplace_back(text("manifest"), text(context.manifest));
    own.emplace_back(text("threads"), integer(at::get_num_threads()));
    if (content == Content::everything) put_run_state(own, state);
    keys.emplace_back(text("dvhost"), PickleValue{PickleValue::Dict{std::move(own)}});
    return {PickleValue::Dict{std::move(keys)}};
}

void check_complete(const PickleValue& file, const loops::Experiment& experiment, bool partial) {
    if (file.find("state_dict") == nullptr) throw dv::Error("the checkpoint has no 'state_dict'");
    if (const PickleValue* own = file.find("dvhost")) {
        const PickleValue* format = own->find("format");
        const auto* n = format ? format->as<std::int64_t>() : nullptr;
        if (n && *n > kFormat) {
            throw dv::Error("the checkpoint is of format " + std::to_string(*n) + ", and this dvhost reads up to " + std::to_string(kFormat) +
                            ": resume with the dvhost that wrote it, or a newer one");
        }
    } else if (file.find("pytorch-lightning_version") == nullptr) {
        throw dv::Error("the checkpoint has neither 'dvhost' nor 'pytorch-lightning_version': no trainer has written it; its weights "
                        "can be loaded with weights.path");
    }
    if (partial) return;
    std::string missing;
    const auto need = [&](const char* key, bool empty_is_missing) {
        const PickleValue* value = file.find(key);
        const bool is_empty = value && empty_is_missing && value->items() && value->items()->empty();
        if (value && !is_empty) return;
        missing += (missing.empty() ? "'" : ", '") + std::string(key) + "'";
    };
    need("loops", false);
    if (!experiment.optimizers.empty()) need("optimizer_states", true);
    if (!experiment.schedules.empty()) need("lr_schedulers", true);
    if (missing.empty()) return;
    throw dv::Error("the checkpoint lacks " + missing + ", which training needs to go on; trainer.resume_partial = true goes on without, "
                    "and weights.path takes the weights alone");
}

namespace {

void restore_callbacks(const PickleValue& file, loops::Experiment& experiment) {
    const PickleValue* states = file.find("callbacks");
    if (states == nullptr || states->pairs() == nullptr) return;
    std::vector<std::string> taken;
    for (const auto& callback : experiment.callbacks) {
        const std::string key = callback->state_key();
        const PickleValue* state = states->find(key);
        if (state == nullptr || state->pairs() == nullptr) continue;
        taken.push_back(key);
        Average with = take_average(file, *state);
        const dv_config view = state_view(with.state);
        callback->load_state(view);
        if (const PickleValue* held = state->find(kTensors); held && held->pairs()) {
            with.tensors.clear();
            for (const auto& [name, value] : *held->pairs()) {
                if (name.as<std::string>() && value.as<at::Tensor>()) with.tensors.push_back({*name.as<std::string>(), *value.as<at::Tensor>(), false});
            }
        }
        if (!with.tensors.empty()) callback->load_tensors(with.tensors);
    }
    for (const auto& [name, value] : *states->pairs()) {
        const auto* key = name.as<std::string>();
        if (key && std::find(taken.begin(), taken.end(), *key) == taken.end()) {
            experiment.warn("the checkpoint has the state of a callback that this run does not have: " + *key);
        }
    }
}

}  // namespace

void restore_parts(const PickleValue& file, loops::Experiment& experiment) {
    if (const PickleValue* data = file.find(experiment.data_key); data && data->pairs() && experiment.data) {
        const dv_config view = state_view(*data);
        experiment.data->load_state(dv::StateReader(view));
    }
    restore_callbacks(file, experiment);
}

loops::RunState restore(const PickleValue& file, loops::Experiment& experiment, bool partial) {
    const PickleValue* optimizers = file.find("optimizer_states");
    if (optimizers && optimizers->items() && !optimizers->items()->empty()) {
        if (optimizers->items()->size() != experiment.optimizers.size()) {
            throw dv::Error("the checkpoint has " + std::to_string(optimizers->items()->size()) + " optimizers and this run " +
                            std::to_string(experiment.optimizers.size()));
        }
        for (std::size_t i = 0; i < experiment.optimizers.size(); ++i) load_optimizer_state((*optimizers->items())[i], *experiment.optimizers[i]);
    } else if (!experiment.optimizers.empty()) {
        experiment.warn("the checkpoint has no optimizer state: the optimizer begins anew (trainer.resume_partial = true)");
    }
    loops::RunState state = take_run_state(file, partial, experiment.warn);
    const PickleValue* schedules = file.find("lr_schedulers");
    for (std::size_t i = 0; schedules && schedules->items() && i < std::min(schedules->items()->size(), experiment.schedules.size()); ++i) {
        const PickleValue& own = (*schedules->items())[i];
        const dv_config view = state_view(own);
        experiment.schedules[i].schedule->load_state(dv::StateReader(view));
        if (state.schedules.size() == i) {  // of Lightning: the count is all that a closed form needs
            const auto count = dv::StateReader(view).get<std::int64_t>("last_epoch").value_or(0);
            state.schedules.push_back({count * experiment.schedules[i].frequency, count, 1.0, 0.0});
            state.ask_schedules = true;
        }
    }
    restore_parts(file, experiment);
    if (const PickleValue* own = file.find("dvhost")) {
        const PickleValue* threads = own->find("threads");
        const auto* n = threads ? threads->as<std::int64_t>() : nullptr;
        if (n && *n != at::get_num_threads()) {
            experiment.warn("the checkpoint was written with " + std::to_string(*n) + " threads and this run has " + std::to_string(at::get_num_threads()) +
                            ": sums may round differently (OMP_NUM_THREADS sets their number)");
        }
    }
    return state;
}

}  // namespace dvhost::checkpoint
