#include "recording/response_recorder.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dvhost::testing {
namespace {

using recording::Array;
using recording::ArrayFile;
using recording::Policy;
using recording::Reduce;
using recording::ResponseRecorder;
using recording::Settings;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kSteps = 4;
const std::vector<dv::LayerFacts> kLayers{{"V1", 2, 3, 3, 2.0}, {"V2", 4, 1, 1, 2.0}};

/// What layer l answers to sample s at step t: one number in all units, plus the unit's own.
at::Tensor response(std::size_t layer, std::int64_t timestep, const std::vector<std::int64_t>& samples) {
    const dv::LayerFacts& l = kLayers[layer];
    const at::Tensor units =
        at::arange(l.channels * l.height * l.width, at::kFloat).view({1, l.channels, l.height, l.width});
    const at::Tensor of_sample = at::tensor(samples, at::kLong).to(at::kFloat).mul(100).view({-1, 1, 1, 1});
    return units.add(of_sample).add(1000.0 * static_cast<double>(timestep));
}

/// Shows `n` samples in batches; in step 0 layer V2 has no signal, in step 1 one that is the same for all.
void show(ResponseRecorder& recorder, std::int64_t n, std::int64_t batch_size) {
    for (std::int64_t first = 0; first < n; first += batch_size) {
        std::vector<std::int64_t> samples;
        for (std::int64_t s = first; s < std::min(n, first + batch_size); ++s) samples.push_back(s);
        recorder.begin_batch(static_cast<std::int64_t>(samples.size()));
        std::vector<std::vector<bool>> wanted(kLayers.size());
        for (std::size_t l = 0; l < kLayers.size(); ++l) {
            for (std::int64_t t = 0; t < kSteps; ++t) wanted[l].push_back(recorder.wants(l, t));
        }
        for (std::size_t l = 0; l < kLayers.size(); ++l) {
            for (std::int64_t t = 0; t < kSteps; ++t) {
                if (!wanted[l][static_cast<std::size_t>(t)]) continue;
                if (l == 1 && t == 0) {
                    recorder.record(l, t, at::Tensor());
                } else {
                    recorder.record(l, t, l == 1 && t == 1 ? response(l, t, {0}) : response(l, t, samples));
                }
            }
        }
        const auto b = static_cast<std::int64_t>(samples.size());
        at::Tensor outputs = at::zeros({b, kSteps, 3});
        at::Tensor labels = at::full({b, kSteps}, -1, at::kLong);
        for (std::int64_t i = 0; i < b; ++i) {
            outputs[i]
                .select(1, samples[static_cast<std::size_t>(i)] % 3)
                .fill_(std::log(2.0));  // softmax: 1/2, 1/4, 1/4
            labels[i].narrow(0, 2, 2).fill_(1);
        }
        recorder.end_batch(outputs, labels, at::tensor(samples, at::kLong).add(500));
    }
}

const Array& array(const ArrayFile& file, const std::string& name) {
    for (const Array& a : file.arrays) {
        if (a.name == name) return a;
    }
    throw std::out_of_range("no array " + name);
}
at::Tensor values(const ArrayFile& file, const std::string& name) {
    const Array& a = array(file, name);
    return a.all_rows ? a.values : a.values.index_select(0, at::tensor(a.rows, at::kLong));
}

ResponseRecorder recorder_of(const Settings& settings, std::int64_t n_available = 10) {
    return ResponseRecorder(settings, kLayers, n_available, 3, [](const std::string&) {});
}

TEST(ResponseRecorder, KeepsEveryUnitOfEverySampleAndStep) {
    ResponseRecorder recorder = recorder_of({.n_samples = -1});
    show(recorder, 10, 4);
    const ArrayFile file = recorder.content();
    const at::Tensor v1 = values(file, "response_V1");
    ASSERT_TRUE(v1.sizes().equals({10, 4, 2, 3, 3}));
    for (std::int64_t s = 0; s < 10; ++s) {
        for (std::int64_t t = 0; t < kSteps; ++t) EXPECT_TRUE(v1[s][t].equal(response(0, t, {s})[0])) << s << " " << t;
    }
    EXPECT_THAT(array(file, "response_V1").dimensions,
                ElementsAre("presentation", "time_bin", "V1_channel", "V1_y", "V1_x"));
}

TEST(ResponseRecorder, AbsentStepsAreZerosWithAMask) {
    ResponseRecorder recorder = recorder_of({});
    show(recorder, 3, 3);
    const ArrayFile file = recorder.content();
    EXPECT_EQ(values(file, "response_V2").select(1, 0).abs().max().item<float>(), 0.0f);
    for (std::int64_t s = 0; s < 3; ++s) {
        EXPECT_TRUE(values(file, "present_V2")[s].equal(at::arange(kSteps, at::kLong).gt(0)));
        EXPECT_TRUE(values(file, "present_V1")[s].all().item<bool>());
    }
}

TEST(ResponseRecorder, AResponseOfOneSampleIsGivenToAll) {
    ResponseRecorder recorder = recorder_of({});
    show(recorder, 3, 3);
    const at::Tensor v2 = values(recorder.content(), "response_V2");
    for (std::int64_t s = 0; s < 3; ++s) EXPECT_TRUE(v2[s][1].equal(response(1, 1, {0})[0]));
}

TEST(ResponseRecorder, DecisionsAreThoseOfTheOutputs) {
    ResponseRecorder recorder = recorder_of({});
    show(recorder, 4, 4);
    const ArrayFile file = recorder.content();
    EXPECT_TRUE(values(file, "guess").select(1, 0).equal(at::tensor({0, 1, 2, 0}, at::kLong)));
    EXPECT_TRUE(values(file, "label")[2].equal(at::tensor({-1, -1, 1, 1}, at::kLong)));
    EXPECT_TRUE(values(file, "first_label").equal(at::full({4}, 1, at::kLong)));
    EXPECT_TRUE(values(file, "sample_index").equal(at::tensor({500, 501, 502, 503}, at::kLong)));
    EXPECT_TRUE(values(file, "confidence").allclose(at::full({4, 4}, 0.5f), 1e-6, 1e-6));
    EXPECT_TRUE(values(file, "first_label_confidence")
                    .select(1, 0)
                    .allclose(at::tensor({0.25f, 0.5f, 0.25f, 0.25f}), 1e-6, 1e-6));
    EXPECT_TRUE(values(file, "output").sizes().equals({4, 4, 3}));
}

TEST(ResponseRecorder, StepsAreChosenAndHaveTheirTimes) {
    ResponseRecorder recorder = recorder_of({.every = 2, .from = 1});
    show(recorder, 2, 2);
    const ArrayFile file = recorder.content();
    EXPECT_TRUE(values(file, "time_step").equal(at::tensor({1, 3}, at::kLong)));
    EXPECT_TRUE(values(file, "time_bin_start").equal(at::tensor({2.0, 6.0}, at::kDouble)));
    EXPECT_TRUE(values(file, "time_bin_end").equal(at::tensor({4.0, 8.0}, at::kDouble)));
    EXPECT_TRUE(values(file, "response_V1")[1][1].equal(response(0, 3, {1})[0]));
    ResponseRecorder early = recorder_of({.to = 2});
    show(early, 2, 2);
    EXPECT_TRUE(values(early.content(), "time_step").equal(at::tensor({0, 1}, at::kLong)));
}

TEST(ResponseRecorder, OnlyChosenLayersAreAskedFor) {
    ResponseRecorder recorder = recorder_of({.layers = {"V?"}}), second = recorder_of({.layers = {"V2"}});
    recorder.begin_batch(1);
    second.begin_batch(1);
    EXPECT_TRUE(recorder.wants(0, 0));
    EXPECT_FALSE(second.wants(0, 0));
    EXPECT_TRUE(second.wants(1, 0));
}

TEST(ResponseRecorder, ReductionsAreMeansOverTheirAxes) {
    const at::Tensor whole = response(0, 2, {1})[0];
    const auto kept = [&](Reduce reduce, const std::string& name) {
        ResponseRecorder recorder = recorder_of({.reduce = reduce});
        show(recorder, 2, 2);
        return values(recorder.content(), name)[1][2].clone();
    };
    EXPECT_TRUE(kept(Reduce::channel_mean, "response_V1").allclose(whole.mean(at::IntArrayRef{0})));
    EXPECT_TRUE(kept(Reduce::space_mean, "response_V1").allclose(whole.mean(at::IntArrayRef{1, 2})));
    EXPECT_NEAR(kept(Reduce::layer, "response_V1_mean").item<float>(), 2100.0f + 8.5f, 1e-3);
    EXPECT_NEAR(kept(Reduce::layer, "response_V1_std").item<float>(), std::sqrt(18.0 * 19.0 / 12.0),
                1e-3);  // of 0 … 17
}

// Of sin 0, sin 1, ... as [sample, step, channel, y, x]: what DynVision 0.1.0's functions of these names give.
TEST(ResponseRecorder, MeasuresOfLayersAreDynVisions) {
    const at::Tensor all = at::arange(48, at::kDouble).sin().view({2, 2, 3, 2, 2}).to(at::kFloat);
    ResponseRecorder recorder({.reduce = Reduce::layer}, {{"V1", 3, 2, 2, 2.0}}, 2, 7, [](const std::string&) {});
    recorder.begin_batch(2);
    for (std::int64_t t = 0; t < 2; ++t) ASSERT_TRUE(recorder.wants(0, t));
    for (std::int64_t t = 0; t < 2; ++t) recorder.record(0, t, all.select(1, t));
    recorder.end_batch(at::zeros({2, 2, 3}), {}, {});
    const recording::ArrayFile content = recorder.content();
    const auto expect = [&](const std::string& measure, const std::vector<float>& printed) {
        const at::Tensor found = values(content, "response_V1_" + measure).flatten().contiguous();
        for (std::size_t i = 0; i < printed.size(); ++i) EXPECT_NEAR(found.const_data_ptr<float>()[i], printed[i], 2e-6) << measure;
    };
    expect("mean", {.624125444657f, .612706084866f, .632673110824f, .620123332638f});
    expect("std", {.347330102177f, .331247033959f, .294008822971f, .364931572937f});
    expect("spatial_variance", {.517095158066f, .452756436232f, .462151786109f, .534461128313f});
    expect("feature_variance", {.742299763222f, .707714518702f, .712764983859f, .751634830972f});
}

TEST(ResponseRecorder, HalfPrecisionTakesHalfTheMemory) {
    ResponseRecorder single = recorder_of({}), half = recorder_of({.dtype = at::kHalf});
    show(single, 4, 4);
    show(half, 4, 4);
    EXPECT_EQ(2 * array(half.content(), "response_V1").n_bytes(), array(single.content(), "response_V1").n_bytes());
    EXPECT_TRUE(
        values(half.content(), "response_V1").to(at::kFloat).allclose(values(single.content(), "response_V1"), 1e-3));
}

TEST(ResponseRecorder, ThePolicySaysWhichSamplesStayAcrossBatches) {
    const auto kept = [](Policy policy) {
        ResponseRecorder recorder = recorder_of({.policy = policy, .n_samples = 3});
        show(recorder, 10, 4);
        const ArrayFile file = recorder.content();
        const at::Tensor index = values(file, "sample_index").sub(500), v1 = values(file, "response_V1");
        for (std::int64_t i = 0; i < index.size(0); ++i) {  // responses are those of the samples that are named
            EXPECT_TRUE(v1[i][1].equal(response(0, 1, {index[i].item<std::int64_t>()})[0]));
        }
        return std::vector<std::int64_t>(index.const_data_ptr<std::int64_t>(),
                                         index.const_data_ptr<std::int64_t>() + index.size(0));
    };
    EXPECT_THAT(kept(Policy::fixed), ElementsAre(0, 1, 2));
    EXPECT_THAT(kept(Policy::cyclic), ElementsAre(7, 8, 9));
    const auto reservoir = kept(Policy::reservoir);
    ASSERT_EQ(reservoir.size(), 3u);
    EXPECT_TRUE(std::is_sorted(reservoir.begin(), reservoir.end()));
}

TEST(ResponseRecorder, AsksForNothingOnceItIsFull) {
    ResponseRecorder recorder = recorder_of({.n_samples = 2});
    show(recorder, 4, 4);
    recorder.begin_batch(4);
    for (std::int64_t t = 0; t < kSteps; ++t) EXPECT_FALSE(recorder.wants(0, t));
}

TEST(ResponseRecorder, SaysHowMuchThereWillBe) {
    std::string said;
    ResponseRecorder recorder({.n_samples = 5}, kLayers, 10, 3, [&](const std::string& text) { said = text; });
    show(recorder, 10, 5);
    std::uint64_t n_bytes = 0;
    for (const Array& a : recorder.content().arrays) n_bytes += a.name.starts_with("response") ? a.n_bytes() : 0;
    EXPECT_EQ(n_bytes, 5u * 4u * (18u + 4u) * 4u);
    EXPECT_THAT(said, HasSubstr("5 presentations x 4 time bins of 2 layers, 0.00176 MB"));
}

TEST(ResponseRecorder, RefusesWhatDoesNotFitIntoMemory) {
    const std::vector<dv::LayerFacts> vast{{"V1", 1 << 14, 1 << 10, 1 << 10, 1.0}};
    ResponseRecorder recorder({.n_samples = -1}, vast, 1 << 20, 3, [](const std::string&) {});
    recorder.begin_batch(1);
    ASSERT_TRUE(recorder.wants(0, 0));
    try {
        recorder.record(0, 0, at::zeros({1, 1, 1, 1}));
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("lower n_samples"));
    }
}

TEST(ResponseRecorder, RefusesAResponseOfAnotherShape) {
    ResponseRecorder recorder = recorder_of({});
    recorder.begin_batch(1);
    for (std::int64_t t = 0; t < kSteps; ++t) recorder.wants(0, t);
    recorder.record(0, 0, at::zeros({1, 2, 9, 9}));
    EXPECT_THROW(recorder.end_batch(at::zeros({1, kSteps, 3}), {}, {}), dv::Error);
}

TEST(ResponseRecorder, NamesThePatternThatFitsNoLayer) {
    try {
        recording::expect_layers({.layers = {"V*", "IT"}}, kLayers, "recorder.0");
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("'IT', which fits no layer of the model (have: 'V1', 'V2')"));
    }
    EXPECT_THROW(recording::expect_layers({}, {}, "recorder.0"), dv::Error);
}

}  // namespace
}  // namespace dvhost::testing
