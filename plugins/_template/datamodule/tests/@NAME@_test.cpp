#include <dv/testing/torch.hpp>
#include <dv/torch/datamodule.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

using dv::testing::Plugin;

namespace {

struct Sample {
    std::vector<float> values = std::vector<float>(16 * 16);
    std::int64_t label = -1;
    std::int64_t brightest_column() const { return (std::ranges::max_element(values) - values.begin()) % 16; }
};

Sample read(const dv::Source& source, std::int64_t index, std::uint32_t epoch = 0) {
    Sample sample;
    source.read(index, dv::Random(1, static_cast<std::uint64_t>(index), epoch, dv::Purpose::augment),
                {sample.values, &sample.label});
    return sample;
}

TEST(@CLASS_NAME@, PutsTheSpotIntoTheColumnOfItsClass) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto data = plugin.make<dv::DataModule>("@ID@", {{"noise", 0.0}});
    data->prepare();
    const auto train = data->source(dv::Split::train);
    for (std::int64_t i = 0; i < 20; ++i) {
        const Sample sample = read(*train, i);
        EXPECT_EQ(sample.label, i % 4);
        EXPECT_EQ(sample.brightest_column() / 4, sample.label) << "sample " << i;
    }
}

TEST(@CLASS_NAME@, NoiseIsNewInEveryEpochAndTheSpotStays) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto train = plugin.make<dv::DataModule>("@ID@", {{"noise", 0.01}})->source(dv::Split::train);
    EXPECT_NE(read(*train, 3, 0).values, read(*train, 3, 1).values);
    EXPECT_EQ(read(*train, 3, 0).brightest_column(), read(*train, 3, 1).brightest_column());
}

TEST(@CLASS_NAME@, HasTheSplitsThatAreAskedFor) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto data = plugin.make<dv::DataModule>("@ID@", {{"n_train", 10}, {"n_val", 0}});
    EXPECT_EQ(data->source(dv::Split::train)->size(), 10);
    EXPECT_EQ(data->source(dv::Split::val), nullptr);
}

TEST(@CLASS_NAME@, RefusesMoreClassesThanColumns) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    try {
        plugin.create("@ID@", {{"n_classes", 20}});
        FAIL() << "was created";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'n_classes'"), std::string::npos) << error.text;
    }
}

}  // namespace
