// A choice has at most dv::kMaxChoices values.
#include <dv/logger.hpp>

struct Subject final : dv::Logger {
    std::string level;
    static constexpr auto params = dv::schema(dv::p(
        "level", &Subject::level, "1", "how much",
#ifdef WRONG
        dv::choices{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17"}));
#else
        dv::choices{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"}));
#endif
};
DV_COMPONENT(Subject, "test.logger.subject", "One of a pair");
