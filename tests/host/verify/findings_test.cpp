#include "verify/findings.hpp"

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

namespace dvhost::verify {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Findings found(const std::string& name, Values values) {
    Findings out;
    out.add(name, std::move(values));
    return out;
}

Expected expected(const std::string& name, std::vector<Written> values) {
    return {name, {manifest::Source::Kind::file, "c.toml", 7, 3}, std::move(values)};
}

Outcome compared(double found_value, Written written, const Tolerances& tolerances = {},
                 Precision precision = Precision::double_) {
    return compare(found("x", {found_value}), {expected("x", {written})}, tolerances, precision);
}

TEST(Findings, AWrittenDigitMayBeOffByTwo) {
    EXPECT_TRUE(compared(0.125 + 1.9e-3, {0.125, 1e-3}).passed());
    EXPECT_FALSE(compared(0.125 + 2.1e-3, {0.125, 1e-3}).passed());
}

TEST(Findings, AnIntegerIsMeantExactly) {
    EXPECT_TRUE(compared(3.0 + 1e-12, {3.0, 0.0}).passed());
    EXPECT_FALSE(compared(3.0 + 1e-11, {3.0, 0.0}).passed());
    EXPECT_FALSE(compared(1e-300, {0.0, 0.0}).passed()) << "zero is zero";
}

TEST(Findings, SinglePrecisionIsRelative) {
    EXPECT_TRUE(compared(100.0 + 9e-3, {100.0, 1e-9}, {}, Precision::single).passed());
    EXPECT_FALSE(compared(100.0 + 2e-2, {100.0, 1e-9}, {}, Precision::single).passed());
    EXPECT_TRUE(compared(9e-6, {0.0, 0.0}, {}, Precision::single).passed());
}

TEST(Findings, ACaseMayBoundOneValueOrAll) {
    Tolerance wide;
    wide.in_double.absolute = 0.5;
    EXPECT_TRUE(compared(1.4, {1.0, 1e-9}, {{"x", wide}}).passed());
    EXPECT_TRUE(compared(1.4, {1.0, 1e-9}, {{"*", wide}}).passed());
    EXPECT_FALSE(compared(1.4, {1.0, 1e-9}, {{"y", wide}}).passed());
    Tolerance narrow;
    narrow.in_double.relative = 1e-12;
    EXPECT_FALSE(compared(1.4, {1.0, 1e-9}, {{"*", wide}, {"x", narrow}}).passed()) << "its own bound comes first";
}

TEST(Findings, TheFirstDivergenceIsNamed) {
    const Outcome out = compare(found("trace", {1.0, 2.5, 9.0}),
                                {expected("trace", {{1.0, 0.1}, {2.0, 0.1}, {3.0, 0.1}})}, {}, Precision::double_);
    ASSERT_TRUE(out.divergence);
    EXPECT_EQ(out.divergence->name, "trace");
    EXPECT_EQ(out.divergence->index, 1u);
    EXPECT_EQ(out.divergence->expected, 2.0);
    EXPECT_EQ(out.divergence->found, 2.5);
    EXPECT_DOUBLE_EQ(out.divergence->tolerance, 0.2);
    EXPECT_EQ(out.n_values, 3u);
}

TEST(Findings, AbsentIsNeitherZeroNorNan) {
    const Written absent{0.0, 0.0, true};
    EXPECT_TRUE(compare(found("x", {std::nullopt}), {expected("x", {absent})}, {}, Precision::double_).passed());
    EXPECT_FALSE(compared(0.0, absent).passed());
    EXPECT_FALSE(compare(found("x", {std::nullopt}), {expected("x", {{0.0, 0.0}})}, {}, Precision::double_).passed());
    EXPECT_FALSE(compared(std::nan(""), {0.0, 0.1}).passed());
}

TEST(Findings, AnUnknownNameIsToldWithItsPlaceAndWhatThereIs) {
    const Outcome out = compare(found("out_last", {1.0}), {expected("outlast", {{1.0, 0.1}})}, {}, Precision::double_);
    EXPECT_FALSE(out.passed());
    EXPECT_THAT(out.error,
                AllOf(HasSubstr("c.toml:7:3"), HasSubstr("'outlast'"), HasSubstr("did you mean 'out_last'?")));
}

TEST(Findings, AWrongLengthIsToldWithItsPlaceAndBothNumbers) {
    const Outcome out = compare(found("x", {1.0, 2.0}), {expected("x", {{1.0, 0.1}})}, {}, Precision::double_);
    EXPECT_THAT(out.error, AllOf(HasSubstr("c.toml:7:3"), HasSubstr("1 value,"), HasSubstr("gives 2")));
}

TEST(Findings, TensorsAreTakenElementByElement) { EXPECT_EQ(values_of(at::tensor({1.5, -2.0})), (Values{1.5, -2.0})); }

}  // namespace
}  // namespace dvhost::verify
