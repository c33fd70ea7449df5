#pragma once
/// One time step of a circuit, layer by layer and operation by operation: what run.hpp says, in its order.

#include <dv/temporal/run.hpp>

#include "paths.hpp"

#include <functional>
#include <vector>

namespace dv::temporal {

/// One run's position: the circuit and what its layers remember so far. Activity that depends on no sample (a bias of
/// its own, a
/// rest) may have a batch of one.
class Walk {
public:
    /// Told what each operation gives: layer, operation, signal (undefined when absent).
    using Watch = std::function<void(std::size_t layer, std::size_t operation, const at::Tensor& signal)>;

    /// `circuit` outlives the walk.
    Walk(const Circuit& circuit, State state);

    /// The signal for the readout; undefined when absent.
    at::Tensor step(const at::Tensor& frame, const Watch& watch = {});

    /// Cuts what is remembered from the autograd graph.
    void cut() { state_ = state_.detached(); }
    const State& state() const { return state_; }
    State take_state() { return std::move(state_); }
    /// The grid of what operation `i` of layer `l` gives.
    const Grid& grid(std::size_t l, std::size_t i) const { return along_[l][i + 1]; }

private:
    at::Tensor through_front(const at::Tensor& frame);
    at::Tensor after(std::size_t l, std::size_t i, const at::Tensor& x);
    at::Tensor drive(std::size_t l) const;
    at::Tensor connected(std::size_t l, Connection::Kind kind, at::Tensor x) const;
    at::Tensor solved(std::size_t l, const at::Tensor& drive);
    at::Tensor delayed(std::size_t l, const at::Tensor& x);
    at::Tensor rested(std::size_t l, const at::Tensor& x);

    const Circuit& circuit_;
    State state_;
    at::Tensor like_;                               // dtype and device of the frames
    std::vector<std::vector<Grid>> along_;          // per layer, as grids() gives them
    std::vector<Grid> middle_grids_;                // of each layer's input path
    std::vector<Grid> drive_grids_;                 // where each layer's recurrent drive joins
    std::vector<std::optional<LinearMap>> linear_;  // recurrences that are one convolution: asked once per run
};

}  // namespace dv::temporal
