#include <dv/torch/parameters.hpp>

#include <dv/error.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace {

using dv::Parameters;

bool same(const at::Tensor& a, const at::Tensor& b) { return a.equal(b); }

TEST(Parameters, AreTrainableFloatsUnderTheirNames) {
    Parameters parameters(1);
    const at::Tensor w = parameters.add("conv.weight", {4, 3, 3, 3}, dv::init::Uniform{0.1});
    EXPECT_EQ(w.scalar_type(), at::kFloat);
    EXPECT_TRUE(w.requires_grad());
    EXPECT_TRUE(parameters.at("conv.weight").is_same(w));
    ASSERT_EQ(parameters.all().size(), 1u);
    EXPECT_EQ(parameters.all()[0].name, "conv.weight");
    EXPECT_TRUE(parameters.all()[0].trainable);
}

TEST(Parameters, DrawsDependOnKeyAndNameAlone) {
    Parameters alone(7), among(7), other(8);
    const at::Tensor w = alone.add("b", {5, 5}, dv::init::Normal{0, 1});
    among.add("a", {100}, dv::init::Normal{0, 1});
    EXPECT_TRUE(same(among.add("b", {5, 5}, dv::init::Normal{0, 1}), w));
    EXPECT_FALSE(same(other.add("b", {5, 5}, dv::init::Normal{0, 1}), w));
    EXPECT_FALSE(same(alone.add("c", {5, 5}, dv::init::Normal{0, 1}), w));
}

TEST(Parameters, InitialisersHaveTheirDistributions) {
    Parameters p(3);
    constexpr std::int64_t n = 20000;
    const at::Tensor uniform = p.add("uniform", {n}, dv::init::Uniform{0.5});
    EXPECT_LE(uniform.abs().max().item<float>(), 0.5f);
    EXPECT_NEAR(uniform.std().item<double>(), 0.5 / std::sqrt(3.0), 0.01);

    const at::Tensor normal = p.add("normal", {n}, dv::init::Normal{2.0, 0.3});
    EXPECT_NEAR(normal.mean().item<double>(), 2.0, 0.02);
    EXPECT_NEAR(normal.std().item<double>(), 0.3, 0.02);

    EXPECT_TRUE(p.add("constant", {3}, dv::init::Constant{1.25}).eq(1.25).all().item<bool>());
    EXPECT_LE(p.add("kaiming_uniform", {n}, dv::init::KaimingUniform{16}).abs().max().item<float>(), 0.25f);
    EXPECT_NEAR(p.add("kaiming_normal", {n}, dv::init::KaimingNormal{8}).std().item<double>(), 0.5, 0.02);
}

TEST(Parameters, ScalarsAreAllowed) { EXPECT_EQ(Parameters(1).add("tau", {}, dv::init::Constant{5.0}).dim(), 0); }

TEST(Parameters, RefusesANameTwice) {
    Parameters p(1);
    p.add("w", {2}, dv::init::Constant{0});
    EXPECT_THROW(p.add("w", {2}, dv::init::Constant{0}), dv::Error);
}

TEST(Parameters, AdoptsAChildUnderAPrefix) {
    Parameters child(1), parent(1);
    child.add("weight", {2, 3}, dv::init::Constant{0});
    child.adopt({"fixed", at::Tensor(child.at("weight")).detach(), false});
    parent.adopt("V1.recurrence", child.all());
    EXPECT_TRUE(parent.at("V1.recurrence.weight").is_same(child.at("weight")));
    EXPECT_EQ(parent.count(), 6);
}

TEST(Parameters, SaysWhatThereIsWhenANameIsUnknown) {
    Parameters p(1);
    p.add("weight", {1}, dv::init::Constant{0});
    try {
        p.at("wieght");
        FAIL() << "an unknown name was accepted";
    } catch (const dv::Error& error) {
        EXPECT_NE(std::string(error.what()).find("weight"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("wieght"), std::string::npos);
    }
}

TEST(Parameters, PassTheDoorUnchanged) {
    Parameters p(1);
    p.add("weight", {2}, dv::init::Constant{1});
    p.adopt({"buffer", at::Tensor(p.at("weight")).detach(), false});
    const auto lent = dv::detail::borrow(p.all());
    const auto owned = dv::detail::own(lent.data(), lent.size());
    ASSERT_EQ(owned.size(), 2u);
    EXPECT_EQ(owned[0].name, "weight");
    EXPECT_TRUE(owned[0].trainable);
    EXPECT_TRUE(owned[0].tensor.is_same(p.at("weight")));
    EXPECT_FALSE(owned[1].trainable);
}

TEST(Matches, IsAGlobOfTheWholeName) {
    using dv::matches;
    EXPECT_TRUE(matches("*", ""));
    EXPECT_TRUE(matches("*.recurrence.*", "V1.recurrence.conv.weight"));
    EXPECT_FALSE(matches("*.recurrence.*", "recurrence.conv.weight"));
    EXPECT_TRUE(matches("addfeedback_*", "addfeedback_V1.conv.bias"));
    EXPECT_FALSE(matches("conv", "conv.weight"));
    EXPECT_TRUE(matches("V?.conv.weight", "V4.conv.weight"));
    EXPECT_FALSE(matches("V?.conv.weight", "V.conv.weight"));
    EXPECT_TRUE(matches("a*b*c", "a__b_b__c"));
    EXPECT_FALSE(matches("a*b*c", "a__b_b__"));
    EXPECT_FALSE(matches("", "x"));
    EXPECT_TRUE(matches("**x", "x"));
}

}  // namespace
