// Values of DynVision 0.1.0 (dd24be4) in float64 on one thread, its networks filled with golden::fill()'s rule and run
// on
// golden::image(): forward passes called directly. Numbers agree to two units of the last printed digit.

#include "tests/golden.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using dv::testing::Config;
using golden::expect_printed;

dv::testing::Plugin plugin() { return golden::plugin(DV_PLUGIN_UNDER_TEST); }

Config with(Config config, const Config& changes) {
    for (const auto& [key, value] : *changes.as<dv::testing::Value::Table>()) config.set(key, value);
    return config;
}

// ---- Forward --------------------------------------------------------------------------------------------------------

struct Forward {
    std::string id;
    std::string preset;
    Config changes;
    std::string first;  ///< output[0, t, 0]
    std::string last;   ///< output[1, last, :]
    std::string sum;
    std::int64_t size = 16;
    std::int64_t idle = 0;
    std::vector<std::size_t> blank = {};  ///< steps without the image
};

std::vector<Forward> forwards() {
    return {
        {"G01",
         "dyrcnn_x2",
         {},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0761188667 -0.105111305 -0.115652073 -0.111828335 -0.109393074",
         "-0.0977830237 0.0794383693 0.213322368 0.220351706",
         "5.69298541189"},
        {"G02_depthpointwise",
         "dyrcnn_x2",
         {{"recurrence", Config{{"type", "depthpointwise"}}}},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.00974104524 0.00248158605 0.0113852254 0.0162020144 "
         "0.0190112889",
         "0.0349276017 0.121593303 0.138271174 0.075541905",
         "5.03141205657"},
        {"G03_local",
         "dyrcnn_x2",
         {{"recurrence", Config{{"type", "local"}}}},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0362048156 -0.0411117612 -0.0449341204 -0.0461560149 "
         "-0.044248428",
         "-0.0323607557 0.0743361448 0.140921288 0.126423885",
         "4.72053152395"},
        {"G04_target_input",
         "dyrcnn_x2",
         {{"recurrence_target", "input"}},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0247189094 -0.0134565541 0.00126762025 0.0368314422 "
         "0.0943359982",
         "0.0438672692 0.174483463 0.201674557 0.10937476",
         "5.92225606902"},
        {"G05_skip_off",
         "dyrcnn_x2",
         {{"skip", false}},
         "0.0393481402 0.0548694567 0.0648939147 0.0359484524 0.0212161563 0.0169222554 0.0249310611 0.0475320072",
         "0.0385300077 0.17705745 0.210532512 0.118916666",
         "7.23057015536"},
        {"G06_feedforward_delay",
         "dyrcnn_x2",
         {{"skip", false}, {"t_feedforward", 4.0}},
         "0 0 0 0 0.0393481402 0.0548694567 0.0648939147 0.0359484524",
         "0.0362396873 0.145897051 0.170201703 0.0949126692",
         "2.87958737286"},
        {"G07_fast_recurrence",
         "dyrcnn_x2",
         {{"t_recurrence", 2.0}},
         "-0.00562687154 -0.0589636872 -0.0854891396 -0.0972437872 -0.0928704443 -0.0803088316 -0.0501630073 "
         "0.0182265933",
         "-0.0110138204 0.0785275192 0.125307306 0.100875738",
         "4.51701428318"},
        {"G08_feedback_additive",
         "dyrcnn_x2",
         {{"feedback", "add"}, {"t_feedback", 6.0}},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0767766689 -0.103027672 -0.107962263 -0.0983596633 "
         "-0.0867000302",
         "-0.0732582035 0.0817492584 0.191958377 0.188819195",
         "5.46176350388"},
        {"G09_feedback_multiplicative",
         "dyrcnn_x2",
         {{"feedback", "mul"}, {"t_feedback", 6.0}},
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0771407746 -0.10722738 -0.118168852 -0.111902591 -0.104344721",
         "-0.0958615822 0.0783861054 0.209961642 0.216807177",
         "5.62412627459"},
        {"G10_supralinearity_filled",
         "dyrcnn_x2",
         {{"supralinearity", 1.5}, {"train_supralinearity", true}},
         "0.0256973463 0.0246368597 0.0258744125 0.0318728452 0.0294548454 0.031422531 0.0295445687 0.0312378751",
         "0.0313255394 0.0421703869 0.0332387366 0.0113016729",
         "1.78411241581"},
        {"G11_supralinearity",
         "dyrcnn_x2",
         {{"supralinearity", 1.5}},
         "0.0121391181 0.0110165118 0.0105528614 0.00141697333 -0.0015488529 -0.0030990348 -0.00413082297 "
         "-0.00507989485",
         "0.00109865352 0.0451955651 0.0676034549 0.0552804847",
         "2.63528869435"},
        {.id = "G12_idle",
         .preset = "dyrcnn_x2",
         .changes = {},
         .first =
             "-0.101967669 -0.120341283 -0.135129875 -0.139492991 -0.14143117 -0.137658259 -0.125954272 -0.11623399",
         .last = "-0.102238864 0.0622698057 0.194295083 0.211494789",
         .sum = "6.03242916743",
         .idle = 5},
        {"G13_feedforward_only",
         "dyrcnn_x2",
         {{"feedforward_only", true}},
         "0.0393481402 0.0548694567 0.0648939147 0.0713397702 0.0754833352 0.0781261113 0.0798057634 0.0808722685",
         "0.0778604908 0.171385723 0.163444253 0.0601811703",
         "6.59078083893"},
        {.id = "G14_blank_frames",
         .preset = "dyrcnn_x2",
         .changes = {},
         .first = "-0.000506934573 -0.00913485406 -0.0206362318 -0.0664402851 -0.0970175611 -0.109941339 -0.107769187 "
                  "-0.0986600119",
         .last = "-0.100348052 0.0736442518 0.207962215 0.218814217",
         .sum = "5.05107943528",
         .blank = {0, 1, 5, 6, 7}},
        {"G15_x4",
         "dyrcnn_x4",
         {},
         "-0.0831985952 -0.132695546 -0.157423195 -0.143413484 -0.126990459 -0.106881778 -0.08511846 -0.0598982063",
         "-0.0528182143 0.0662724208 0.0707580388 -0.032827384",
         "1.08053261334"},
        {"G16_x8",
         "dyrcnn_x8",
         {{"n_timesteps", 5}},
         "-0.00910439539 -0.0225514191 -0.0311103604 -0.0100072461 -0.00232462157",
         "-0.00104644232 -0.242367889 -0.456933477 -0.611656775",
         "-8.87467988524",
         32},
        {"G17_x8_target_input",
         "dyrcnn_x8",
         {{"n_timesteps", 5}, {"recurrence_target", "input"}},
         "-0.00910439539 -0.0225514191 -0.0311103604 -0.03812582 -0.0438173295",
         "-0.0421449413 -0.211694831 -0.359522757 -0.463494907",
         "-8.11419186392",
         32},
    };
}

class ForwardGolden : public testing::TestWithParam<Forward> {};

TEST_P(ForwardGolden, IsDynVisions) {
    const Forward& g = GetParam();
    const auto model = golden::filled(plugin(), g.preset, with({{"n_timesteps", 8}}, g.changes), g.size);
    dv::Sequence sequence = dv::Sequence::of(golden::image(2, g.size));
    sequence = sequence.shown_for(static_cast<std::int64_t>(golden::numbers(g.first).size()));
    for (const std::size_t t : g.blank) sequence.schedule[t] = dv::Sequence::kBlank;
    sequence.idle_timesteps = g.idle;
    for (const auto plan : {dv::EnginePlan::reference, dv::EnginePlan::fast}) {
        model->set_plan(plan);
        const at::Tensor out = model->forward_sequence(sequence).detach();
        expect_printed(out.select(0, 0).select(1, 0), g.first, "output[0, t, 0]");
        expect_printed(out.select(0, 1).select(0, -1), g.last, "output[1, last, :]");
        expect_printed(out.sum(), g.sum, "sum");
    }
}

INSTANTIATE_TEST_SUITE_P(DynVision, ForwardGolden, testing::ValuesIn(forwards()),
                         [](const auto& test) { return test.param.id; });

// ---- How connections join ---------------------------------------------------------------------------------------------

class Connected : public testing::TestWithParam<const char*> {};

TEST_P(Connected, JoinsAsItsParameterSays) {
    const auto out = [](const Config& how) {
        const auto model = golden::filled(plugin(), "dyrcnn_x2", with({{"n_timesteps", 8}, {"t_feedback", 6.0}}, how), 16);
        return model->forward_sequence(dv::Sequence::of(golden::image(2, 16)).shown_for(8)).detach();
    };
    const at::Tensor off = out({{GetParam(), false}}), on = out({{GetParam(), true}});
    EXPECT_TRUE(on.equal(out({{GetParam(), "add"}})));
    EXPECT_FALSE(on.equal(off));
    const at::Tensor mul = out({{GetParam(), "mul"}});
    EXPECT_FALSE(mul.equal(off));
    EXPECT_FALSE(mul.equal(on));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Connected, testing::Values("skip", "feedback"), [](const auto& test) { return test.param; });

// ---- Numbers of parameters ------------------------------------------------------------------------------------------

std::int64_t count(const char* preset, const Config& changes) {
    return golden::count(plugin(), preset, changes, 32, 10);
}

Config recurrence(const char* type) { return {{"recurrence", Config{{"type", type}}}}; }

TEST(ParameterCounts, AreDynVisions) {
    const Config no_skip{{"skip", false}}, bare = with(recurrence("none"), no_skip);
    EXPECT_EQ(count("dyrcnn_x2", bare), 22460);
    EXPECT_EQ(count("dyrcnn_x2", no_skip), 71088);
    EXPECT_EQ(count("dyrcnn_x2", {}), 73456);
    EXPECT_EQ(count("dyrcnn_x4", bare), 373239);
    EXPECT_EQ(count("dyrcnn_x4", no_skip), 1143837);
    EXPECT_EQ(count("dyrcnn_x4", {}), 1164954);
    EXPECT_EQ(count("dyrcnn_x4", recurrence("self")), 394364);
    EXPECT_EQ(count("dyrcnn_x4", recurrence("none")), 394356);
    EXPECT_EQ(count("dyrcnn_x4", recurrence("depthpointwise")), 485172);
    EXPECT_EQ(count("dyrcnn_x4", recurrence("pointdepthwise")), 485172);
    EXPECT_EQ(count("dyrcnn_x4", recurrence("local")), 394412);
    EXPECT_EQ(count("dyrcnn_x4", {{"feedback", true}}), 1185794);
    EXPECT_EQ(count("dyrcnn_x8", bare), 5043043);
    EXPECT_EQ(count("dyrcnn_x8", no_skip), 8441453);
    EXPECT_EQ(count("dyrcnn_x8", {}), 8534798);
}

// ---- compat = "dynvision-0.1" --------------------------------------------------------------------------------------------

TEST(Compat, TheTwoLayerNetworkIgnoresTrainTau) {
    const auto trains_tau = [](const char* preset, const Config& changes) {
        dv::testing::Plugin at = plugin();
        const auto model = at.make<dv::Model>(preset, with({{"n_timesteps", 4}, {"train_tau", true}}, changes));
        model->build({.n_frames = 1, .channels = 3, .height = 16, .width = 16, .n_classes = 4});
        bool trained = false;
        for (const dv::NamedTensor& p : model->parameters())
            trained = trained || (p.trainable && p.name.starts_with("tau_"));
        return std::pair(trained, at.host().log_text(DV_LOG_WARNING));
    };
    const Config compat{{"compat", "dynvision-0.1"}};
    EXPECT_TRUE(trains_tau("dyrcnn_x2", {}).first);
    EXPECT_TRUE(trains_tau("dyrcnn_x4", compat).first);
    const auto [trained, warning] = trains_tau("dyrcnn_x2", compat);
    EXPECT_FALSE(trained);
    EXPECT_THAT(warning, testing::HasSubstr("train_tau has no effect in dyrcnn_x2"));
}

// ---- Layers ---------------------------------------------------------------------------------------------------------

struct Means {
    std::string id, preset;
    Config changes;
    std::int64_t size, n_timesteps;
    std::vector<std::string> layers;
};

std::vector<Means> means() {
    const std::string g01 =
        ".0154745171 .0247592273 .0303300534 .0388325235 .054212809 .0700386878 .0820273711 .099341647";
    return {
        {"G01",
         "dyrcnn_x2",
         {},
         16,
         8,
         {g01, ".0353472466 .0759290267 .111946964 .162251355 .251640431 .362557344 .468564507 .598981269"}},
        {"G06_feedforward_delay",
         "dyrcnn_x2",
         {{"skip", false}, {"t_feedforward", 4.0}},
         16,
         8,
         {g01, "absent absent .0353542957 .0758650005 .111790848 .156447447 .23863002 .342017818"}},
        {"G16_x8",
         "dyrcnn_x8",
         {{"n_timesteps", 5}},
         32,
         5,
         {".00635919606 .0101747137 .0124640243 .0200323696 .0245993532",
          ".0110486721 .0195780928 .0265516651 .046815205 .069363893",
          ".0161594818 .0342849842 .0548962112 .100946942 .166985226",
          ".0138984287 .0247398707 .033819357 .0521388552 .0723659116"}},
    };
}

class LayerGolden : public testing::TestWithParam<Means> {};

TEST_P(LayerGolden, IsDynVisions) {
    const Means& g = GetParam();
    const auto model = golden::filled(plugin(), g.preset, with({{"n_timesteps", 8}}, g.changes), g.size);
    for (const auto plan : {dv::EnginePlan::reference, dv::EnginePlan::fast}) {
        golden::LayerMeans recorder;
        model->set_plan(plan);
        model->record(&recorder);
        model->forward_sequence(dv::Sequence::of(golden::image(2, g.size)).shown_for(g.n_timesteps));
        for (std::size_t l = 0; l < g.layers.size(); ++l) recorder.expect(l, g.layers[l]);
        model->record(nullptr);
    }
}

INSTANTIATE_TEST_SUITE_P(DynVision, LayerGolden, testing::ValuesIn(means()),
                         [](const auto& test) { return test.param.id; });

}  // namespace
