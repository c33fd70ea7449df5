#pragma once
/// A callback as the loops see it; compose makes them from plugins.

#include <dv/abi.h>

#include <cstdint>
#include <string>

namespace dvhost::loops {

struct Callback {
    virtual ~Callback() = default;
    /// Bit (1 << dv_phase) for each phase wanted. Asked once.
    virtual std::uint64_t phases() const = 0;
    /// True for callbacks that watch what others log (early stop, checkpoints).
    virtual bool monitors() const = 0;
    /// Throws dv::ComponentError.
    virtual void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) = 0;
};

}  // namespace dvhost::loops
