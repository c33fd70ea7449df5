// Callbacks and schedules that break one promise each; the suites must notice. `Quiet` and `Steady` break none.
#include <dv/callback.hpp>
#include <dv/schedule.hpp>

#include <cmath>
#include <limits>

namespace {

struct Quiet : dv::Callback, dv::OnTrainStart, dv::OnTrainEnd {
    void on_train_start(const dv::RunView&, dv::Answer&) override { ++running; }
    void on_train_end(const dv::RunView&, dv::Answer& answer) override { answer.log("runs", running); }
    int running = 0;
};
DV_COMPONENT(Quiet, "test.callback.quiet", "Breaks no promise");

struct Idle final : dv::Callback {};
DV_COMPONENT(Idle, "test.callback.idle", "Asks for no phase");

struct Grumpy final : dv::Callback, dv::OnTrainBatchEnd {
    void on_train_batch_end(const dv::RunView& run, dv::Answer&) override {
        if (run->global_step > 4) throw dv::Error("enough");
    }
};
DV_COMPONENT(Grumpy, "test.callback.grumpy", "Fails in the middle of a run");

/// Errors without a text, where something is unusual.
struct Mute : Quiet {
    virtual bool dislikes(const dv::RunView& run) const = 0;
    void on_train_end(const dv::RunView& run, dv::Answer&) override {
        if (dislikes(run)) throw dv::Error("");
    }
};
struct NeedsMetrics final : Mute {
    bool dislikes(const dv::RunView& run) const override { return run.metrics().empty(); }
};
DV_COMPONENT(NeedsMetrics, "test.callback.needs_metrics", "Fails without a text when a metric is missing");
struct NeedsNumbers final : Mute {
    bool dislikes(const dv::RunView& run) const override {
        return !std::isfinite(run.metric("val/loss").value_or(0.0));
    }
};
DV_COMPONENT(NeedsNumbers, "test.callback.needs_numbers", "Fails without a text when a metric is NaN");
struct NeedsOrder final : Mute {
    bool dislikes(const dv::RunView&) const override { return running != 1; }
};
DV_COMPONENT(NeedsOrder, "test.callback.needs_order", "Fails without a text when phases come out of order");

struct Loses final : Quiet {
    void save_state(dv::StateWriter& out) const override { out.put("running", running); }
};
DV_COMPONENT(Loses, "test.callback.loses", "Saves a state and does not take it back");

struct Trusting final : Quiet {
    void save_state(dv::StateWriter& out) const override { out.put("running", running); }
    void load_state(const dv::StateReader& state) override {
        if (!state.get<std::int64_t>("running")) throw dv::Error("");
        running = static_cast<int>(*state.get<std::int64_t>("running"));
    }
};
DV_COMPONENT(Trusting, "test.callback.trusting", "Fails without a text when a state is another one's");

/// A table of its own, that knows exactly today's door.
struct Rigid : dv::Callback {
    template <class C>
    static constexpr const void* dv_vtable() {
        return &table<C>;
    }
    template <class C>
    static constexpr dv_callback_1 table{
        sizeof(dv_callback_1), 0, [](void*) noexcept -> std::uint64_t { return std::uint64_t{1} << DV_TRAIN_END; },
        [](void* self, std::uint32_t phase, const dv_run* run, const dv_answer*) noexcept -> dv_status {
            const dv_host* host = static_cast<dv::Callback*>(self)->host;
            return C::takes(phase, *run) ? dv_status{DV_OK} : dv::detail::report(host, DV_FAILED, "unknown to me");
        },
        nullptr, nullptr, nullptr};
};
struct KnownPhases final : Rigid {
    static bool takes(std::uint32_t phase, const dv_run&) { return phase < DV_N_PHASES; }
};
DV_COMPONENT(KnownPhases, "test.callback.known_phases", "Refuses a phase of a newer host");
struct KnownSize final : Rigid {
    static bool takes(std::uint32_t, const dv_run& run) { return run.size == sizeof(dv_run); }
};
DV_COMPONENT(KnownSize, "test.callback.known_size", "Refuses the larger table of a newer host");

struct Steady : dv::Schedule {
    double factor(const dv_schedule_point&) const override { return 1.0; }
};
DV_COMPONENT(Steady, "test.schedule.steady", "Breaks no promise");

struct Negative final : Steady {
    double factor(const dv_schedule_point& at) const override { return 1.0 - 0.1 * static_cast<double>(at.epoch); }
};
DV_COMPONENT(Negative, "test.schedule.negative", "Falls below zero after ten epochs");

struct Undefined final : Steady {
    double factor(const dv_schedule_point& at) const override {
        return static_cast<double>(at.step) / static_cast<double>(at.step);
    }
};
DV_COMPONENT(Undefined, "test.schedule.undefined", "Is 0/0 at the start");

struct Counting final : Steady {
    mutable double calls = 0;
    double factor(const dv_schedule_point&) const override { return ++calls; }
};
DV_COMPONENT(Counting, "test.schedule.counting", "Depends on how often it was asked");

struct HeavyMomentum final : Steady {
    double momentum(const dv_schedule_point&) const override { return 1.5; }
};
DV_COMPONENT(HeavyMomentum, "test.schedule.heavy_momentum", "Has a momentum with which weights run away");

struct Forgetful final : Steady {
    static constexpr bool observes = true;
    double seen = 0;
    void observe(double) override { ++seen; }
    double factor(const dv_schedule_point&) const override { return 1.0 / (1.0 + seen); }
};
DV_COMPONENT(Forgetful, "test.schedule.forgetful", "Observes, and keeps no state");

struct OddInterval final : Steady {
    Interval interval() const override { return static_cast<Interval>(7); }
};
DV_COMPONENT(OddInterval, "test.schedule.odd_interval", "Has an interval that there is not");

struct ExactSize final : Steady {
    double factor(const dv_schedule_point& at) const override {
        if (at.size != sizeof at) throw dv::Error("unknown to me");
        return 1.0;
    }
};
DV_COMPONENT(ExactSize, "test.schedule.exact_size", "Refuses the larger table of a newer host");

}  // namespace
