#pragma once
/// Parameters of convolutions and linear maps, with and without weight normalisation.

#include "settings.hpp"

#include <dv/torch/parameters.hpp>

#include <span>

namespace rcnn {

/// A weight that is a parameter, or is made of two: g v / |v| with one g per output channel. Source: Salimans & Kingma
/// (2016),
/// arXiv:1602.07868; names are those of torch.nn.utils.parametrizations.weight_norm.
struct Weight {
    at::Tensor plain;             ///< undefined when there are two
    at::Tensor scale, direction;  ///< g and v

    bool is_made() const { return scale.defined(); }
    /// Part of the autograd graph; made anew by each call.
    at::Tensor value() const;
    std::int64_t n_parameters() const;
};

/// Declares `<name>.weight`, or `<name>.parametrizations.weight.original0|1`.
Weight add_weight(dv::Parameters& weights, const std::string& name, std::span<const std::int64_t> shape,
                  const dv::Initializer& initializer, bool weight_norm);

/// How weights [out, in, ...] and the constants beside them start.
dv::Initializer start_of_weight(Start start, std::int64_t fan_in);
dv::Initializer start_of_bias(Start start, std::int64_t fan_in);

/// A recurrence that is one convolution, with the weight g v / |v| in place of its own. Built already.
class WeightNormedRecurrence final : public dv::Recurrence {
public:
    /// Throws Error when `inner` is not one convolution.
    explicit WeightNormedRecurrence(std::shared_ptr<dv::Recurrence> inner);

    void build(const dv::RecurrenceSite&) override {}
    std::vector<dv::NamedTensor> parameters() const override { return parameters_; }
    at::Tensor forward(const at::Tensor& rate) const override;
    std::optional<dv::LinearMap> linear() const override;
    std::string equation() const override { return inner_->equation(); }

private:
    std::shared_ptr<dv::Recurrence> inner_;
    dv::LinearMap map_;
    Weight weight_;
    std::vector<dv::NamedTensor> parameters_;
};

/// r = w h with a w that is neither drawn nor trained (CORnet-RT: 1).
class FixedSelf final : public dv::Recurrence {
public:
    explicit FixedSelf(double weight) : value_(weight) {}

    void build(const dv::RecurrenceSite& site) override;
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight_, /*trainable=*/false}}; }
    at::Tensor forward(const at::Tensor& rate) const override { return rate.mul(weight_); }
    std::string equation() const override { return "w h"; }

private:
    double value_;
    at::Tensor weight_;
};

}  // namespace rcnn
