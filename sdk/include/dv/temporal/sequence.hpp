#pragma once
/// What is shown to a network over time.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace dv {

/// The distinct frames of a batch, and for each time step which of them is shown. Nothing is copied per time step: a still
/// image has one frame and a schedule of zeros.
struct Sequence {
    static constexpr std::int32_t kBlank = -1;  ///< in `schedule`: a frame whose every value is `blank_value`

    at::Tensor frames;                   ///< [batch, frame, channel, y, x]
    std::vector<std::int32_t> schedule;  ///< per time step: index of the frame, or kBlank
    std::int64_t idle_timesteps = 0;     ///< blank steps before step 0: they run without gradient and have no output
    double blank_value = 0.0;

    std::int64_t batch() const { return frames.size(0); }
    std::int64_t n_frames() const { return frames.size(1); }
    std::int64_t n_timesteps() const { return static_cast<std::int64_t>(schedule.size()); }

    /// Each frame once, in order.
    static Sequence of(at::Tensor frames);
    /// A sequence of one frame, shown for n steps. Throws Error when it has more than one frame and n differs from it.
    Sequence shown_for(std::int64_t n_timesteps) const;

    /// The input at one step, [batch, channel, y, x]; a view for a shown frame, a filled tensor for a blank one.
    at::Tensor frame_at(std::int64_t timestep) const;
    at::Tensor blank_frame() const;
    /// All steps as one tensor [batch, time, channel, y, x]; a view when the schedule allows it.
    at::Tensor expanded() const;
};

namespace abi::v1 {
struct Sequence {
    at::Tensor frames;
    const std::int32_t* schedule;
    std::uint64_t n_timesteps;
    std::int64_t idle_timesteps;
    double blank_value;
};
}  // namespace abi::v1

namespace detail {
inline abi::v1::Sequence borrow(const Sequence& s) {
    return {s.frames, s.schedule.data(), s.schedule.size(), s.idle_timesteps, s.blank_value};
}
inline Sequence own(const abi::v1::Sequence& s) {
    return {s.frames, {s.schedule, s.schedule + s.n_timesteps}, s.idle_timesteps, s.blank_value};
}
}  // namespace detail

}  // namespace dv
