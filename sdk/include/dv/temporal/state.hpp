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

private:
    std::int64_t capacity_;
    std::vector<at::Tensor> entries_;  // at most capacity_, oldest first
};

struct State {
    std::vector<History> layers;

    /// The same values, cut from the autograd graph.
    State detached() const;
};

/// Nothing stored anywhere.
State initial_state(const Circuit& circuit);

}  // namespace dv::temporal
