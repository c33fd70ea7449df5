#include "training/averaging.hpp"

namespace {

/// The mean of the weights after every optimizer step. As WeightAveraging of Lightning 2.6 with its defaults.
struct WeightAveraging final : callbacks::Averaging {
    static constexpr auto params =
        dv::schema(dv::p("use_buffers", &WeightAveraging::use_buffers, true,
                         "average what is no parameter too, such as the statistics of a normalisation"),
                   dv::p("device", &WeightAveraging::device, dv::unset,
                         "where the average lies, e.g. cpu; absent: where the weights are"));

    std::string state_key() const override { return "WeightAveraging"; }

protected:
    bool due_after_step(std::int64_t) const override { return true; }
    bool due_after_epoch(std::int64_t) const override { return false; }
    double share(std::int64_t n) const override { return 1.0 / static_cast<double>(n + 1); }
};

}  // namespace
DV_COMPONENT(WeightAveraging, "dvhost.callback.weight_averaging",
             "Averages the weights of all steps and evaluates with the average");
