// A schedule says its factor.
#include <dv/schedule.hpp>

struct Subject final : dv::Schedule {
#ifndef WRONG
    double factor(const dv_schedule_point&) const override { return 1.0; }
#endif
};
DV_COMPONENT(Subject, "test.schedule.subject", "One of a pair");
