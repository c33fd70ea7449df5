#include "loops/experiment.hpp"

#include <algorithm>

namespace dvhost::loops {

std::int64_t BatchLimit::of(std::int64_t n_batches, const std::string& key) const {
    if (count) return std::min(*count, n_batches);
    const auto taken = static_cast<std::int64_t>(static_cast<double>(n_batches) * share);
    if (taken == 0 && share > 0.0 && n_batches > 0) {
        throw dv::Error("trainer." + key + " = " + std::to_string(share) + " of " + std::to_string(n_batches) +
                        " batches is none; the smallest share that gives one is " +
                        std::to_string(1.0 / static_cast<double>(n_batches)));
    }
    return taken;
}

}  // namespace dvhost::loops
