#pragma once
/// From milliseconds to lags: a network's rule for all its paths.

#include "settings.hpp"

namespace rcnn {

/// How far back a path reads.
struct Delay {
    std::int64_t lag = 0;                   ///< [steps]
    double ms = dv::temporal::kDelayOfLag;  ///< for circuits that advance by stages
};

class Delays {
public:
    enum class Path { feedforward, recurrence, skip, feedback };

    /// `by_stages`: some solver has stages. `owner` gets the warnings. Throws ParameterError when policy or order do
    /// not suit.
    Delays(const Settings& settings, bool by_stages, const dv::Component& owner);

    dv::temporal::UpdateOrder order() const { return order_; }
    /// `parameter` is what a refusal names, `edge` how a message calls the path ("recurrence of V1"). `back`: the
    /// source stores after it is read.
    Delay of(Path path, double ms, bool back, const std::string& edge, const std::string& parameter) const;

private:
    std::int64_t steps(Path path, double ms, const std::string& edge, const std::string& parameter) const;

    const Settings& s_;
    bool by_stages_;
    const dv::Component& owner_;
    dv::temporal::UpdateOrder order_;
};

}  // namespace rcnn
