#pragma once
/// What the forward and the backward of a recurrent scan share. Private to recurrent_scan*.cpp.

#include "dtype.hpp"
#include "recurrent_scan.hpp"

#include <algorithm>
#include <vector>

namespace dv::temporal::fast {

/// Where each block begins and what it reads of the past.
struct Block {
    std::int64_t begin, n;
    std::int64_t driven_from;  ///< first step of the block whose recurrent source is there; begin + n: none
};

class Blocks {
public:
    explicit Blocks(const RecurrentScan& s)
        : length_(s.recurrence ? s.lag : std::min<std::int64_t>(s.n_steps, kFree)),
          n_steps_(s.n_steps),
          recurrent_(s.recurrence.has_value()),
          missing_(s.lag - (s.history.defined() ? s.history.size(0) / s.batch : 0)) {}

    std::int64_t count() const { return (n_steps_ + length_ - 1) / length_; }
    Block operator[](std::int64_t i) const {
        Block block{i * length_, std::min(length_, n_steps_ - i * length_), 0};
        block.driven_from =
            !recurrent_ ? block.begin + block.n : std::clamp(missing_, block.begin, block.begin + block.n);
        return block;
    }

private:
    static constexpr std::int64_t kFree = 4;  // steps, where nothing says how many
    std::int64_t length_, n_steps_;
    bool recurrent_;
    std::int64_t missing_;  // steps before the first one whose recurrent source is there
};

/// The drive's weight at step j; without any past the first one may have its own.
inline double drive_weight(const RecurrentScan& s, std::int64_t j) {
    return j == 0 && !s.history.defined() ? s.rule.first_c1.value_or(s.rule.c1) : s.rule.c1;
}

/// The scan's tensors that gradients may flow to, in a fixed order.
enum Input : std::size_t { kHistory, kWeight, kBias, kC0, kC1, kGain, kExponent, kFirstDrive };

/// What forward leaves behind.
struct Kept {
    at::Tensor h, y, positive;
    std::vector<at::Tensor> places;  // per reader
};

/// Which gradients are asked for, by Input.
struct Wanted {
    std::vector<bool> input;
    bool operator()(std::size_t i) const { return input[i]; }
    bool sums() const { return input[kC0] || input[kC1] || input[kGain] || input[kExponent]; }
};

/// The gradients by every input of `scan`, in the order of Input. `gradients`: by the activity and by each reading, dense in the
/// scan's layout; undefined where there is none.
std::vector<at::Tensor> scan_gradients(const RecurrentScan& scan, const Kept& kept, std::vector<at::Tensor> gradients,
                                       Wanted wanted);

}  // namespace dv::temporal::fast
