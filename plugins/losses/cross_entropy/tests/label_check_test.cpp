#include "../label_check.hpp"

#include <dv/error.hpp>

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using dv::losses::LabelCheck;

at::Tensor labels(std::vector<std::int64_t> values, std::int64_t n_timesteps) {
    return at::tensor(values, at::TensorOptions(at::kLong)).view({-1, n_timesteps});
}

template <class Action>
std::string refusal(const Action& action) {
    try {
        action();
    } catch (const dv::Error& error) {
        return error.what();
    }
    return "";
}

TEST(LabelCheck, LetsClassesVoidAndIgnoredThrough) {
    LabelCheck check(10, 255);
    check.check(labels({0, 9, -1, -100, 255, 5}, 3));
}

TEST(LabelCheck, NamesTheFirstBadLabel) {
    LabelCheck check(10, -1);
    const std::string text = refusal([&] { check.check(labels({0, 1, 2, 3, 10, 11}, 3)); });
    EXPECT_NE(text.find("label 10 at [1, 1] (batch, time): the outputs have 10 classes"), std::string::npos) << text;
}

TEST(LabelCheck, ReadsLabelsOfAnyLayout) {
    LabelCheck check(10, -1);
    const std::string text = refusal([&] { check.check(labels({0, 1, 2, 12, 4, 5}, 3).t()); });  // 12 is in column 1
    EXPECT_NE(text.find("label 12 at [0, 1]"), std::string::npos) << text;
}

// What a device's labels go through: the report comes with a later batch, and once.
TEST(LabelCheck, ReportsLateWhatItLooksAtLater) {
    LabelCheck check(10, 255);
    const at::Tensor good = labels({0, 255, -1, 9}, 2);
    check.look_later(good);
    check.look_later(labels({0, 1, 12, 255}, 2));
    const std::string text = refusal([&] { check.look_later(good); });
    EXPECT_NE(text.find("label 12 at [1, 0] (batch, time) of an earlier batch"), std::string::npos) << text;
    check.look_later(good);
}

TEST(LabelCheck, TakesAnEmptyBatch) {
    LabelCheck check(10, -1);
    check.look_later(at::full({0, 3}, 0, at::kLong));
    check.check(at::full({0, 3}, 0, at::kLong));
}

}  // namespace
