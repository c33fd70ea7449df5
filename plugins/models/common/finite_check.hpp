#pragma once
/// Stops a run at the first response that is not a number.

#include <dv/temporal/run.hpp>

#include <set>
#include <utility>

namespace rcnn {

/// Looks at every response, and hands those that `inner` wants on.
class FiniteCheck final : public dv::temporal::Recorder {
public:
    FiniteCheck(const dv::temporal::Circuit& circuit, dv::temporal::Recorder* inner)
        : circuit_(circuit), inner_(inner) {}

    bool wants(std::size_t layer, std::int64_t timestep) const override;
    /// Throws Error naming layer, step and sample.
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override;
    /// [batch, time, class], of a run that is over.
    void look_at_outputs(const at::Tensor& outputs) const;

private:
    const dv::temporal::Circuit& circuit_;
    dv::temporal::Recorder* inner_;
    mutable std::set<std::pair<std::size_t, std::int64_t>> wanted_;
};

}  // namespace rcnn
