#include <dv/temporal/sequence.hpp>

#include <dv/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <numeric>
#include <string>

namespace dv {

namespace {

std::vector<std::int32_t> counting(std::int64_t n) {
    std::vector<std::int32_t> indices(static_cast<std::size_t>(n));
    std::iota(indices.begin(), indices.end(), 0);
    return indices;
}

}  // namespace

Sequence Sequence::of(at::Tensor frames) {
    if (frames.dim() != 5) {
        throw Error("a sequence is made of frames [batch, time, channel, y, x], but the tensor has " +
                    std::to_string(frames.dim()) + " dimensions");
    }
    Sequence sequence;
    sequence.schedule = counting(frames.size(1));
    sequence.frames = std::move(frames);
    return sequence;
}

Sequence Sequence::shown_for(std::int64_t n) const {
    if (n < 1) throw Error("a sequence is shown for at least one time step, not " + std::to_string(n));
    Sequence shown = *this;
    if (n_frames() == 1) {
        shown.schedule.assign(static_cast<std::size_t>(n), 0);
    } else if (n_frames() == n) {
        shown.schedule = counting(n);
    } else {
        throw Error("a sequence of " + std::to_string(n_frames()) + " frames cannot be shown for " + std::to_string(n) +
                    " time steps: only a single frame can be held, or each frame shown for one step");
    }
    return shown;
}

at::Tensor Sequence::frame_at(std::int64_t timestep) const {
    const std::int32_t frame = schedule.at(static_cast<std::size_t>(timestep));
    return frame == kBlank ? blank_frame() : frames.select(1, frame);
}

at::Tensor Sequence::blank_frame() const {
    return at::full({frames.size(0), frames.size(2), frames.size(3), frames.size(4)}, blank_value, frames.options());
}

at::Tensor Sequence::expanded() const {
    if (schedule == counting(n_frames())) return frames;
    const bool still = !schedule.empty() && schedule.front() != kBlank &&
                       std::all_of(schedule.begin(), schedule.end(), [&](auto f) { return f == schedule.front(); });
    if (still) {
        const at::Tensor frame = frames.select(1, schedule.front()).unsqueeze(1);
        return frame.expand({batch(), n_timesteps(), frames.size(2), frames.size(3), frames.size(4)});
    }
    std::vector<at::Tensor> steps;
    for (std::int64_t t = 0; t < n_timesteps(); ++t) steps.push_back(frame_at(t));
    return at::stack(steps, 1);
}

}  // namespace dv
