#include <dv/testing/torch.hpp>
#include <dv/torch/model.hpp>

#include <gtest/gtest.h>

#include <cmath>

using dv::testing::Plugin;
using dv::testing::uniform;

namespace {

constexpr dv::DataFacts kFacts{.n_frames = 1, .channels = 1, .height = 4, .width = 4, .n_classes = 3};

const at::Tensor& named(const std::vector<dv::NamedTensor>& tensors, std::string_view name) {
    for (const dv::NamedTensor& t : tensors) {
        if (t.name == name) return t.tensor;
    }
    throw std::invalid_argument("no tensor of that name");
}

TEST(@CLASS_NAME@, ShowsAStillImageForItsTimesteps) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto model = plugin.make<dv::Model>("@ID@", {{"n_timesteps", 7}});
    model->build(kFacts);
    const at::Tensor outputs = model->predict_step(dv::testing::still_batch(1, 2, kFacts));
    EXPECT_EQ(outputs.sizes(), at::IntArrayRef({2, 7, 3}));
}

TEST(@CLASS_NAME@, WithoutRecurrentWeightsApproachesItsDriveExponentially) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto model = plugin.make<dv::Model>("@ID@", {{"dt", 1.0}, {"tau", 4.0}});
    model->build(kFacts);
    const auto tensors = model->parameters();
    const at::Tensor& recurrent = named(tensors, "recurrent.weight");
    recurrent.set_data(recurrent.detach().mul(0.0));
    const at::Tensor frames = uniform(2, {1, 1, 1, 4, 4}, 0.0, 1.0);
    const at::Tensor outputs = model->forward_sequence(dv::Sequence::of(frames).shown_for(6));
    // h(t) = (1 - (3/4)^t) relu(W x): step t is that share of the limit, which step 1 gives times 4.
    const at::Tensor limit = outputs.select(1, 0).mul(4.0);
    for (int t = 0; t < 6; ++t) {
        const double share = 1.0 - std::pow(0.75, t + 1);
        EXPECT_LT(dv::testing::max_difference(outputs.select(1, t), limit.mul(share)), 1e-5) << "step " << t;
    }
}

TEST(@CLASS_NAME@, RefusesAStepLongerThanItsTimeConstant) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    try {
        plugin.create("@ID@", {{"dt", 6.0}, {"tau", 5.0}});
        FAIL() << "was created";
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.code(), DV_BAD_PARAMETER);
        EXPECT_NE(error.text.find("'dt'"), std::string::npos) << error.text;
    }
}

}  // namespace
