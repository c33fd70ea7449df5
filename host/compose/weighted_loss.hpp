#pragma once
/// The sum of a manifest's losses.

#include <dv/torch/loss.hpp>

#include <memory>
#include <vector>

namespace dvhost::compose {

/// Σ weight · loss; terms of weight 0 are never computed.
class WeightedLoss final : public dv::Loss {
public:
    struct Term {
        std::shared_ptr<dv::Loss> loss;
        double weight = 1.0;
    };
    /// `own_host` is the dv_host through which its failures are reported. Precondition: a term of weight above 0.
    WeightedLoss(std::vector<Term> terms, const dv_host& own_host);
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override;

private:
    std::vector<Term> terms_;
};

}  // namespace dvhost::compose
