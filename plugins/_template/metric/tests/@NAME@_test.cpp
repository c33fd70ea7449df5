#include <dv/testing/torch.hpp>
#include <dv/torch/metric.hpp>

#include <gtest/gtest.h>

#include <cmath>

using dv::testing::labels;
using dv::testing::Plugin;
using dv::testing::tensor;

namespace {

TEST(@CLASS_NAME@, OfAGuessIsOneOverTheNumberOfClasses) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto metric = plugin.make<dv::Metric>("@ID@");
    metric->update(tensor({0, 0, 0, 0}, {1, 1, 4}), labels({3}, {1, 1}));
    const auto values = metric->compute();
    ASSERT_EQ(values.size(), 1u);
    EXPECT_EQ(values[0].name, "confidence");
    EXPECT_NEAR(values[0].tensor.item<double>(), 0.25, 1e-6);
}

TEST(@CLASS_NAME@, AveragesOverBatchesAndScoredSteps) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto metric = plugin.make<dv::Metric>("@ID@", {{"name", "p"}});
    const double three = std::log(3.0);  // two classes at 3/4 and 1/4
    metric->update(tensor({three, 0, three, 0}, {1, 2, 2}), labels({0, -1}, {1, 2}));
    metric->update(tensor({three, 0}, {1, 1, 2}), labels({1}, {1, 1}));
    EXPECT_EQ(metric->compute()[0].name, "p");
    EXPECT_NEAR(metric->compute()[0].tensor.item<double>(), (0.75 + 0.25) / 2.0, 1e-6);
}

TEST(@CLASS_NAME@, GoesOnFromItsState) {
    Plugin plugin(DV_PLUGIN_UNDER_TEST);
    const auto first = plugin.make<dv::Metric>("@ID@"), second = plugin.make<dv::Metric>("@ID@");
    first->update(tensor({std::log(3.0), 0}, {1, 1, 2}), labels({0}, {1, 1}));
    for (std::size_t i = 0; i < first->state().size(); ++i) second->state()[i].tensor.copy_(first->state()[i].tensor);
    EXPECT_NEAR(second->compute()[0].tensor.item<double>(), 0.75, 1e-6);
}

}  // namespace
