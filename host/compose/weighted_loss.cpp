#include "compose/weighted_loss.hpp"

namespace dvhost::compose {

WeightedLoss::WeightedLoss(std::vector<Term> terms, const dv_host& own_host) : terms_(std::move(terms)) {
    host = &own_host;
    std::erase_if(terms_, [](const Term& term) { return term.weight == 0.0; });
    if (terms_.empty()) throw dv::Error("every [[loss]] has weight 0: nothing would be minimised");
}

at::Tensor WeightedLoss::value(const at::Tensor& outputs, const at::Tensor& labels) const {
    at::Tensor sum;
    for (const Term& term : terms_) {
        at::Tensor value = term.loss->value(outputs, labels);
        if (term.weight != 1.0) value = value.mul(term.weight);
        sum = sum.defined() ? sum.add(value) : value;
    }
    return sum;
}

}  // namespace dvhost::compose
