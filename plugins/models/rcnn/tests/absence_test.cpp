// What layers do where nothing has arrived, what a feed-forward network is without, and runs whose lengths differ.

#include "built.hpp"

#include <gmock/gmock.h>

namespace {

using namespace built;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// Each layer with a bias of its own, and the next one a step later.
Config biased(const Config& bias, const Config& changes = {}) {
    return with(small({{"bias", bias},
                       {"t_feedforward", 2.0},
                       {"operations", list("layer", "addbias", "tstep", "record", "delay")}}),
                changes);
}

std::int32_t residual_timesteps(const Built& network) {
    return network.parameter("n_residual_timesteps").tensor.item<std::int32_t>();
}

/// What the network says when it runs; empty when it does not complain.
std::string complaint(const Built& network) {
    try {
        network.model->forward_sequence(noise(2, 4));
    } catch (const dv::ComponentError& error) {
        return error.text;
    }
    return "";
}

TEST(AbsentInput, LeavesABiasAloneOrIsRefused) {
    const Built allowed(biased({{"type", "scalar"}}));
    EXPECT_EQ(residual_timesteps(allowed), 1);  // V4's own bias, one step late
    EXPECT_EQ(complaint(allowed), "");
    const Built refused(biased({{"type", "scalar"}, {"allow_null_input", false}}));
    EXPECT_THAT(complaint(refused), HasSubstr("layer V4: nothing has arrived where 'addbias' acts"));
    const Built undelayed(biased({{"type", "scalar"}, {"allow_null_input", false}}, {{"t_feedforward", 0.0}}));
    EXPECT_EQ(complaint(undelayed), "");
}

TEST(AbsentInput, IsPassedOnByWhatIsSkipped) {
    const Built skipped(
        biased({{"type", "scalar"}}, {{"operations_skipped_on_absent_input", list("addbias", "nonlin")}}));
    EXPECT_EQ(residual_timesteps(skipped), 2);
}

TEST(FeedforwardOnly, LeavesOutWhatItIsTold) {
    const Config network =
        small({{"connection", both(connections("skip", {{"V1", "V4"}}), connections("feedback", {{"V4", "V1"}}))},
               {"feedforward_only", true}});
    const Built bare(network);
    EXPECT_THAT(bare.names(), Not(Contains(HasSubstr("add"))));
    EXPECT_THAT(bare.names(), Not(Contains(HasSubstr("recurrence"))));
    const Built skips(with(network, {{"non_feedforward_operations", list("addfeedback")}}));
    EXPECT_THAT(skips.names(), Contains("addskip_V4.conv.weight"));
    EXPECT_THAT(skips.names(), Not(Contains(HasSubstr("addfeedback"))));
    const Built at_once(with(network, {{"non_feedforward_operations", list("addskip", "addfeedback", "tstep")}}));
    EXPECT_THAT(at_once.names(), Not(Contains("tau_V1")));
    EXPECT_EQ(complaint(at_once), "");
}

TEST(FeedforwardOnly, IsWhatItsOperationsAreLeftOutFor) {
    const Config skips{{"connection", connections("skip", {{"V1", "V4"}})},
                       {"non_feedforward_operations", list("addskip")}};
    EXPECT_THAT(Built(small(skips)).names(), Contains("addskip_V4.conv.weight"));
}

TEST(Compat, RunsAsLongAsTheDataAndConnectsForTheLonger) {
    const dv::DataFacts film{.n_frames = 4, .channels = 1, .height = 8, .width = 8, .n_classes = 3};
    const Config longer = small({{"n_timesteps", 8},
                                 {"connection", connections("feedback", {{"V4", "V1"}})},
                                 {"t_feedback", 12.0},
                                 {"t_recurrence", 2.0}});
    EXPECT_THAT(refusal(longer, film), HasSubstr("n_timesteps"));
    Built network(with(longer, {{"compat", "dynvision-0.1"}}), film);
    EXPECT_THAT(network.names(), Contains("addfeedback_V1.conv.weight"));  // 6 steps back of 8
    EXPECT_THAT(network.warnings(), HasSubstr("n_timesteps is 8 and the data has 4 frames per sample"));
    EXPECT_EQ(network.model->forward_sequence(noise(2, 4)).size(1), 4);
}

}  // namespace
