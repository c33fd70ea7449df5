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

void History::each_tensor(const std::function<void(at::Tensor&)>& visit) {
    for (at::Tensor& entry : entries_) {
        if (entry.defined()) visit(entry);
    }
}

void History::detach() {
    each_tensor([](at::Tensor& entry) { entry = entry.detach(); });
}

State State::detached() const {
    State cut = *this;
    cut.each_tensor([](at::Tensor& tensor) { tensor = tensor.detach(); });
    return cut;
}

void State::each_tensor(const std::function<void(at::Tensor&)>& visit) {
    const auto see = [&](at::Tensor& tensor) {
        if (tensor.defined()) visit(tensor);
    };
    for (History& history : layers) history.each_tensor(visit);
    for (at::Tensor& tensor : membranes) see(tensor);
    for (at::Tensor& tensor : adaptations) see(tensor);
    see(input);
    for (std::vector<Knot>& of_layer : knots) {
        for (Knot& knot : of_layer) {
            for (at::Tensor* tensor : {&knot.value, &knot.response, &knot.slope_before, &knot.slope_after}) see(*tensor);
            for (at::Tensor& slope : knot.slopes) see(slope);
        }
    }
}

State initial_state(const Circuit& circuit) {
    State state;
    for (std::size_t l = 0; l < circuit.layers.size(); ++l) state.layers.emplace_back(circuit.history_length(l));
    state.membranes.resize(circuit.layers.size());
    state.adaptations.resize(circuit.layers.size());
    return state;
}

}  // namespace dv::temporal
