#pragma once
/// A layer over many steps as one node of the autograd graph: a recurrent convolution in blocks of its lag, and between the
/// blocks the scan of scan.hpp.
///
///   h[j] = f(c0 · h[j − 1] + c1 · (Σ drives[j] + w ∗ h[j − lag] + b))
///
/// Forward keeps the activity and nothing that follows from it. Backward walks the blocks in reverse: the readers' gradients
/// spread over the block, one scan, one input gradient; then one weight gradient over all steps. Where every drive is a still
/// image, sums over steps are all that is wanted of the drives' gradient, and it too exists for a block at a time only.

#include "convolver.hpp"
#include "readers.hpp"
#include "scan.hpp"

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Tensor.h>
#include <c10/core/MemoryFormat.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace dv::temporal::fast {

/// One input. `values` [row·batch, channel, y, x]; rows[j] is the row at step j, −1 where the drive is absent.
struct Drive {
    at::Tensor values;
    std::vector<std::int64_t> rows;
    std::int64_t n_rows = 0;  ///< filled in by recurrent_scan()
};

struct RecurrentScan {
    std::int64_t batch = 1, n_steps = 1;
    Grid grid;
    c10::MemoryFormat layout = c10::MemoryFormat::Contiguous;
    at::TensorOptions options;  ///< dtype and device of the activity
    std::vector<Drive> drives;
    std::optional<Convolution> recurrence;       ///< stride 1; keeps the grid
    std::shared_ptr<const Convolver> convolver;  ///< of `recurrence`; null: ATen's convolution
    std::shared_ptr<Team> team = nullptr;        ///< as in parallel_for()
    std::int64_t lag = 1;
    at::Tensor history;  ///< [m·batch, channel, y, x], m ≤ lag: what was stored at steps −m to −1; undefined: nothing
    ScanRule rule;
    at::Tensor c0, c1;            ///< 0-dim, equal to rule.c0 and rule.c1, where they are part of the graph
    at::Tensor gain, exponent;    ///< the same for rule.power
    std::vector<Reader> readers;  ///< only with channels-last
};

struct ScanResult {
    at::Tensor activity;               ///< [n_steps·batch, channel, y, x], dense in `layout`
    std::vector<at::Tensor> readings;  ///< one per reader
};

/// On a CPU, in float, double or bfloat16.
ScanResult recurrent_scan(RecurrentScan scan);

}  // namespace dv::temporal::fast
