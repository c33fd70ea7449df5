#include "compose/weighted_loss.hpp"

#include <algorithm>

namespace dvhost::compose {

namespace {

/// The activity that monitors [first, first + n) asked for, as the loss that has only these knows it.
std::vector<dv::Activity> part_of(const std::vector<dv::Activity>& activity, std::size_t first, std::size_t n) {
    std::vector<dv::Activity> own;
    for (const dv::Activity& a : activity) {
        if (a.monitor >= first && a.monitor < first + n) own.push_back({a.monitor - first, a.layer, a.values});
    }
    return own;
}

}  // namespace

WeightedLoss::WeightedLoss(std::vector<Term> terms, const dv_host& own_host) {
    host = &own_host;
    std::erase_if(terms, [](const Term& term) { return term.weight <= 0.0; });
    if (terms.empty()) throw dv::Error("every [[loss]] has weight 0: nothing would be minimised");
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const auto same = [&](const Term& other) { return other.name == terms[i].name; };
        const auto end = terms.begin() + static_cast<std::ptrdiff_t>(i);
        const auto earlier = std::count_if(terms.begin(), end, same);
        std::string name = "loss/" + terms[i].name;
        if (earlier > 0) name += "_" + std::to_string(earlier + 1);
        names_.push_back(std::move(name));
    }
    for (Term& term : terms) {
        const std::vector<dv::Monitor> wanted = term.loss->monitors();
        entries_.push_back({std::move(term), monitors_.size(), wanted.size()});
        monitors_.insert(monitors_.end(), wanted.begin(), wanted.end());
    }
}

std::vector<dv::Monitor> WeightedLoss::monitors() const { return monitors_; }

at::Tensor WeightedLoss::value(const at::Tensor& outputs, const at::Tensor& labels) const {
    if (!monitors_.empty()) {
        throw dv::Error("a loss monitors '" + monitors_[0].operation + "' of layers '" + monitors_[0].layers +
                        "', but this model scores its outputs alone: remove that loss or choose another model");
    }
    return value_with_activity(outputs, labels, {});
}

at::Tensor WeightedLoss::value_with_activity(const at::Tensor& outputs, const at::Tensor& labels,
                                             const std::vector<dv::Activity>& activity) const {
    at::Tensor sum;
    last_.clear();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Entry& entry = entries_[i];
        const dv::Loss& loss = *entry.term.loss;
        at::Tensor value =
            entry.n_monitors == 0
                ? loss.value(outputs, labels)
                : loss.value_with_activity(outputs, labels, part_of(activity, entry.first_monitor, entry.n_monitors));
        if (value.dim() > 0) value = value.mean();
        if (entry.term.weight != 1.0) value = value.mul(entry.term.weight);
        last_.push_back({names_[i], value.detach(), false});
        sum = sum.defined() ? sum.add(value) : value;
    }
    return sum;
}

}  // namespace dvhost::compose
