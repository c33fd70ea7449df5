#pragma once
/// What tests of recurrences of a depthwise and a pointwise convolution ask. DV_PLUGIN_UNDER_TEST is the file of the one that is
/// tested.

#include <dv/testing/load.hpp>
#include <dv/testing/torch.hpp>
#include <dv/torch/recurrence.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace separable_checks {

inline constexpr dv::RecurrenceSite kSite{
    .source_channels = 3, .target_channels = 2, .kernel = 3, .height = 5, .width = 6, .max_weight_init = 0.1};

inline std::shared_ptr<dv::Recurrence> made(const char* name, const dv::testing::Config& config = {},
                                            const dv::RecurrenceSite& site = kSite) {
    auto recurrence = dv::testing::Plugin(DV_PLUGIN_UNDER_TEST).make<dv::Recurrence>(name, config);
    recurrence->build(site);
    return recurrence;
}

inline at::Tensor named(const dv::Recurrence& recurrence, const std::string& name) {
    for (const dv::NamedTensor& t : recurrence.parameters()) {
        if (t.name == name) return t.tensor;
    }
    return {};
}

/// Its two convolutions in order, with kernel 5; weights within the start's bound, biases 0.
struct Part {
    std::string name;
    std::vector<std::int64_t> sizes;
};
inline void expect_names_and_start(const char* name, const std::vector<Part>& parts) {
    const auto parameters = made(name, {{"kernel", 5}})->parameters();
    ASSERT_EQ(parameters.size(), 2 * parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        EXPECT_EQ(parameters[2 * i].name, parts[i].name + ".weight");
        EXPECT_EQ(parameters[2 * i].tensor.sizes(), at::IntArrayRef(parts[i].sizes));
        EXPECT_EQ(parameters[2 * i + 1].name, parts[i].name + ".bias");
    }
    for (const auto& p : parameters) {
        EXPECT_LE(p.tensor.abs().max().item<double>(), 0.1) << p.name;
        EXPECT_EQ(p.tensor.eq(0).all().item<bool>(), p.tensor.dim() == 1) << p.name;
    }
}

inline void expect_bias_of_the_layer_unless_told(const char* name) {
    dv::RecurrenceSite bare = kSite;
    bare.bias = 0;
    EXPECT_EQ(made(name, {}, bare)->parameters().size(), 2u);
    EXPECT_EQ(made(name, {{"bias", true}}, bare)->parameters().size(), 4u);
    EXPECT_EQ(made(name, {{"bias", false}})->parameters().size(), 2u);
    const at::Tensor silence = dv::testing::uniform(1, {1, 3, 5, 6}).mul(0);
    EXPECT_TRUE(made(name, {}, bare)->forward(silence).eq(0).all().item<bool>());
}

}  // namespace separable_checks
