#pragma once
/// How far a run has come. A value: it can be copied, compared and saved.

#include <cstdint>

namespace dvhost::loops {

/// The last thing that is done; a run that goes on from a checkpoint goes on with what comes after it.
enum class Moment : std::int64_t {
    epoch_begin,  ///< nothing of this epoch
    batch_end,    ///< the batch and its hooks; a validation that is due behind it is not
    checked,      ///< also the validation
    epoch_end,    ///< the epoch and its hooks; only the count of epochs has not moved
    fit_end       ///< training
};

struct Progress {
    std::int64_t epoch = 0;              ///< epochs whose end has passed
    std::int64_t global_step = 0;        ///< optimizer steps taken
    std::int64_t batches = 0;            ///< training batches finished
    std::int64_t samples = 0;            ///< training samples seen
    std::int64_t skipped_steps = 0;      ///< accumulation windows in which no batch gave a loss
    std::int64_t batch_idx = 0;          ///< batches finished of the current epoch
    std::int64_t windows = 0;            ///< accumulation windows closed: the step of a row is the count before
    std::int64_t validations = 0;        ///< finished inside fit
    std::int64_t optimizer_calls = 0;    ///< of all optimizers: Lightning's global_step in manual optimization
    std::int64_t val_batches = 0;        ///< batches of the newest validation
    Moment moment = Moment::epoch_begin;
    bool operator==(const Progress&) const = default;
};

}  // namespace dvhost::loops
