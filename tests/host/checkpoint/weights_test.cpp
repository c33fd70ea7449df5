#include "checkpoint/weights.hpp"
#include "boring.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/saver.hpp"
#include "checkpoint/safetensors.hpp"
#include "temporary_folder.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace dvhost::testing {
namespace {

using checkpoint::load_weights;
using checkpoint::PickleValue;
using checkpoint::WeightsReport;
using checkpoint::WeightsRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Tensors = std::vector<dv::NamedTensor>;

/// A model that is nothing but its parameters.
struct Bag final : dv::Model {
    Tensors tensors;
    explicit Bag(Tensors given) : tensors(std::move(given)) {}
    Tensors parameters() const override { return tensors; }
    const at::Tensor& at(std::size_t i) const { return tensors.at(i).tensor; }
};

at::Tensor ones(at::IntArrayRef shape) { return at::full(shape, 1.0, at::kFloat); }
at::Tensor numbers(std::int64_t n) { return at::arange(n, at::kFloat).add(10); }

Bag two() { return Bag({{"conv.weight", ones({3}), true}, {"classifier.2.bias", ones({2}), true}}); }

class Weights : public ::testing::Test {
protected:
    TemporaryFolder folder;

    std::filesystem::path safetensors(const Tensors& tensors) {
        checkpoint::write_safetensors(folder / "w.safetensors", tensors);
        return folder / "w.safetensors";
    }
    /// A file of torch.save's: {"state_dict": {...}} or, with `key` empty, {...}.
    std::filesystem::path pytorch(const Tensors& tensors, const std::string& key = "state_dict") {
        PickleValue::Pairs items;
        for (const dv::NamedTensor& t : tensors) items.emplace_back(PickleValue{t.name}, PickleValue{t.tensor});
        PickleValue value{PickleValue::OrderedDict{std::move(items)}};
        if (!key.empty()) {
            PickleValue::Pairs outer;
            outer.emplace_back(PickleValue{key}, std::move(value));
            value = {PickleValue::Dict{std::move(outer)}};
        }
        checkpoint::write_file(folder / "w.pth", value);
        return folder / "w.pth";
    }
    static std::string refusal(dv::Model& model, const WeightsRequest& request) {
        try {
            load_weights(model, request);
        } catch (const dv::Error& error) {
            return error.what();
        }
        return "it was loaded";
    }
};

TEST_F(Weights, AreTakenFromSafetensorsAndFromTorchSave) {
    const Tensors given{{"conv.weight", numbers(3), true}, {"classifier.2.bias", numbers(2), true}};
    for (const auto& path : {safetensors(given), pytorch(given), pytorch(given, "")}) {
        Bag model = two();
        const WeightsReport report = load_weights(model, {.path = path});
        EXPECT_TRUE(model.at(0).equal(numbers(3))) << path;
        EXPECT_TRUE(model.at(1).equal(numbers(2))) << path;
        EXPECT_THAT(report.loaded, ElementsAre("classifier.2.bias", "conv.weight"));
    }
}

TEST_F(Weights, KeepTheModelsOwnTypeAndAreCopiedIntoItsTensors) {
    Bag model({{"w", at::full({3}, 1.0, at::kDouble), true}});
    const at::Tensor handle = model.at(0);
    load_weights(model, {.path = safetensors({{"w", numbers(3).to(at::kHalf), true}})});
    EXPECT_EQ(handle.scalar_type(), at::kDouble);
    EXPECT_EQ(handle[2].item<double>(), 12.0);
}

TEST_F(Weights, LieUnderTheKeyThatIsAskedFor) {
    Bag model({{"w", ones({3}), true}});
    const auto path = pytorch({{"w", numbers(3), true}}, "model");
    EXPECT_THAT(refusal(model, {.path = path, .key = "ema"}),
                HasSubstr("there is no 'ema' (key \"ema\") in it; there are: 'model'"));
    load_weights(model, {.path = path, .key = "model"});
    EXPECT_TRUE(model.at(0).equal(numbers(3)));
}

TEST_F(Weights, ViewsOfOneStorageAreRead) {
    const at::Tensor shared = numbers(6);
    Bag model({{"a", ones({2}), true}, {"b", ones({2, 2}), true}});
    load_weights(
        model,
        {.path = pytorch({{"a", shared.narrow(0, 1, 2), true}, {"b", shared.narrow(0, 2, 4).view({2, 2}).t(), true}})});
    EXPECT_TRUE(model.at(0).equal(shared.narrow(0, 1, 2)));
    EXPECT_TRUE(model.at(1).equal(shared.narrow(0, 2, 4).view({2, 2}).t()));
}

TEST_F(Weights, TheFirstTranslationThatFitsIsMade) {
    Bag model({{"V1.conv2.weight", ones({3}), true}});
    load_weights(model, {.path = safetensors({{"module.V1.conv1.weight", numbers(3), true}}),
                         .prefix = "module.",
                         .translate = {{"conv1", "conv2"}, {"conv2", "conv3"}}});
    EXPECT_TRUE(model.at(0).equal(numbers(3)));
}

TEST_F(Weights, AllThatDoesNotFitIsSaidAtOnce) {
    Bag model({{"a", ones({3}), true}, {"b", ones({2}), true}});
    const std::string text = refusal(model, {.path = safetensors({{"a", numbers(4), true}, {"c", numbers(1), true}})});
    EXPECT_THAT(text, HasSubstr("'a' is [4] in the file and [3] in the model"));
    EXPECT_THAT(text, HasSubstr("not in the file: 'b'"));
    EXPECT_THAT(text, HasSubstr("not in the model: 'c'"));
    EXPECT_TRUE(model.at(0).equal(ones({3})));
}

TEST_F(Weights, WithoutStrictnessWhatFitsIsLoaded) {
    Bag model({{"a", ones({3}), true}, {"b", ones({2}), true}});
    const auto report =
        load_weights(model, {.path = safetensors({{"a", numbers(3), true}, {"c", numbers(1), true}}), .strict = false});
    EXPECT_THAT(report.missing, ElementsAre("b"));
    EXPECT_THAT(report.unexpected, ElementsAre("c"));
    EXPECT_TRUE(model.at(0).equal(numbers(3)));
    EXPECT_TRUE(model.at(1).equal(ones({2})));
}

TEST_F(Weights, AClassifierForOtherClassesCanBeKept) {
    Bag model = two();
    const auto report = load_weights(
        model, {.path = safetensors({{"conv.weight", numbers(3), true}, {"classifier.2.bias", numbers(9), true}}),
                .keep_on_shape_mismatch = {"classifier.*"}});
    EXPECT_THAT(report.kept, ElementsAre("classifier.2.bias"));
    EXPECT_THAT(report.loaded, ElementsAre("conv.weight"));
    EXPECT_TRUE(model.at(1).equal(ones({2})));
}

TEST_F(Weights, OnlyWhatMatchesIsLookedAt) {
    Bag model = two();
    load_weights(model, {.path = safetensors({{"conv.weight", numbers(3), true}, {"other", numbers(1), true}}),
                         .match = {"conv.*"}});
    EXPECT_TRUE(model.at(0).equal(numbers(3)));
}

TEST_F(Weights, ValuesThatAreNotFiniteAreRefusedByName) {
    Bag model = two();
    at::Tensor bad = numbers(3);
    bad[1] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_THAT(
        refusal(model, {.path = safetensors({{"conv.weight", bad, true}, {"classifier.2.bias", numbers(2), true}})}),
        HasSubstr("not finite (NaN or Inf): 'conv.weight'"));
    EXPECT_TRUE(model.at(1).equal(ones({2})));
}

TEST_F(Weights, DynVisionsDoubledKeysAreTolerated) {
    Bag model({{"tau_V1", ones({}), true}, {"V1.conv.weight", ones({3}), true}});
    const auto report = load_weights(model, {.path = pytorch({{"tau_V1", at::full({}, 5.0), true},
                                                              {"tstep_V1.tau", at::full({}, 7.0), true},
                                                              {"V1.conv.weight", numbers(3), true},
                                                              {"addskip_V4.source.conv.weight", numbers(3), true}})});
    EXPECT_EQ(model.at(0).item<float>(), 5.0f);
    EXPECT_THAT(report.unexpected, IsEmpty());
    load_weights(model,
                 {.path = pytorch({{"tstep_V1.tau", at::full({1}, 7.0), true}, {"V1.conv.weight", numbers(3), true}})});
    EXPECT_EQ(model.at(0).item<float>(), 7.0f);
}

TEST_F(Weights, CornetRtsNamesAreKnown) {
    Bag model({{"V1.conv.weight", ones({3}), true},
               {"V1.mid_modules.weight", ones({2}), true},
               {"V1.conv2.weight", ones({4}), true},
               {"norm_V1.weight", ones({2}), true},
               {"V1.recurrence.weight", ones({}), false},
               {"classifier.2.weight", ones({10}), true}});
    const auto report = load_weights(model, {.path = pytorch({{"module.V1.conv_input.weight", numbers(3), true},
                                                              {"module.V1.norm_input.weight", numbers(2), true},
                                                              {"module.V1.conv1.weight", numbers(4), true},
                                                              {"module.V1.norm1.weight", numbers(2).add(1), true},
                                                              {"module.decoder.linear.weight", numbers(1000), true}}),
                                             .table = "cornet_rt"});
    EXPECT_TRUE(model.at(0).equal(numbers(3)));
    EXPECT_TRUE(model.at(1).equal(numbers(2)));
    EXPECT_TRUE(model.at(2).equal(numbers(4)));
    EXPECT_TRUE(model.at(3).equal(numbers(2).add(1)));
    EXPECT_THAT(report.kept, ElementsAre("classifier.2.weight"));
    EXPECT_THAT(report.trained_after, ElementsAre("classifier.2.*"));
}

TEST_F(Weights, CordsnetsNamesAreKnown) {
    const std::vector<std::pair<std::string, std::string>> names{
        {"inp_conv.parametrizations.weight.original0", "layer0.conv.parametrizations.weight.original0"},
        {"area_conv.0.weight", "layer1.recurrence.conv.weight"},
        {"area_area.7.weight", "layer8.conv.weight"},
        {"conv_bias.3", "addbias_layer4.bias"},
        {"inp_skip.weight", "addskip_layer2.conv.weight"},
        {"skip_area.0.weight", "addskip_layer4.conv.weight"},
        {"skip_area.2.weight", "addskip_layer8.conv.weight"},
        {"out_fc.bias", "classifier.3.bias"}};
    Tensors ours, theirs;
    for (std::size_t i = 0; i < names.size(); ++i) {
        ours.push_back({names[i].second, ones({1}), true});
        theirs.push_back({names[i].first, at::full({1}, static_cast<double>(i)), true});
    }
    Bag model(ours);
    load_weights(model, {.path = pytorch(theirs, ""), .table = "cordsnet"});
    for (std::size_t i = 0; i < names.size(); ++i)
        EXPECT_EQ(model.at(i).item<float>(), static_cast<float>(i)) << names[i].first;
}

TEST_F(Weights, TorchvisionsAlexnetIsKnown) {
    Bag model({{"layer1.conv.weight", ones({1}), true},
               {"layer5.conv.weight", ones({1}), true},
               {"classifier.2.weight", ones({1}), true},
               {"classifier.7.weight", ones({1}), true},
               {"layer1.recurrence.conv.weight", ones({1}), true}});
    load_weights(model, {.path = pytorch({{"features.0.weight", at::full({1}, 1.5), true},
                                          {"features.10.weight", at::full({1}, 2.5), true},
                                          {"classifier.1.weight", at::full({1}, 3.5), true},
                                          {"classifier.6.weight", at::full({1}, 4.5), true}},
                                         ""),
                         .table = "alexnet"});
    EXPECT_EQ(model.at(0).item<float>(), 1.5f);
    EXPECT_EQ(model.at(1).item<float>(), 2.5f);
    EXPECT_EQ(model.at(2).item<float>(), 3.5f);
    EXPECT_EQ(model.at(3).item<float>(), 4.5f);
}

// torch.save(OrderedDict(w=torch.tensor([1., 2., 3.])), f, _use_new_zipfile_serialization=False), byte by byte.
std::string stream_of_old(float third = 3.0f) {
    using namespace std::string_literals;
    std::string bytes = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."s;
    bytes += "\x80\x02}q\x00(X\x10\x00\x00\x00protocol_versionq\x01M\xe9\x03X\x0d\x00\x00\x00little_endianq\x02\x88u."s;
    bytes +=
        "\x80\x02}q\x00X\x01\x00\x00\x00wq\x01"
        "ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\x00\x00\x00storageq\x03"
        "ctorch\nFloatStorage\nq\x04X\x01\x00\x00\x00"
        "7q\x05X\x03\x00\x00\x00"
        "cpuq\x06K\x03Ntq\x07QK\x00K\x03\x85q\x08K\x01\x85q\x09\x89"
        "ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds."s;
    bytes +=
        "\x80\x02]q\x00X\x01\x00\x00\x00"
        "7q\x01"
        "a."s;
    bytes += "\x03\x00\x00\x00\x00\x00\x00\x00"s;
    for (const float v : {1.0f, 2.0f, third}) bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
    return bytes;
}

TEST_F(Weights, FilesOfBeforeTheZipAreRead) {
    Bag model({{"w", ones({3}), true}});
    load_weights(model, {.path = folder.write("old.pth", stream_of_old())});
    EXPECT_TRUE(model.at(0).equal(at::arange(3, at::kFloat).add(1)));
}

TEST_F(Weights, EveryTruncationIsRefused) {
    const std::string old = stream_of_old();
    for (std::size_t n = 0; n < old.size(); ++n)
        EXPECT_THROW(checkpoint::read_weights(folder.write("cut.pth", old.substr(0, n))), dv::IoError) << n;
    pytorch({{"w", numbers(3), true}});
    const std::string zip = folder.read("w.pth");
    for (std::size_t n = 0; n < zip.size(); n += 7)
        EXPECT_THROW(checkpoint::read_weights(folder.write("cut.pth", zip.substr(0, n))), dv::IoError) << n;
}

TEST_F(Weights, AViewThatReachesOutsideItsStorageIsRefused) {
    std::string bytes = stream_of_old();
    const std::size_t size = bytes.find("QK") + 4;  // of the tensor
    bytes[size] = '\x04';
    try {
        checkpoint::read_weights(folder.write("bad.pth", bytes));
        FAIL() << "no error";
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("'w': a tensor reaches outside its storage"));
    }
}

TEST_F(Weights, AFileOfSomethingElseIsNamed) {
    Bag model = two();
    EXPECT_THAT(refusal(model, {.path = folder.write("x.pth", "hello")}), HasSubstr("x.pth"));
    EXPECT_THAT(refusal(model, {.path = folder / "none.pth"}), HasSubstr("none.pth"));
    EXPECT_THAT(refusal(model, {.path = folder / "none.pth", .table = "dynvison"}), HasSubstr("'cordsnet'"));
}

}  // namespace
}  // namespace dvhost::testing
