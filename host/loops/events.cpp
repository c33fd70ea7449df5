#include "loops/events.hpp"

#include <chrono>

namespace dvhost::loops {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Events::Events(std::vector<std::shared_ptr<Callback>> callbacks, MetricStore& metrics, StopRule& stop,
               const Progress& progress, const RunContext& context)
    : callbacks_(std::move(callbacks)), metrics_(metrics), stop_(stop), progress_(progress), context_(context) {
    for (const auto& callback : callbacks_) {
        const std::uint64_t wanted = callback->phases();
        for (std::uint32_t phase = 0; phase < DV_N_PHASES; ++phase) {
            if (wanted & (std::uint64_t{1} << phase)) by_phase_[phase].push_back(callback.get());
        }
    }
}

void Events::operator()(std::uint32_t phase, std::string_view message) { tell(phase, Who::all, message); }
void Events::watching(std::uint32_t phase) { tell(phase, Who::watching, {}); }
void Events::not_watching(std::uint32_t phase) { tell(phase, Who::others, {}); }

void Events::tell(std::uint32_t phase, Who who, std::string_view message) {
    if (by_phase_[phase].empty()) return;
    std::vector<dv_metric> rates;
    rates.reserve(context_.learning_rates.size());
    for (const auto& [name, value] : context_.learning_rates) rates.push_back({{name.data(), name.size()}, value});

    const dv_answer answer{sizeof(dv_answer), 0, this, &Events::log, &Events::stop};
    for (Callback* callback : by_phase_[phase]) {
        if (who != Who::all && callback->monitors() != (who == Who::watching)) continue;
        // Made anew for each callback: what the one before logged is visible to this one.
        const auto known = metrics_.known();
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
        run.n_learning_rates = static_cast<std::uint32_t>(rates.size());
        run.learning_rates = rates.data();
        run.message = {message.data(), message.size()};
        run.log_due = context_.log_due ? 1u : 0u;
        run.has_validation = context_.has_validation ? 1u : 0u;
        callback->on_phase(phase, run, answer);
    }
}

void Events::log(void* self, dv_str name, double value) {
    static_cast<Events*>(self)->metrics_.add(std::string(name.p, name.n), value);
}

void Events::stop(void* self, dv_str reason) {
    static_cast<Events*>(self)->stop_.request(std::string(reason.p, reason.n));
}

}  // namespace dvhost::loops
