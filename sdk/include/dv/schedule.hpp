#pragma once
/// Kind dv.schedule (portable): a factor on the optimizer's base learning rates, [step].

#include <dv/component.hpp>

namespace dv {

struct Schedule : PortableKind<Schedule> {
    static constexpr const char* dv_iface = DV_IFACE_SCHEDULE;
    static constexpr std::uint32_t dv_iface_version = 1;

    enum class Interval { step, epoch };
    /// When the factor is asked for again: after each optimizer step, or after each epoch (before its validation).
    virtual Interval interval() const { return Interval::epoch; }

    /// The factor for what comes after `at`: at.step optimizer steps and at.epoch epochs are done (0 at the start);
    /// at.total_steps and at.total_epochs are planned (-1 unknown).
    virtual double factor(const dv_schedule_point& at) const = 0;

    template <class C>
    static constexpr const void* dv_vtable() {
        return &dv_table;
    }

private:
    static Schedule& of(void* self) { return *static_cast<Schedule*>(self); }
    static const dv_schedule_1 dv_table;
};

inline constexpr dv_schedule_1 Schedule::dv_table{
    sizeof(dv_schedule_1),
    0,
    [](void* self) noexcept -> std::uint32_t { return static_cast<std::uint32_t>(of(self).interval()); },
    [](void* self, const dv_schedule_point* at, double* out) noexcept -> dv_status {
        return detail::guard(of(self).host, "factor", [&] { *out = of(self).factor(*at); });
    },
};

}  // namespace dv
