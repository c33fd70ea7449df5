#include "registry/schema_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ParameterSchema integer(std::int64_t fallback) {
    ParameterSchema p;
    p.name = "every";
    p.doc = "rows";
    p.type = ParameterType::integer;
    p.fallback = Scalar{fallback};
    return p;
}

std::vector<std::string> problems(const ParameterSchema& p) {
    return schema_problems({"dv.logger", 1, "lab.logger.x", "a logger", {p}});
}

TEST(SchemaCheck, AcceptsAConsistentDeclaration) {
    ParameterSchema p = integer(50);
    p.min = 1, p.max = 1000, p.multiple_of = 25;
    EXPECT_THAT(problems(p), IsEmpty());
}

TEST(SchemaCheck, ADefaultLiesWithinItsOwnLimits) {
    ParameterSchema p = integer(0);
    p.min = 1, p.max = 31;
    EXPECT_THAT(problems(p), ElementsAre("lab.logger.x, parameter 'every': the default 0 is not between 1 and 31"));
    p = integer(0);
    p.above = 0;
    EXPECT_THAT(problems(p), ElementsAre("lab.logger.x, parameter 'every': the default 0 is not > 0"));
    p = integer(7);
    p.multiple_of = 2;
    EXPECT_THAT(problems(p), ElementsAre("lab.logger.x, parameter 'every': the default 7 is not a multiple of 2"));
}

TEST(SchemaCheck, EveryElementOfAListCounts) {
    ParameterSchema p = integer(0);
    p.is_list = true;
    p.fallback = std::vector<Scalar>{std::int64_t{1}, std::int64_t{9}};
    p.max = 5;
    EXPECT_THAT(problems(p), ElementsAre("lab.logger.x, parameter 'every': the default [1, 9] is not at most 5"));
}

TEST(SchemaCheck, ADefaultIsOneOfTheChoices) {
    ParameterSchema p = integer(0);
    p.type = ParameterType::enumeration;
    p.choices = {"min", "max"};
    p.fallback = Scalar{std::string("mean")};
    EXPECT_THAT(problems(p),
                ElementsAre("lab.logger.x, parameter 'every': the default \"mean\" is not one of: min, max"));
}

TEST(SchemaCheck, TrueAndFalseMayBeChoices) {
    ParameterSchema p = integer(0);
    p.type = ParameterType::enumeration;
    p.choices = {"false", "add"};
    p.fallback = Scalar{false};
    EXPECT_THAT(problems(p), IsEmpty());
    p.fallback = Scalar{true};
    EXPECT_THAT(problems(p),
                ElementsAre("lab.logger.x, parameter 'every': the default true is not one of: false, add"));
}

TEST(SchemaCheck, LimitsLeaveSomething) {
    ParameterSchema p = integer(5);
    p.min = 10, p.below = 10;
    p.fallback = std::monostate{}, p.required = true;
    EXPECT_THAT(problems(p), ElementsAre("lab.logger.x, parameter 'every': no value can be at least 10 and < 10"));
}

TEST(SchemaCheck, EverythingIsDocumentedAndHasAWayToGetAValue) {
    ParameterSchema p = integer(5);
    p.doc = "";
    p.fallback = std::monostate{};
    EXPECT_THAT(problems(p),
                ElementsAre("lab.logger.x, parameter 'every': no documentation",
                            "lab.logger.x, parameter 'every': neither a default nor required nor optional"));
    p.doc = "rows", p.optional = true;
    EXPECT_THAT(problems(p), IsEmpty());
    EXPECT_THAT(schema_problems({"dv.logger", 1, "lab.logger.x", "", {}}),
                ElementsAre("lab.logger.x: no documentation"));
}

TEST(SchemaCheck, LooksIntoTables) {
    ParameterSchema table;
    table.name = "stage", table.doc = "a stage", table.type = ParameterType::table;
    ParameterSchema inner = integer(0);
    inner.min = 1;
    table.nested = {inner};
    EXPECT_THAT(problems(table),
                ElementsAre("lab.logger.x, parameter 'stage', parameter 'every': the default 0 is not at least 1"));
}

}  // namespace
}  // namespace dvhost::registry
