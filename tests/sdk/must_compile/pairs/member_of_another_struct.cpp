// A parameter fills a member of the component that declares it.
#include <dv/logger.hpp>

struct Other {
    int every = 0;
};
struct Subject final : dv::Logger {
    int every = 0;
#ifdef WRONG
    static constexpr auto params = dv::schema(dv::p("every", &Other::every, 50, "rows between flushes"));
#else
    static constexpr auto params = dv::schema(dv::p("every", &Subject::every, 50, "rows between flushes"));
#endif
};
DV_COMPONENT(Subject, "test.logger.subject", "One of a pair");
