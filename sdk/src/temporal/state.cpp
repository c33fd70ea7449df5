#include <dv/temporal/state.hpp>

#include <dv/error.hpp>

#include <string>

namespace dv::temporal {

void History::push(at::Tensor signal) {
    if (capacity_ == 0) return;
    if (holds_first_ && signal.defined()) {
        entries_.assign(static_cast<std::size_t>(capacity_), std::move(signal));
        holds_first_ = false;
        return;
    }
    if (size() == capacity_) entries_.erase(entries_.begin());
    entries_.push_back(std::move(signal));
}

at::Tensor History::back(std::int64_t k) const {
    if (k < 1 || k > capacity_) {
        throw Error("a history that keeps " + std::to_string(capacity_) + " signals was asked for the " +
                    std::to_string(k) + "-th newest");
    }
    return k <= size() ? entries_[static_cast<std::size_t>(size() - k)] : at::Tensor();
}

void History::detach() {
    for (at::Tensor& entry : entries_) {
        if (entry.defined()) entry = entry.detach();
    }
}

State State::detached() const {
    State cut = *this;
    for (History& history : cut.layers) history.detach();
    const auto detach = [](at::Tensor& tensor) {
        if (tensor.defined()) tensor = tensor.detach();
    };
    for (at::Tensor& tensor : cut.membranes) detach(tensor);
    for (at::Tensor& tensor : cut.adaptations) detach(tensor);
    detach(cut.input);
    for (std::vector<Knot>& knots : cut.knots) {
        for (Knot& knot : knots) {
            for (at::Tensor* tensor : {&knot.value, &knot.response, &knot.slope_before, &knot.slope_after})
                detach(*tensor);
            for (at::Tensor& slope : knot.slopes) detach(slope);
        }
    }
    return cut;
}

State initial_state(const Circuit& circuit) {
    State state;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) state.layers.emplace_back(circuit.history_length(l));
    state.membranes.resize(circuit.layers.size());
    state.adaptations.resize(circuit.layers.size());
    return state;
}

}  // namespace dv::temporal
