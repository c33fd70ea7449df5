#include "loops/validation_rule.hpp"

#include <dv/error.hpp>

#include <algorithm>

namespace dvhost::loops {

ValidationRule::ValidationRule(const TrainerOptions& options, std::int64_t n_batches)
    : n_batches_(n_batches), every_n_(options.check_val_every_n_epoch), seconds_(options.val_check_seconds) {
    over_epochs_ = every_n_ == 0;
    if (seconds_) return;
    if (!options.val_check_batches) {
        if (over_epochs_ && options.val_check_interval < 1.0 && n_batches > 0) {
            throw dv::Error("trainer.val_check_interval is a share of an epoch, and check_val_every_n_epoch = 0 counts batches over "
                            "all epochs: give a whole number of batches");
        }
        interval_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(n_batches) * options.val_check_interval));
        tail_ = !options.lightning;
        return;
    }
    interval_ = *options.val_check_batches;
    if (!over_epochs_ && interval_ > n_batches && n_batches > 0) {
        throw dv::Error("trainer.val_check_interval is " + std::to_string(interval_) + " batches, and an epoch has " +
                        std::to_string(n_batches) + ": lower it, or set check_val_every_n_epoch = 0 to count over epochs");
    }
}

bool ValidationRule::due(const Progress& progress, double now) {
    if (!in_epoch(progress.epoch)) return false;
    if (seconds_) {
        if (now - last_ < *seconds_) return false;
        last_ = now;
        return true;
    }
    const std::int64_t done = over_epochs_ ? progress.batches : progress.batch_idx;
    return done % interval_ == 0 || (tail_ && progress.batch_idx == n_batches_);
}

bool ValidationRule::each_epoch_end() const { return !seconds_ && !over_epochs_ && every_n_ == 1 && interval_ == n_batches_; }

std::int64_t ValidationRule::per_epoch() const {
    if (seconds_ || over_epochs_) return 1;
    return n_batches_ / interval_ + (tail_ && n_batches_ % interval_ != 0 ? 1 : 0);
}

}  // namespace dvhost::loops
