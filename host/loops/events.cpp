#include "loops/events.hpp"

#include "loops/log_rules.hpp"

#include <dv/component.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace dvhost::loops {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {

std::string text_of(dv_str s) { return std::string(s.p, s.n); }

/// The run's weights and rates for callbacks.
class RunTraining final : public dv::Training {
public:
    RunTraining(const Experiment& experiment, ScheduleSet* schedules) : experiment_(experiment), schedules_(schedules) {}
    std::vector<dv::NamedTensor> parameters() const override { return experiment_.model->parameters(); }
    void scale_lr(std::string_view group, double factor) override {
        if (!schedules_) throw dv::Error("learning rates can be scaled from on_train_start on, inside fit");
        schedules_->scale(group, factor);
    }
    std::string group_of(std::string_view parameter) const override {
        return schedules_ ? schedules_->group_of(parameter) : std::string();
    }

private:
    const Experiment& experiment_;
    ScheduleSet* schedules_;
};

}  // namespace

/// The functions behind dv_answer.
struct EventsAnswer {
    static Events& of(void* self) { return *static_cast<Events*>(self); }
    static std::int64_t step(void* self) { return std::max<std::int64_t>(0, of(self).progress_.windows - 1); }

    static void log(void* self, dv_str name, double value) noexcept { of(self).metrics_.add(text_of(name), value); }
    static void stop(void* self, dv_str reason) noexcept { of(self).stop_.request(text_of(reason)); }
    static dv_status log_with(void* self, dv_str name, double value, const dv_log_options* options) noexcept {
        try {
            of(self).log_with(text_of(name), value, *options);
            return DV_OK;
        } catch (const std::exception& error) {
            of(self).experiment_.warn(error.what());
            return DV_REFUSED;
        }
    }
    static void text(void* self, dv_str name, dv_str text) noexcept {
        of(self).experiment_.sink->text(text_of(name), text_of(text), step(self));
    }
    static void image(void* self, dv_str name, const dv_image* image) noexcept {
        of(self).experiment_.sink->image(text_of(name), *image, step(self));
    }
    static void histogram(void* self, dv_str name, const dv_histogram* histogram) noexcept {
        of(self).experiment_.sink->histogram(text_of(name), *histogram, step(self));
    }
    static void skip_epoch(void* self) noexcept {
        if (of(self).phase_ == DV_TRAIN_BATCH_START) of(self).skip_epoch_ = true;
    }
};

Events::Events(Experiment& experiment, MetricStore& metrics, StopRule& stop, const Progress& progress,
               const RunContext& context)
    : experiment_(experiment), metrics_(metrics), stop_(stop), progress_(progress), context_(context) {
    for (const auto& callback : experiment.callbacks) {
        const std::uint64_t wanted = callback->phases();
        const std::string key = experiment.profiler ? callback->state_key() : std::string();
        for (std::uint32_t phase = 0; phase < DV_N_PHASES; ++phase) {
            if (wanted & (std::uint64_t{1} << phase)) by_phase_[phase].push_back({callback.get(), action_of("[Callback]" + key, phase)});
        }
    }
    // A sanity check is about the model; only callbacks need to know that one is on.
    constexpr std::uint64_t kCallbacksOnly = std::uint64_t{1} << DV_SANITY_CHECK_START | std::uint64_t{1} << DV_SANITY_CHECK_END;
    model_phases_ = experiment.model->phases() & ~kCallbacksOnly;
    for (std::uint32_t phase = 0; phase < DV_N_PHASES; ++phase) {
        if (model_wants(phase)) model_actions_[phase] = action_of("[Module]" + (experiment.profiler ? experiment.profiler->parts().model : ""), phase);
    }
}

Profiler::Action Events::action_of(const std::string& whose, std::uint32_t phase) const {
    return experiment_.profiler ? experiment_.profiler->action(whose + "." + dv::detail::phase_hook_name(phase)) : 0;
}

void Events::operator()(std::uint32_t phase, std::string_view message) { tell(phase, Who::all, message); }
void Events::watching(std::uint32_t phase) { tell(phase, Who::watching, {}); }
void Events::not_watching(std::uint32_t phase) { tell(phase, Who::others, {}); }

dv_run Events::view(std::string_view message) {
    const auto known = metrics_.known();
    rates_.clear();
    momenta_.clear();
    weight_decays_.clear();
    if (schedules_) {
        for (const ScheduleSet::Rate& rate : schedules_->rates()) {
            const dv_str name{rate.name.data(), rate.name.size()};
            rates_.push_back({name, rate.lr});
            momenta_.push_back({name, rate.momentum});
            weight_decays_.push_back({name, rate.weight_decay});
        }
    }
    dv_run run{};
    run.size = sizeof run;
    run.stage = context_.stage;
    run.epoch = progress_.epoch;
    run.global_step = progress_.global_step;
    run.batch_idx = context_.batch_idx;
    run.n_batches = context_.n_batches;
    run.max_epochs = stop_.limits().max_epochs;
    run.max_steps = stop_.limits().max_steps;
    run.elapsed = now() - context_.stage_start;
    run.n_metrics = static_cast<std::uint32_t>(known.size());
    run.metrics = known.data();
    run.n_learning_rates = static_cast<std::uint32_t>(rates_.size());
    run.learning_rates = rates_.data();
    run.message = {message.data(), message.size()};
    run.log_due = context_.log_due ? 1u : 0u;
    run.has_validation = context_.has_validation ? 1u : 0u;
    run.batches = progress_.batches;
    run.samples = progress_.samples;
    run.skipped_steps = progress_.skipped_steps;
    run.fast_dev_run = experiment_.trainer.fast_dev_run ? 1u : 0u;
    run.accumulating = context_.accumulating ? 1u : 0u;
    run.validates_each_epoch_end = context_.validates_each_epoch_end ? 1u : 0u;
    run.max_seconds = static_cast<std::int64_t>(stop_.limits().max_seconds);
    run.loader = static_cast<std::uint32_t>(context_.dataloader_idx);
    run.n_loaders = static_cast<std::uint32_t>(context_.n_loaders);
    shown_.clear();
    if (!prog_bar_.empty()) {
        std::copy_if(known.begin(), known.end(), std::back_inserter(shown_),
                     [this](const dv_metric& m) { return prog_bar_.contains(std::string_view(m.name.p, m.name.n)); });
    }
    run.n_progress_bar = static_cast<std::uint32_t>(shown_.size());
    run.progress_bar = shown_.data();
    run.momenta = momenta_.data();
    run.weight_decays = weight_decays_.data();
    return run;
}

void Events::tell(std::uint32_t phase, Who who, std::string_view message) {
    const bool to_model = who != Who::watching && model_wants(phase);
    if (by_phase_[phase].empty() && !to_model) return;
    const dv_answer answer{sizeof(dv_answer),      0,
                           this,                   &EventsAnswer::log,
                           &EventsAnswer::stop,    &EventsAnswer::log_with,
                           &EventsAnswer::text,    &EventsAnswer::image,
                           &EventsAnswer::histogram, &EventsAnswer::skip_epoch};
    RunTraining training(experiment_, schedules_);
    const Scene scene{training, {context_.batch, context_.output}};
    const std::uint32_t former = std::exchange(phase_, phase);
    ++depth_;
    // The view is made anew for each callback: what the one before logged is visible to this one.
    for (const auto& [callback, action] : by_phase_[phase]) {
        if (who != Who::all && callback->monitors() != (who == Who::watching)) continue;
        const ProfileScope scope(experiment_.profiler, action);
        if (callback->takes_tensors()) experiment_.before_change();
        callback->on_phase(phase, view(message), answer, scene);
    }
    if (to_model) {
        const ProfileScope scope(experiment_.profiler, model_actions_[phase]);
        experiment_.before_change();
        experiment_.model->on_phase(phase, view(message), answer);
    }
    --depth_;
    phase_ = former;
    if (depth_ == 0) experiment_.after_phase();
}

void Events::log_with(std::string name, double value, const dv_log_options& options) {
    const LogRule rule = log_rule(phase_);
    const auto [on_step, on_epoch] = choose(rule, options, dv::detail::phase_hook_name(phase_), name);
    std::string step_name = on_epoch ? name + "_step" : name, epoch_name = on_step ? name + "_epoch" : name;
    const bool has_suffix = !DV_HAS(&options, add_dataloader_idx) || options.add_dataloader_idx != 0;
    if (has_suffix && context_.n_loaders > 1 && context_.batch != nullptr) {
        const std::string suffix = "/dataloader_idx_" + std::to_string(context_.dataloader_idx);
        step_name += suffix;
        epoch_name += suffix;
    }
    if (options.prog_bar != 0) {
        if (on_step) prog_bar_.insert(step_name);
        if (on_epoch) prog_bar_.insert(epoch_name);
    }
    if (on_step && (context_.stage != DV_STAGE_TRAIN || context_.log_due) && options.logger != 0) metrics_.add(step_name, value);
    if (!on_epoch) return;
    const double weight = options.batch_size > 0 ? static_cast<double>(options.batch_size)
                          : context_.batch       ? static_cast<double>(context_.batch->size())
                                                 : 1.0;
    EpochValues& values = rule.of_evaluation ? evaluation_values_ : train_values_;
    values.add(epoch_name, options.reduce, value, weight);
}

}  // namespace dvhost::loops
