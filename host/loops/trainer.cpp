#include "loops/trainer.hpp"

#include "loops/interrupt.hpp"
#include "loops/predict_loop.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>

namespace dvhost::loops {

namespace {

/// The model's tensors in the run's dtype and on the strategy's device, in place: handles that parts keep stay valid.
void place_model(Experiment& e) {
    std::vector<dv::NamedTensor> tensors = e.model->parameters();
    for (dv::NamedTensor& t : tensors) {
        if (at::isFloatingType(t.tensor.scalar_type()) && t.tensor.scalar_type() != e.trainer.dtype()) {
            t.tensor.set_data(t.tensor.detach().to(e.trainer.dtype()));
        }
    }
    e.strategy->setup(tensors);
}

void build_optimizers(Experiment& e) {
    for (std::size_t o = 0; o < e.optimizers.size(); ++o) {
        const std::vector<std::string> none;
        const std::vector<std::string>& patterns = o < e.optimized.size() ? e.optimized[o] : none;
        std::vector<dv::NamedTensor> trainable;
        for (dv::NamedTensor& t : e.model->parameters()) {
            const bool is_taken = patterns.empty() || std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
                return dv::matches(pattern, t.name);
            });
            if (is_taken && t.trainable && t.tensor.requires_grad()) trainable.push_back(std::move(t));
        }
        e.optimizers[o]->build(trainable);
    }
}

}  // namespace

Trainer::Trainer(Experiment& experiment) : experiment_(experiment), run_(experiment) {}

void Trainer::setup() {
    guarded([&] {
        is_set_up_ = true;
        run_.events(DV_SETUP);
        has_strategy_ = true;
        place_model(experiment_);
        build_optimizers(experiment_);
    });
}

void Trainer::run(const std::vector<StageKind>& stages) {
    const SignalScope signals;
    if (!is_set_up_) setup();
    guarded([&] {
        for (auto stage = stages.begin(); stage != stages.end(); ++stage) {
            // What is made in inference mode (packed weights that a model keeps) cannot be trained with later.
            const bool trains_later = std::find(stage, stages.end(), StageKind::fit) != stages.end();
            const c10::InferenceMode inference(experiment_.trainer.inference_mode && !trains_later);
            run_stage(*stage, stage + 1 == stages.end());
        }
    });
    run_.context.stage = DV_STAGE_NONE;
    teardown_strategy();
    run_.events(DV_TEARDOWN, "success");
    experiment_.data->teardown("success");
}

template <class Body>
void Trainer::guarded(Body&& body) {
    try {
        body();
    } catch (const Interrupted& signal) {
        fail(signal.what(), "interrupted");
        throw;
    } catch (const std::exception& error) {
        fail(error.what(), "failed");
        throw;
    }
}

void Trainer::teardown_strategy() {
    if (std::exchange(has_strategy_, false)) experiment_.strategy->teardown();
}

/// The way out of a run that did not end by itself. What goes wrong here is logged; the first error is the one reported.
void Trainer::fail(const char* what, const char* outcome) {
    const auto attempt = [&](const auto& step) {
        try {
            step();
        } catch (const std::exception& second) {
            experiment_.warn(std::string("while ending the run: ") + second.what());
        }
    };
    run_.context.batch = nullptr;  // they went with the loops that were left
    run_.context.output = nullptr;
    attempt([&] { run_.events(DV_EXCEPTION, what); });
    attempt([&] { experiment_.data->on_exception(what); });
    attempt([&] { teardown_strategy(); });
    attempt([&] { run_.events(DV_TEARDOWN, outcome); });
    attempt([&] { experiment_.data->teardown(outcome); });
}

void Trainer::run_stage(StageKind stage, bool is_last) {
    if (stage == StageKind::fit) {
        if (resumed_) run_.progress = resumed_->progress;
        fit_ = std::make_unique<FitLoop>(run_, std::exchange(resumed_, std::nullopt));
        if (run_.progress.batches > 0) run_.events(DV_LOAD_CHECKPOINT);
        run_.events(DV_FIT_START);
        fit_->run();
        if (is_last) teardown_strategy();
        run_.events(DV_FIT_END);
        return;
    }
    if (stage == StageKind::predict) {
        PredictLoop(run_).run();
        has_predicted_ = true;
        return;
    }
    const bool test = stage == StageKind::test;
    EvaluationLoop evaluation(run_, test ? dv::Split::test : dv::Split::val);
    if (!evaluation.any()) {
        throw dv::Error(std::string("there is nothing to ") + (test ? "test" : "validate") + " on: this data has no " +
                        (test ? "test" : "validation") + " split, or its limit is 0");
    }
    evaluation.run(std::max<std::int64_t>(0, run_.progress.windows - 1));
}

RunState Trainer::checkpoint() const {
    if (fit_) return fit_->state();
    if (resumed_) return *resumed_;
    RunState out;
    out.progress = run_.progress;
    return out;
}

RunSummary Trainer::summary() const {
    RunSummary out;
    out.progress = run_.progress;
    out.fit_seconds = run_.fit_seconds;
    out.first_step_at = run_.first_step_at;
    out.stop_reason = run_.stop.reason();
    if (has_predicted_) out.predictions = experiment_.predictions;
    for (const dv_metric& m : run_.metrics.known()) out.metrics.emplace_back(std::string(m.name.p, m.name.n), m.value);
    return out;
}

}  // namespace dvhost::loops
