#pragma once
/// Behind which training batches a validation is due (Lightning's val_check_interval and check_val_every_n_epoch).

#include "loops/experiment.hpp"
#include "loops/progress.hpp"

namespace dvhost::loops {

class ValidationRule {
public:
    /// Throws dv::Error for an interval that never falls into an epoch of `n_batches`.
    ValidationRule(const TrainerOptions& options, std::int64_t n_batches);

    /// Whether one falls due behind the batch that `progress` has just counted. `now` is monotonic [s].
    bool due(const Progress& progress, double now);
    /// Once per epoch, at its end, and at no other time.
    bool each_epoch_end() const;
    /// How many in an epoch that has any.
    std::int64_t per_epoch() const;
    /// Time-based intervals begin.
    void start(double now) { last_ = now; }

private:
    bool in_epoch(std::int64_t epoch) const { return every_n_ == 0 || (epoch + 1) % every_n_ == 0; }

    std::int64_t n_batches_, every_n_;
    std::int64_t interval_ = 1;  // [batches]
    bool over_epochs_ = false;   // counts batches over the whole run
    bool tail_ = false;          // also behind an epoch's last batch
    std::optional<double> seconds_;
    double last_ = 0.0;
};

}  // namespace dvhost::loops
