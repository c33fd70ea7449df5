#pragma once
/// How far a run has come. A value: it can be copied, compared and saved.

#include <cstdint>

namespace dvhost::loops {

struct Progress {
    std::int64_t epoch = 0;        ///< epochs whose end has passed
    std::int64_t global_step = 0;  ///< optimizer steps taken
    std::int64_t batches = 0;      ///< training batches finished
    std::int64_t samples = 0;      ///< training samples seen
    std::int64_t skipped_steps = 0;  ///< accumulation windows in which no batch gave a loss
    std::int64_t batch_idx = 0;    ///< of the current epoch
    bool operator==(const Progress&) const = default;
};

}  // namespace dvhost::loops
