// Only what derives from a kind can be exported.
#include <dv/logger.hpp>

struct Subject final
#ifndef WRONG
    : dv::Logger
#endif
{
    int every = 0;
    static constexpr auto params = dv::schema(dv::p("every", &Subject::every, 50, "rows between flushes"));
};
DV_COMPONENT(Subject, "test.logger.subject", "One of a pair");
