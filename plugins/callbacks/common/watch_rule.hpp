#pragma once
/// When a callback that watches metrics looks at them (early_stopping, checkpoint).

#include <dv/callback.hpp>

#include <cstdint>
#include <optional>

namespace callbacks {

/// Lightning's rule: at the end of the training epoch when there is no validation, or one behind every epoch; otherwise at the end
/// of each validation.
///
/// A host of minor 0 does not say when it validates. What it shows says nearly the same: a validation behind an epoch's last
/// batch is looked at when the training epoch ends, another one when it ends itself, and an epoch without its validation not at
/// all.
class WatchRule {
public:
    /// true: at the end of training epochs. false: at the end of validations. absent: as above.
    void set(std::optional<bool> on_train_epoch_end) { on_train_epoch_end_ = on_train_epoch_end; }

    /// The host's hooks, each to be passed on. The last two answer whether this is a moment to look; never outside of
    /// fit, never in a sanity check, and never in a run of which nothing is kept (fast_dev_run).
    void fit_start(const dv::RunView& run) { *this = WatchRule(on_train_epoch_end_, !run.fast_dev_run()); }
    void fit_end() { fitting_ = false; }
    void train_batch_end(const dv::RunView& run) {
        epoch_complete_ = run->n_batches >= 0 && run->batch_idx + 1 >= run->n_batches;
    }
    bool validation_end(const dv::RunView& run) {
        if (!in_fit(run)) return false;
        if (on_train_epoch_end_) return !*on_train_epoch_end_;
        if (const auto each_epoch = run.validates_each_epoch_end()) return !*each_epoch;
        look_at_epoch_end_ = epoch_complete_;
        return !epoch_complete_;
    }
    bool train_epoch_end(const dv::RunView& run) {
        const bool validated = look_at_epoch_end_;
        look_at_epoch_end_ = false;
        if (!fitting_) return false;
        if (on_train_epoch_end_) return *on_train_epoch_end_;
        if (run->has_validation == 0) return true;
        return run.validates_each_epoch_end().value_or(validated);
    }

    bool in_fit(const dv::RunView& run) const { return fitting_ && run->stage != DV_STAGE_SANITY_CHECK; }
    /// Whether the epoch's last batch is done. False when the number of batches is not known.
    bool epoch_complete() const { return epoch_complete_; }

    WatchRule() = default;

private:
    WatchRule(std::optional<bool> on_train_epoch_end, bool fitting)
        : on_train_epoch_end_(on_train_epoch_end), fitting_(fitting) {}

    std::optional<bool> on_train_epoch_end_;
    bool fitting_ = false;
    bool epoch_complete_ = false;
    bool look_at_epoch_end_ = false;
};

}  // namespace callbacks
