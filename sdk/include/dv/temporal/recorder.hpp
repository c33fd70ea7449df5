#pragma once
/// Sees layers' responses while they are produced.

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

namespace dv::temporal {

struct Recorder {
    virtual ~Recorder() = default;
    /// Asked before the first step, so that what nobody wants need not be kept.
    virtual bool wants(std::size_t layer, std::int64_t timestep) const = 0;
    /// The layer's response at a step, [batch, channel, y, x], detached; undefined when it is absent. Steps of one layer come in
    /// order; layers may come one after the other or interleaved. Idle steps are not recorded. [step]
    virtual void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) = 0;
};

}  // namespace dv::temporal
