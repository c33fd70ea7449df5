#pragma once
/// A callback as the loops see it; compose makes them from plugins.

#include <dv/abi.h>
#include <dv/torch/callback.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace dvhost::loops {

/// What a callback that takes tensors may reach.
struct Scene {
    dv::Training& training;
    dv::CallbackStep step;
};

struct Callback {
    virtual ~Callback() = default;
    /// Bit (1 << dv_phase) for each phase wanted. Asked once.
    virtual std::uint64_t phases() const = 0;
    /// True for callbacks that watch what others log (early stop, checkpoints).
    virtual bool monitors() const = 0;
    /// True for callbacks that may write to the model's tensors.
    virtual bool takes_tensors() const { return false; }
    /// Throws dv::ComponentError.
    virtual void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const Scene& scene) = 0;

    /// Its state in a checkpoint; a callback that writes nothing has none.
    virtual std::string state_key() const { return {}; }
    virtual void save_state(const dv_state_out& out) const { (void)out; }
    virtual void load_state(const dv_config& state) { (void)state; }
    virtual std::vector<dv::NamedTensor> save_tensors() const { return {}; }
    virtual void load_tensors(std::span<const dv::NamedTensor> tensors) { (void)tensors; }
};

}  // namespace dvhost::loops
