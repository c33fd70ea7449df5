// A callback sees the phases of a run that it asks for, on the training thread, and answers with numbers to log or a
// request to stop. It asks by its bases: one small interface per phase (see dv/callback.hpp for all of them).
#include <dv/callback.hpp>

#include <cmath>

namespace {

/// Ends a run whose loss has become NaN or infinite: what follows would only cost time.
struct @CLASS_NAME@ final : dv::Callback, dv::OnTrainStart, dv::OnTrainBatchEnd {
    std::string monitor;
    std::int64_t patience = 0;
    static constexpr auto params =
        dv::schema(dv::p("monitor", &@CLASS_NAME@::monitor, "train/loss", "metric to look at"),
                   dv::p("patience", &@CLASS_NAME@::patience, 3,
                         "steps in a row without a number before the run is stopped", dv::at_least{1}));

    // One object may see several stages: start each from the beginning.
    void on_train_start(const dv::RunView&, dv::Answer&) override { bad_steps_ = 0; }

    // The view is const: what should happen is said in the answer. Metrics are those known so far; a metric that is not
    // there (yet) is no reason to fail.
    void on_train_batch_end(const dv::RunView& run, dv::Answer& answer) override {
        const auto value = run.metric(monitor);
        if (!value) return;
        bad_steps_ = std::isfinite(*value) ? 0 : bad_steps_ + 1;
        if (bad_steps_ < patience) return;
        answer.stop(monitor + " has been " + std::to_string(*value) + " for " + std::to_string(bad_steps_) + " steps");
    }

private:
    std::int64_t bad_steps_ = 0;
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Stops the run when a metric is no number any more");
