/// An average of the weights, where Lightning 2.6 keeps it.

#include "checkpoint/averaging_keys.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/scalar_tensor.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace dvhost::testing {
namespace {

using checkpoint::PickleValue;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Pairs = PickleValue::Pairs;

PickleValue filled(double value) { return {at::full({2}, value)}; }
PickleValue dict(Pairs items) { return {PickleValue::Dict{std::move(items)}}; }
double first(const PickleValue* value) { return (*value->as<at::Tensor>())[0].item<double>(); }

/// As a callback keeps its state while its average is the model: w has an average, the buffer b none.
PickleValue averaging_callback() {
    Pairs tensors, state;
    tensors.emplace_back(PickleValue{"average.w"}, filled(1.0));
    tensors.emplace_back(PickleValue{"current.w"}, filled(5.0));
    state.emplace_back(PickleValue{"latest_update_step"}, PickleValue{std::int64_t{4}});
    state.emplace_back(PickleValue{"n_averaged"}, PickleValue{std::int64_t{3}});
    state.emplace_back(PickleValue{"tensors"}, dict(std::move(tensors)));
    return dict(std::move(state));
}

PickleValue file_of(Pairs callbacks) {
    Pairs weights, keys;
    weights.emplace_back(PickleValue{"w"}, filled(1.0));
    weights.emplace_back(PickleValue{"b"}, filled(2.0));
    keys.emplace_back(PickleValue{"state_dict"}, PickleValue{PickleValue::OrderedDict{std::move(weights)}});
    keys.emplace_back(PickleValue{"callbacks"}, dict(std::move(callbacks)));
    checkpoint::put_average(keys);
    return dict(std::move(keys));
}

TEST(AveragingKeys, AreLightnings) {
    Pairs callbacks;
    callbacks.emplace_back(PickleValue{"WeightAveraging"}, averaging_callback());
    const PickleValue file = file_of(std::move(callbacks));
    const PickleValue* current = file.find("current_model_state");
    ASSERT_NE(current, nullptr);
    EXPECT_EQ(first(current->find("w")), 5.0);
    EXPECT_EQ(first(current->find("b")), 2.0);  // Lightning wants a whole state
    EXPECT_EQ(file.find("averaging_state")->find("n_averaged")->as<at::Tensor>()->item<std::int64_t>(), 3);
    const PickleValue* state = file.find("callbacks")->find("WeightAveraging");
    EXPECT_EQ(state->find("tensors"), nullptr);

    const checkpoint::Average taken = checkpoint::take_average(file, *state);
    std::map<std::string, double> values;
    for (const dv::NamedTensor& t : taken.tensors) values[t.name] = t.tensor[0].item<double>();
    EXPECT_EQ(values, (std::map<std::string, double>{{"average.w", 1.0}, {"average.b", 2.0}, {"current.w", 5.0}, {"current.b", 2.0}}));
    EXPECT_EQ(*taken.state.find("n_averaged")->as<std::int64_t>(), 3);
}

TEST(AveragingKeys, OfLightningsFileGiveTheNumberOfUpdates) {
    Pairs state, count;
    state.emplace_back(PickleValue{"latest_update_step"}, PickleValue{std::int64_t{4}});
    PickleValue file = file_of({});
    auto& keys = std::get<PickleValue::Dict>(file.value).items;
    count.emplace_back(PickleValue{"n_averaged"}, PickleValue{at::scalar_tensor(9, at::kLong)});
    keys.emplace_back(PickleValue{"current_model_state"}, *file.find("state_dict"));
    keys.emplace_back(PickleValue{"averaging_state"}, dict(std::move(count)));
    const checkpoint::Average taken = checkpoint::take_average(file, dict(std::move(state)));
    EXPECT_EQ(*taken.state.find("n_averaged")->as<std::int64_t>(), 9);
    EXPECT_THAT(taken.tensors, SizeIs(4));
    EXPECT_THAT(checkpoint::take_average(file, dict({})).tensors, IsEmpty());  // of a callback that averages nothing
}

TEST(AveragingKeys, OfTwoCallbacksStayWithThem) {
    Pairs callbacks;
    callbacks.emplace_back(PickleValue{"WeightAveraging"}, averaging_callback());
    callbacks.emplace_back(PickleValue{"EMAWeightAveraging"}, averaging_callback());
    const PickleValue file = file_of(std::move(callbacks));
    EXPECT_EQ(file.find("current_model_state"), nullptr);
    EXPECT_THAT(*file.find("callbacks")->find("WeightAveraging")->find("tensors")->pairs(), SizeIs(2));
}

}  // namespace
}  // namespace dvhost::testing
