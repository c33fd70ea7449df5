#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>

#include <topographic_plane.hpp>

#include <ATen/ops/zeros_like.h>

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using dv::RecurrenceSite;
using dv::testing::Config;

RecurrenceSite site(std::int64_t channels, std::int64_t height, std::int64_t width) {
    return {.source_channels = channels,
            .target_channels = channels,
            .height = height,
            .width = width,
            .max_weight_init = 0.5};
}

std::shared_ptr<dv::Recurrence> local(const RecurrenceSite& at, const Config& config = {}) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>("local", config);
    recurrence->build(at);
    return recurrence;
}

at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

using Map = std::vector<std::int64_t>;

TEST(TopographicPlane, TilesAreMirroredAtOddPositions) {
    EXPECT_EQ(topographic::channels_on_plane(4, 2, 3), (Map{0, 1, 1, 0, 0, 1,  //
                                                            2, 3, 3, 2, 2, 3,  //
                                                            2, 3, 3, 2, 2, 3,  //
                                                            0, 1, 1, 0, 0, 1}));
}

TEST(TopographicPlane, MissingChannelsRepeatTheLastOnesBackwards) {
    EXPECT_EQ(topographic::channels_on_plane(5, 1, 1), (Map{0, 1, 2, 3, 4, 4, 3, 2, 1}));
    EXPECT_EQ(topographic::channels_on_plane(3, 1, 2), (Map{0, 1, 1, 0, 2, 2, 2, 2}));
}

TEST(TopographicPlane, KernelsGrowWithTheTile) {
    for (const auto& [channels, kernel] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {4, 3}, {36, 3}, {64, 3}, {121, 3}, {144, 3}, {256, 5}, {529, 5}, {576, 7}}) {
        EXPECT_EQ(topographic::default_kernel(channels), kernel) << channels;
    }
}

std::int64_t reflected(std::int64_t i, std::int64_t size) {
    if (i < 0) return -i;
    return i < size ? i : 2 * (size - 1) - i;
}

/// The definition, unit by unit: where it lies on the plane, and which units lie around it.
at::Tensor by_loops(const at::Tensor& rate, const at::Tensor& weight, double bias) {
    const std::int64_t channels = rate.size(1), height = rate.size(2), width = rate.size(3), k = weight.size(2);
    const std::int64_t f = topographic::tile_side(channels);
    const auto unit_at = [&](std::int64_t row, std::int64_t column) {
        const std::int64_t y = row / f, x = column / f;
        const std::int64_t i = y % 2 == 0 ? row % f : f - 1 - row % f;
        const std::int64_t j = x % 2 == 0 ? column % f : f - 1 - column % f;
        const std::int64_t slot = i * f + j;
        return rate[0][slot < channels ? slot : 2 * channels - 1 - slot][y][x].item<double>();
    };
    at::Tensor drive = at::zeros_like(rate);
    for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t y = 0; y < height; ++y) {
            for (std::int64_t x = 0; x < width; ++x) {
                const std::int64_t row = y * f + (y % 2 == 0 ? c / f : f - 1 - c / f);
                const std::int64_t column = x * f + (x % 2 == 0 ? c % f : f - 1 - c % f);
                double sum = bias;
                for (std::int64_t dy = -(k / 2); dy <= k / 2; ++dy) {
                    for (std::int64_t dx = -(k / 2); dx <= k / 2; ++dx) {
                        sum += weight[0][0][dy + k / 2][dx + k / 2].item<double>() *
                               unit_at(reflected(row + dy, f * height), reflected(column + dx, f * width));
                    }
                }
                drive[0][c][y][x].fill_(sum);
            }
        }
    }
    return drive;
}

TEST(Local, IsTheDefinitionUnitByUnit) {
    for (const auto& [where, kernel] : std::vector<std::pair<RecurrenceSite, std::int64_t>>{
             {site(4, 2, 3), 3}, {site(5, 3, 2), 3}, {site(7, 2, 2), 5}, {site(1, 4, 5), 3}}) {
        const auto recurrence = local(where, {{"kernel", kernel}});
        for (const auto& p : recurrence->parameters()) p.tensor.set_data(p.tensor.data().to(at::kDouble));
        const at::Tensor rate =
            dv::testing::uniform(7, {1, where.source_channels, where.height, where.width}, 0.0, 1.0, at::kDouble);
        const at::Tensor expected =
            by_loops(rate, named(*recurrence, "conv.weight"), named(*recurrence, "conv.bias").item<double>());
        EXPECT_LT(dv::testing::max_difference(recurrence->forward(rate).detach(), expected), 1e-14)
            << where.source_channels;
    }
}

TEST(Local, GradientsAreThoseOfFiniteDifferences) {
    for (const std::int64_t channels : {4, 5}) {
        const auto recurrence = local(site(channels, 3, 4));
        for (const auto& p : recurrence->parameters()) p.tensor.set_data(p.tensor.data().to(at::kDouble));
        const at::Tensor rate =
            dv::testing::uniform(8, {2, channels, 3, 4}, 0.0, 1.0, at::kDouble).requires_grad_(true);
        const auto drive = [&] { return recurrence->forward(rate); };
        for (const at::Tensor& leaf : {rate, named(*recurrence, "conv.weight"), named(*recurrence, "conv.bias")}) {
            const auto agreement = dv::testing::gradient_agreement(drive, leaf);
            EXPECT_LT(agreement.worst, 1e-7) << agreement.where;
        }
    }
}

TEST(Local, HasTheReferencesNamesAndStart) {
    const auto parameters = local(site(36, 4, 4))->parameters();
    ASSERT_EQ(parameters.size(), 2u);
    EXPECT_EQ(parameters[0].name, "conv.weight");
    EXPECT_EQ(parameters[0].tensor.sizes(), (at::IntArrayRef{1, 1, 3, 3}));
    EXPECT_LE(parameters[0].tensor.abs().max().item<double>(), 0.5);
    EXPECT_EQ(parameters[1].name, "conv.bias");
    EXPECT_LE(std::abs(parameters[1].tensor.item<double>()), 1.0 / 3.0);
    EXPECT_NE(parameters[1].tensor.item<double>(), 0.0);
    EXPECT_EQ(local(site(36, 4, 4), {{"bias", false}})->parameters().size(), 1u);
}

std::string refusal(const RecurrenceSite& where, const Config& config = {}) {
    try {
        local(where, config);
    } catch (const dv::ComponentError& error) {
        return error.text;
    }
    return "";
}

TEST(Local, RefusesWhatDoesNotFitOnThePlane) {
    RecurrenceSite middle = site(4, 2, 3), other = site(4, 2, 3);
    middle.target = dv::RecurrenceTarget::middle;
    EXPECT_NE(refusal(middle).find("output"), std::string::npos) << refusal(middle);
    other.target_channels = 3;
    EXPECT_NE(refusal(other).find("4; its target has 3"), std::string::npos) << refusal(other);
    EXPECT_NE(refusal(site(4, 2, 3), {{"kernel", 2}}).find("odd"), std::string::npos);
    EXPECT_NE(refusal(site(4, 2, 3), {{"kernel", 5}}).find("4 x 6"), std::string::npos);
    EXPECT_NE(refusal(site(1, 1, 1)).find("1 x 1"), std::string::npos);
}

TEST(Local, RefusesActivityOfAnotherGrid) {
    const auto recurrence = local(site(4, 2, 3));
    EXPECT_THROW(recurrence->forward(dv::testing::uniform(1, {1, 4, 3, 2})), dv::ComponentError);
}

}  // namespace
