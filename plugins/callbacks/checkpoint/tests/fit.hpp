#pragma once
/// A fit without a model: the phases a checkpoint callback sees, in the host's order.

#include <dv/testing/load.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace checkpoint::testing {

struct Fit {
    int epochs = 5;
    int batches = 4;  ///< of an epoch
    bool n_batches_known = true;
    /// Logged as "x" by the validations of each epoch; empty: no validation.
    std::vector<double> x = {10, 9, 2.8, 5, 2.5};
    int validate_every_n_epochs = 1;
    int validate_every_n_batches = 0;  ///< 0: at the epoch's end
    int max_steps = -1;
    double seconds_per_batch = 0.0;
    std::optional<int> throws_after_step = std::nullopt;  ///< an exception instead of the next batch
    std::string message = "the loss is NaN";
    bool fast_dev_run = false;
    int first_epoch = 0;  ///< of a run that goes on
};

class Runner {
public:
    Runner(dv::testing::CallbackHandle& callback, dv::testing::Host& host, const Fit& fit)
        : callback_(callback), host_(host), fit_(fit) {
        run_.has_validation(!fit.x.empty());
        run_.validates_each_epoch_end(!fit.x.empty() && fit.validate_every_n_epochs == 1 &&
                                      fit.validate_every_n_batches == 0);
        run_.fast_dev_run(fit.fast_dev_run);
        if (host.minor == 0) run_.of_minor_0();
    }

    void run() {
        step(DV_FIT_START, DV_STAGE_NONE);
        if (!fit_.x.empty()) {
            step(DV_VALIDATION_START, DV_STAGE_SANITY_CHECK);
            step(DV_VALIDATION_END, DV_STAGE_SANITY_CHECK);
        }
        global_step_ = fit_.first_epoch * fit_.batches;
        for (epoch_ = fit_.first_epoch; epoch_ < fit_.epochs && !full() && !failed_; ++epoch_) train_epoch();
        run_.epoch(epoch_);
        if (failed_) return;
        step(DV_TRAIN_END);
        step(DV_FIT_END);
        step(DV_TEARDOWN, DV_STAGE_NONE);
    }

private:
    bool full() const { return fit_.max_steps >= 0 && global_step_ >= fit_.max_steps; }

    void train_epoch() {
        run_.epoch(epoch_);
        for (int batch = 0; batch < fit_.batches && !full(); ++batch) {
            if (fit_.throws_after_step == global_step_) return fail();
            run_.batch(batch, fit_.n_batches_known ? fit_.batches : -1);
            step(DV_TRAIN_BATCH_START);
            run_.step(++global_step_);
            host_.clock.monotonic += fit_.seconds_per_batch;
            step(DV_TRAIN_BATCH_END);
            if (validates(batch)) validate();
        }
        step(DV_TRAIN_EPOCH_END);
    }

    void fail() {
        failed_ = true;
        run_.message(fit_.message);
        step(DV_EXCEPTION);
    }

    bool validates(int batch) const {
        if (fit_.x.empty() || (epoch_ + 1) % fit_.validate_every_n_epochs != 0) return false;
        const int every = fit_.validate_every_n_batches > 0 ? fit_.validate_every_n_batches : fit_.batches;
        return (batch + 1) % every == 0;
    }

    void validate() {
        step(DV_VALIDATION_START, DV_STAGE_VALIDATE);
        run_.metric("x", fit_.x.at(static_cast<std::size_t>(epoch_)));
        step(DV_VALIDATION_END, DV_STAGE_VALIDATE);
    }

    void step(dv_phase phase, dv_stage stage = DV_STAGE_TRAIN) { callback_.phase(phase, run_.stage(stage)); }

    dv::testing::CallbackHandle& callback_;
    dv::testing::Host& host_;
    const Fit fit_;
    dv::testing::RunBuilder run_;
    int epoch_ = 0, global_step_ = 0;
    bool failed_ = false;
};

}  // namespace checkpoint::testing
