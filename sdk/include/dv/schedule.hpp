#pragma once
/// Kind dv.schedule (portable): a factor on the optimizer's base learning rates, [step].
///
/// When it is asked again is the manifest's business (`interval` and `frequency` of its table); a schedule only sees how often that
/// has been (at.count) and will have been (at.total). Most are pure functions of these two and need no state.

#include <dv/component.hpp>
#include <dv/state.hpp>

#include <functional>
#include <limits>
#include <memory>
#include <utility>

namespace dv {

struct Schedule : PortableKind<Schedule> {
    static constexpr const char* dv_iface = DV_IFACE_SCHEDULE;
    static constexpr std::uint32_t dv_iface_version = 1;

    /// step: after each optimizer step; epoch: after the last batch of an epoch, before its validation; validation: after each
    /// validation inside fit; samples: whenever so many training samples more have been seen.
    enum class Interval { step, epoch, validation, samples };
    /// When the factor is asked for again, unless the manifest says otherwise.
    virtual Interval interval() const { return Interval::epoch; }

    /// The factor for what comes after `at`.
    virtual double factor(const dv_schedule_point& at) const = 0;
    /// Momentum (SGD) or first beta (Adam) for what comes after `at`; NaN leaves it as it is.
    virtual double momentum(const dv_schedule_point& at) const {
        (void)at;
        return std::numeric_limits<double>::quiet_NaN();
    }

    /// A schedule that follows a metric hides this with true; the manifest then has to name one (`monitor`).
    static constexpr bool observes = false;
    /// The same of a nested schedule, whose class is not known.
    virtual bool is_observing() const { return observes; }
    /// The metric's newest value; called before factor(), once each time it is asked again.
    virtual void observe(double value) { (void)value; }
    virtual void save_state(StateWriter& out) const { (void)out; }
    virtual void load_state(const StateReader& state) { (void)state; }

    template <class C>
    static constexpr const void* dv_vtable() {
        return C::observes ? &dv_observing_table : &dv_table;
    }
    /// A nested one, for Factory<Schedule>.
    static std::shared_ptr<Schedule> dv_import(const dv_child& child, std::function<void(dv_child&)> release);

private:
    static Schedule& of(void* self) { return *static_cast<Schedule*>(self); }
    static constexpr dv_schedule_1 table(bool observes);
    static const dv_schedule_1 dv_table, dv_observing_table;
};

constexpr dv_schedule_1 Schedule::table(bool observes) {
    dv_schedule_1 out{
        sizeof(dv_schedule_1),
        0,
        [](void* self) noexcept -> std::uint32_t { return static_cast<std::uint32_t>(of(self).interval()); },
        [](void* self, const dv_schedule_point* at, double* out) noexcept -> dv_status {
            return detail::guard(of(self).host, "factor", [&] { *out = of(self).factor(*at); });
        },
        [](void* self, const dv_schedule_point* at, double* out) noexcept -> dv_status {
            return detail::guard(of(self).host, "momentum", [&] { *out = of(self).momentum(*at); });
        },
        nullptr,
        [](void* self, const dv_state_out* out) noexcept -> dv_status {
            return detail::guard(of(self).host, "save_state", [&] {
                StateWriter writer(*out);
                of(self).save_state(writer);
            });
        },
        [](void* self, const dv_config* state) noexcept -> dv_status {
            return detail::guard(of(self).host, "load_state", [&] { of(self).load_state(StateReader(*state)); });
        },
    };
    if (observes) {
        out.observe = [](void* self, double value) noexcept -> dv_status {
            return detail::guard(of(self).host, "observe", [&] { of(self).observe(value); });
        };
    }
    return out;
}

inline constexpr dv_schedule_1 Schedule::dv_table = Schedule::table(false);
inline constexpr dv_schedule_1 Schedule::dv_observing_table = Schedule::table(true);

/// A nested schedule behind its table, of which an older plugin has only the first part.
class ScheduleProxy final : public Schedule {
public:
    ScheduleProxy(const dv_child& child, std::function<void(dv_child&)> release)
        : child_(child), release_(std::move(release)), table_(*static_cast<const dv_schedule_1*>(child.component->vtable)) {
        host = child.host;
    }
    ~ScheduleProxy() override {
        if (release_) release_(child_);
    }
    Interval interval() const override {
        return table_.interval ? static_cast<Interval>(table_.interval(child_.object)) : Interval::step;
    }
    double factor(const dv_schedule_point& at) const override {
        double out = 1.0;
        detail::check(host, table_.factor(child_.object, &at, &out));
        return out;
    }
    double momentum(const dv_schedule_point& at) const override {
        if (!DV_HAS(&table_, momentum) || !table_.momentum) return Schedule::momentum(at);
        double out = 0.0;
        detail::check(host, table_.momentum(child_.object, &at, &out));
        return out;
    }
    bool is_observing() const override { return DV_HAS(&table_, observe) && table_.observe; }
    void observe(double value) override {
        if (is_observing()) detail::check(host, table_.observe(child_.object, value));
    }
    void save_state(StateWriter& out) const override {
        if (DV_HAS(&table_, save_state) && table_.save_state) {
            detail::check(host, table_.save_state(child_.object, &out.door()));
        }
    }
    void load_state(const StateReader& state) override {
        if (!DV_HAS(&table_, load_state) || !table_.load_state) return;
        const dv_config config = state.door();
        detail::check(host, table_.load_state(child_.object, &config));
    }

private:
    dv_child child_;
    std::function<void(dv_child&)> release_;
    const dv_schedule_1& table_;
};

inline std::shared_ptr<Schedule> Schedule::dv_import(const dv_child& child, std::function<void(dv_child&)> release) {
    return std::make_shared<ScheduleProxy>(child, std::move(release));
}

}  // namespace dv
