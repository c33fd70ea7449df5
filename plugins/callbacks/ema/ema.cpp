#include "training/averaging.hpp"

namespace {

/// Exponential moving average of the weights: average = decay · average + (1 − decay) · w after a step; the first one is a copy.
/// Source: Polyak & Juditsky, SIAM J. Control Optim. 30 (1992); as EMAWeightAveraging of Lightning 2.6.
struct Ema final : callbacks::Averaging {
    double decay = 0.0;
    std::int64_t update_every_n_steps = 1;
    std::optional<std::int64_t> update_starting_at_step, update_starting_at_epoch;
    static constexpr auto params = dv::schema(
        dv::p("decay", &Ema::decay, 0.999, "how much of the average stays at an update", dv::range{0.0, 1.0}),
        dv::p("update_every_n_steps", &Ema::update_every_n_steps, 1, "optimizer steps from one update to the next",
              dv::at_least{1}),
        dv::p("update_starting_at_step", &Ema::update_starting_at_step, dv::unset,
              "optimizer step of the first update, from 0; absent: 0", dv::at_least{0}),
        dv::p("update_starting_at_epoch", &Ema::update_starting_at_epoch, dv::unset,
              "epoch, from 0, from which on there is an update after each epoch as well; absent: none",
              dv::at_least{0}),
        dv::p("use_buffers", &Ema::use_buffers, true,
              "average what is no parameter too, such as the statistics of a normalisation"),
        dv::p("device", &Ema::device, dv::unset, "where the average lies, e.g. cpu; absent: where the weights are"));

    std::string state_key() const override { return "EMAWeightAveraging"; }

protected:
    bool due_after_step(std::int64_t step) const override {
        return step >= update_starting_at_step.value_or(0) && step % update_every_n_steps == 0;
    }
    bool due_after_epoch(std::int64_t epoch) const override {
        return update_starting_at_epoch && epoch >= *update_starting_at_epoch;
    }
    double share(std::int64_t) const override { return 1.0 - decay; }
};

}  // namespace
DV_COMPONENT(Ema, "dvhost.callback.ema", "Averages the weights exponentially and evaluates with the average");
