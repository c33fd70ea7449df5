// A parameter's type is read off its member; a map has none.
#include <dv/logger.hpp>

#include <map>

struct Subject final : dv::Logger {
#ifdef WRONG
    std::map<std::string, int> sizes;
#else
    std::vector<std::int64_t> sizes;
#endif
    static constexpr auto params = dv::schema(dv::p("sizes", &Subject::sizes, dv::empty, "sizes"));
};
DV_COMPONENT(Subject, "test.logger.subject", "One of a pair");
