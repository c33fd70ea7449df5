// A default has the type of its member.
#include <dv/logger.hpp>

struct Subject final : dv::Logger {
    int every = 0;
#ifdef WRONG
    static constexpr auto params = dv::schema(dv::p("every", &Subject::every, "often", "rows between flushes"));
#else
    static constexpr auto params = dv::schema(dv::p("every", &Subject::every, 50, "rows between flushes"));
#endif
};
DV_COMPONENT(Subject, "test.logger.subject", "One of a pair");
