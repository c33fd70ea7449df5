#pragma once
/// The sum of a manifest's losses.

#include <dv/torch/loss.hpp>
#include <dv/torch/parameters.hpp>

#include <memory>
#include <string>
#include <vector>

namespace dvhost::compose {

/// Σ weight · loss; terms of weight 0 or below are never computed. What the terms monitor is passed on to the model as one list.
class WeightedLoss final : public dv::Loss {
public:
    struct Term {
        std::shared_ptr<dv::Loss> loss;
        double weight = 1.0;
        std::string name;  ///< in logs; terms of one name are told apart by numbers
    };
    /// `own_host` is the dv_host through which its failures are reported. Throws dv::Error when no term has a weight above 0.
    WeightedLoss(std::vector<Term> terms, const dv_host& own_host);

    /// Throws dv::Error when a term monitors something.
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override;
    std::vector<dv::Monitor> monitors() const override;
    at::Tensor value_with_activity(const at::Tensor& outputs, const at::Tensor& labels,
                                   const std::vector<dv::Activity>& activity) const override;

    /// What each term gave to the last sum, weight and all: 0-dim, detached, named "loss/<name>"; empty before the first. [step]
    std::vector<dv::NamedTensor> last_terms() const { return last_; }

private:
    struct Entry {
        Term term;
        std::size_t first_monitor = 0, n_monitors = 0;  ///< its own among all
    };
    std::vector<Entry> entries_;
    std::vector<dv::Monitor> monitors_;
    std::vector<std::string> names_;
    mutable std::vector<dv::NamedTensor> last_;
};

}  // namespace dvhost::compose
