#include <dv/torch/nn_model.hpp>

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>

#include <gtest/gtest.h>

namespace {

/// Two layers, of which the model keeps one in evaluation mode.
struct PartlyFrozen final : dv::NnModel {
    torch::nn::BatchNorm2d frozen{2}, trained{2};
    PartlyFrozen() {
        register_module("frozen", frozen);
        register_module("trained", trained);
        frozen->eval();
    }
    std::vector<bool> modes() const { return {is_training(), frozen->is_training(), trained->is_training()}; }
};

/// Lightning's acceptance case 5.
TEST(NnModel, Case05EvaluationGivesEachModuleItsModeBack) {
    const auto model = std::make_shared<PartlyFrozen>();
    dv::Model& host = *model;
    host.train(true);
    EXPECT_EQ(model->modes(), (std::vector<bool>{true, false, true}));
    for (int validation = 0; validation < 2; ++validation) {
        host.train(false);
        host.train(false);  // a test behind a validation
        EXPECT_EQ(model->modes(), (std::vector<bool>{false, false, false}));
        host.train(true);
        EXPECT_EQ(model->modes(), (std::vector<bool>{true, false, true}));
    }
}

}  // namespace
