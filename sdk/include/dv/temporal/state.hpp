#pragma once
/// What a circuit remembers between steps. A value: run() takes one and gives the next one back.

#include <dv/temporal/circuit.hpp>

namespace dv::temporal {

/// The newest `capacity` signals of one layer, absent ones included. Holds handles, not copies.
class History {
public:
    explicit History(std::int64_t capacity = 0) : capacity_(capacity) {}

    void push(at::Tensor signal);
    /// The k-th newest (k ≥ 1); absent (undefined) if fewer than k are stored. Precondition: k ≤ capacity.
    at::Tensor back(std::int64_t k) const;
    std::int64_t capacity() const { return capacity_; }
    std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }
    /// Oldest first.
    const std::vector<at::Tensor>& entries() const { return entries_; }
    void detach();
    /// Every entry that is present, oldest first; may be replaced.
    void each_tensor(const std::function<void(at::Tensor&)>& visit);
    /// The first signal that is stored counts as stored for ever before.
    void hold_first() { holds_first_ = true; }
    /// Whether that first signal has yet to come.
    bool waits_for_first() const { return holds_first_ && capacity_ > 0; }

private:
    std::int64_t capacity_;
    std::vector<at::Tensor> entries_;  // at most capacity_, oldest first
    bool holds_first_ = false;
};

/// Where two steps of a layer that advances by stages meet. Between knots it is read by interpolation; before its first
/// one it is
/// absent. Two knots at one time are the values before and after a jump.
struct Knot {
    double time = 0.0;     ///< [ms]
    at::Tensor value;      ///< what is integrated; undefined while absent
    at::Tensor response;   ///< what the layer stores: what others read
    at::Tensor slope_before, slope_after;  ///< d value/dt just before and after [1/ms]; undefined: not known
    std::vector<at::Tensor> slopes;        ///< of the stages of the step that ends here, for methods with a polynomial of their own
};

struct State {
    std::vector<History> layers;
    std::vector<at::Tensor> membranes;    ///< per layer: the solver's last result; undefined before it, or where nothing needs it
    std::vector<at::Tensor> adaptations;  ///< per layer: s of its Adaptation; undefined counts as 0
    at::Tensor input;                     ///< the adapted input of the last step; undefined counts as 0

    // Of circuits that advance by stages, which also store the ends of their steps in `layers`.
    std::vector<std::vector<Knot>> knots;  ///< per layer, oldest first; where there are none, those of `layers`, the newest at `time`
    double time = 0.0;                     ///< [ms] of the newest knot
    double step = 0.0;                     ///< [ms] that an adaptive solver tries next; 0: it has not been asked

    /// The same values, cut from the autograd graph.
    State detached() const;
    /// Every tensor that is there, always in the same order; may be replaced.
    void each_tensor(const std::function<void(at::Tensor&)>& visit);
};

/// Nothing stored anywhere.
State initial_state(const Circuit& circuit);

}  // namespace dv::temporal
