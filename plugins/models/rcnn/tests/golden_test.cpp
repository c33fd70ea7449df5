// Values of DynVision 0.1.0 (dd24be4) in float64 on one thread, its networks filled with dyrcnn::filled()'s rule and run on
// dyrcnn::image(): forward passes called directly, training steps with masks, padding and cross-entropy. Numbers agree to
// two units of the last printed digit.

#include "dyrcnn.hpp"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <sstream>

namespace {

using dyrcnn::both;
using dyrcnn::Config;
using dyrcnn::Edges;
using dyrcnn::with;

/// A printed number: its value and the size of its last digit.
struct Printed {
    double value = 0, unit = 0;
};

std::vector<Printed> printed(const std::string& text) {
    std::vector<Printed> out;
    std::istringstream in(text);
    for (std::string word; in >> word;) {
        const std::size_t point = word.find('.');
        const int places = point == std::string::npos ? 0 : static_cast<int>(word.size() - point - 1);
        out.push_back({std::stod(word), std::pow(10.0, -places)});
    }
    return out;
}

void expect_printed(const at::Tensor& found, const std::string& text, const char* what) {
    const std::vector<Printed> expected = printed(text);
    const at::Tensor flat = found.detach().reshape({-1}).contiguous();
    ASSERT_EQ(flat.size(0), static_cast<std::int64_t>(expected.size())) << what;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_NEAR(flat.const_data_ptr<double>()[i], expected[i].value, 2 * expected[i].unit) << what << " " << i;
    }
}

// ---- Forward -------------------------------------------------------------------------------------------------------------

struct Forward {
    std::string id;
    std::function<Config()> model;
    std::string first;  ///< output[0, t, 0]
    std::string last;   ///< output[1, last, :]
    std::string sum;
    std::int64_t size = 16;
    std::int64_t idle = 0;
    std::vector<std::size_t> blank = {};  ///< steps without the image
};

Edges skip_and_feedback(const char* mode) {
    return both(dyrcnn::connections("skip", {{"layer1", "layer2"}}),
                dyrcnn::connections("feedback", {{"layer2", "layer1"}}, mode));
}

std::vector<Forward> forwards() {
    return {
        {"G01", dyrcnn::x2,
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0761188667 -0.105111305 -0.115652073 -0.111828335 -0.109393074",
         "-0.0977830237 0.0794383693 0.213322368 0.220351706", "5.69298541189"},
        {"G04_target_input",
         [] {
             return with(dyrcnn::x2(), {{"recurrence_target", "input"}});
         },
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0247189094 -0.0134565541 0.00126762025 0.0368314422 "
         "0.0943359982",
         "0.0438672692 0.174483463 0.201674557 0.10937476", "5.92225606902"},
        {"G05_skip_off",
         [] {
             return with(dyrcnn::x2(), {{"connection", Edges{}}});
         },
         "0.0393481402 0.0548694567 0.0648939147 0.0359484524 0.0212161563 0.0169222554 0.0249310611 0.0475320072",
         "0.0385300077 0.17705745 0.210532512 0.118916666", "7.23057015536"},
        {"G06_feedforward_delay",
         [] {
             return with(dyrcnn::x2(), {{"connection", Edges{}}, {"t_feedforward", 4.0}});
         },
         "0 0 0 0 0.0393481402 0.0548694567 0.0648939147 0.0359484524",
         "0.0362396873 0.145897051 0.170201703 0.0949126692", "2.87958737286"},
        {"G07_fast_recurrence",
         [] {
             return with(dyrcnn::x2(), {{"t_recurrence", 2.0}});
         },
         "-0.00562687154 -0.0589636872 -0.0854891396 -0.0972437872 -0.0928704443 -0.0803088316 -0.0501630073 "
         "0.0182265933",
         "-0.0110138204 0.0785275192 0.125307306 0.100875738", "4.51701428318"},
        {"G08_feedback_additive",
         [] {
             return with(dyrcnn::x2(), {{"connection", skip_and_feedback("additive")}, {"t_feedback", 6.0}});
         },
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0767766689 -0.103027672 -0.107962263 -0.0983596633 "
         "-0.0867000302",
         "-0.0732582035 0.0817492584 0.191958377 0.188819195", "5.46176350388"},
        {"G09_feedback_multiplicative",
         [] {
             return with(dyrcnn::x2(), {{"connection", skip_and_feedback("multiplicative")}, {"t_feedback", 6.0}});
         },
         "-0.00562687154 -0.0202275156 -0.030090225 -0.0771407746 -0.10722738 -0.118168852 -0.111902591 -0.104344721",
         "-0.0958615822 0.0783861054 0.209961642 0.216807177", "5.62412627459"},
        {"G11_supralinearity",
         [] {
             return with(dyrcnn::x2(), {{"supralinearity", 1.5}});
         },
         "0.0121391181 0.0110165118 0.0105528614 0.00141697333 -0.0015488529 -0.0030990348 -0.00413082297 "
         "-0.00507989485",
         "0.00109865352 0.0451955651 0.0676034549 0.0552804847", "2.63528869435"},
        {.id = "G12_idle",
         .model = dyrcnn::x2,
         .first =
             "-0.101967669 -0.120341283 -0.135129875 -0.139492991 -0.14143117 -0.137658259 -0.125954272 -0.11623399",
         .last = "-0.102238864 0.0622698057 0.194295083 0.211494789",
         .sum = "6.03242916743",
         .idle = 5},
        {"G13_feedforward_only",
         [] {
             return with(dyrcnn::x2(), {{"feedforward_only", true}});
         },
         "0.0393481402 0.0548694567 0.0648939147 0.0713397702 0.0754833352 0.0781261113 0.0798057634 0.0808722685",
         "0.0778604908 0.171385723 0.163444253 0.0601811703", "6.59078083893"},
        {.id = "G14_blank_frames",
         .model = dyrcnn::x2,
         .first = "-0.000506934573 -0.00913485406 -0.0206362318 -0.0664402851 -0.0970175611 -0.109941339 -0.107769187 "
                  "-0.0986600119",
         .last = "-0.100348052 0.0736442518 0.207962215 0.218814217",
         .sum = "5.05107943528",
         .blank = {0, 1, 5, 6, 7}},
        {"G15_x4", dyrcnn::x4,
         "-0.0831985952 -0.132695546 -0.157423195 -0.143413484 -0.126990459 -0.106881778 -0.08511846 -0.0598982063",
         "-0.0528182143 0.0662724208 0.0707580388 -0.032827384", "1.08053261334"},
        {"G16_x8",
         [] {
             return with(dyrcnn::x8(), {{"n_timesteps", 5}});
         },
         "-0.00910439539 -0.0225514191 -0.0311103604 -0.0100072461 -0.00232462157",
         "-0.00104644232 -0.242367889 -0.456933477 -0.611656775", "-8.87467988524", 32},
        {"G17_x8_target_input",
         [] {
             return with(dyrcnn::x8(), {{"n_timesteps", 5}, {"recurrence_target", "input"}});
         },
         "-0.00910439539 -0.0225514191 -0.0311103604 -0.03812582 -0.0438173295",
         "-0.0421449413 -0.211694831 -0.359522757 -0.463494907", "-8.11419186392", 32},
    };
}

class ForwardGolden : public testing::TestWithParam<Forward> {};

TEST_P(ForwardGolden, IsDynVisions) {
    const Forward& g = GetParam();
    const auto model = dyrcnn::filled(g.model(), g.size);
    dv::Sequence sequence = dv::Sequence::of(dyrcnn::image(2, g.size));
    sequence = sequence.shown_for(static_cast<std::int64_t>(printed(g.first).size()));
    for (const std::size_t t : g.blank) sequence.schedule[t] = dv::Sequence::kBlank;
    sequence.idle_timesteps = g.idle;
    const at::Tensor out = model->forward_sequence(sequence).detach();
    expect_printed(out.select(0, 0).select(1, 0), g.first, "output[0, t, 0]");
    expect_printed(out.select(0, 1).select(0, -1), g.last, "output[1, last, :]");
    expect_printed(out.sum(), g.sum, "sum");
}

INSTANTIATE_TEST_SUITE_P(DynVision, ForwardGolden, testing::ValuesIn(forwards()),
                         [](const auto& test) { return test.param.id; });

// ---- Three steps of training ---------------------------------------------------------------------------------------------

/// Mean over the scored steps of all samples.
struct CrossEntropy final : dv::Loss {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor& labels) const override {
        return at::cross_entropy_loss(outputs.flatten(0, 1), labels.flatten(), {}, /*reduction=mean*/ 1,
                                      /*ignore_index=*/-1);
    }
};

/// Adam with L2 in the gradient, as PyTorch's, written out.
class Adam {
public:
    void step(const std::vector<dv::NamedTensor>& parameters) {
        ++t_;
        for (const dv::NamedTensor& p : parameters) {
            if (!p.trainable || !p.tensor.grad().defined()) continue;
            const at::Tensor weight = p.tensor.detach();
            const at::Tensor gradient = p.tensor.grad().add(weight, 5e-4);
            Moments& m = moments_.try_emplace(p.name, Moments{weight.mul(0), weight.mul(0)}).first->second;
            m.first = m.first.mul(0.9).add(gradient, 0.1);
            m.second = m.second.mul(0.999).add(gradient.pow(2), 0.001);
            const at::Tensor scale = m.second.div(1 - std::pow(0.999, t_)).sqrt().add(1e-8);
            weight.sub_(m.first.div(1 - std::pow(0.9, t_)).div(scale).mul(rate(p.name)));
        }
    }

private:
    struct Moments {
        at::Tensor first, second;
    };
    static double rate(const std::string& name) {
        return 0.01 * (dv::matches("*.recurrence.*", name) ? 0.2 : dv::matches("addfeedback_*", name) ? 0.5 : 1.0);
    }
    std::map<std::string, Moments> moments_;
    int t_ = 0;
};

struct Training {
    std::string id;
    std::function<Config()> model;
    std::string loss, accuracy, guess_confidence, label_confidence, gradient_norm;  ///< at steps 0, 1, 2
    std::map<std::string, std::string> gradients;                                   ///< sum of |gradient| at step 0
};

std::vector<Training> trainings() {
    const auto base = [](const Config& changes) {
        return with(with(dyrcnn::x2(), {{"loss_reaction_time", 4.0}}), changes);
    };
    return {
        {"T1",
         [=] { return base({}); },
         "1.35512304 1.21710384 .96150887",
         ".416667 .5 .916667",
         ".272457746 .46538818 .361789618",
         ".257192515 .328941829 .361567369",
         "1.49424706 1.65137886 1.10625377",
         {{"layer1.conv.weight", "3.21009838"},
          {"layer1.conv.bias", ".140111986"},
          {"layer1.recurrence.conv.weight", ".867602462"},
          {"layer1.recurrence.conv.bias", ".066004763"},
          {"layer2.conv.weight", "6.63753186"},
          {"layer2.conv.bias", ".443080116"},
          {"layer2.recurrence.conv.weight", "8.35153141"},
          {"layer2.recurrence.conv.bias", ".291769825"},
          {"addskip_layer2.conv.weight", ".498527568"},
          {"addskip_layer2.conv.bias", ".443080116"},
          {"classifier.2.weight", "20.0011801"},
          {"classifier.2.bias", ".962412317"}}},
        {"T2_feedforward_delay",
         [=] {
             return base({{"connection", Edges{}}, {"t_feedforward", 4.0}});
         },
         "1.37704432 1.24281931 1.03331697",
         ".0833333 .5 .5",
         ".259978351 .337086769 .347380694",
         ".251217816 .279083025 .312120586",
         "1.43412606 1.22523948 1.13541784",
         {{"layer1.conv.weight", ".922056785"},
          {"layer1.conv.bias", ".0581547872"},
          {"layer1.recurrence.conv.weight", ".365803361"},
          {"layer1.recurrence.conv.bias", ".0279536268"},
          {"layer2.conv.weight", "8.97579173"},
          {"layer2.conv.bias", ".574388249"},
          {"layer2.recurrence.conv.weight", "11.6731225"},
          {"layer2.recurrence.conv.bias", ".388025128"},
          {"classifier.2.weight", "19.4998209"},
          {"classifier.2.bias", ".990452664"}}},
        {"T3_feedback",
         [=] {
             return base({{"connection", skip_and_feedback("additive")}, {"t_feedback", 6.0}});
         },
         "1.35797966 1.24992764 1.02329349",
         ".25 .5 .666667",
         ".270878833 .474831373 .351888001",
         ".256559222 .328650609 .342425011",
         "1.49022693 1.75026413 1.05387125",
         {{"layer1.conv.weight", "4.48459976"},
          {"layer1.conv.bias", ".185177084"},
          {"layer1.recurrence.conv.weight", "1.11243907"},
          {"layer1.recurrence.conv.bias", ".0794941838"},
          {"layer2.conv.weight", "7.76932731"},
          {"layer2.recurrence.conv.weight", "8.89560493"},
          {"addskip_layer2.conv.weight", ".558498099"},
          {"addfeedback_layer1.conv.weight", ".909017618"},
          {"addfeedback_layer1.conv.bias", ".0794941838"},
          {"classifier.2.weight", "19.8447683"},
          {"classifier.2.bias", ".965059249"}}},
        {"T4_truncated",
         [=] {
             return base({{"truncated_bptt_timesteps", 3}});
         },
         "1.35512304 1.2019763 .87577403",
         ".416667 .5 .666667",
         ".272457746 .44983052 .401198656",
         ".257192515 .324894106 .392252144",
         "1.48642534 1.6126327 1.16683927",
         {{"layer1.conv.weight", "1.34213755"},
          {"layer1.conv.bias", ".0705492064"},
          {"layer1.recurrence.conv.weight", ".578650896"},
          {"layer2.conv.weight", "5.03079371"},
          {"layer2.recurrence.conv.weight", "6.96610481"}}},
    };
}

/// What DynVision measures in a step, on outputs and the labels they are scored with.
struct Measures {
    at::Tensor accuracy, guess_confidence, label_confidence;
};

Measures measures(const at::Tensor& outputs, const at::Tensor& labels, const at::Tensor& first_labels) {
    const at::Tensor probability = outputs.softmax(-1);
    const at::Tensor guess = outputs.argmax(-1), scored = labels.ge(0);
    const at::Tensor first = first_labels.unsqueeze(1).expand(labels.sizes()).unsqueeze(-1);
    return {guess.eq(labels).logical_and(scored).sum().to(at::kDouble).div(scored.sum()),
            std::get<0>(probability.max(-1)).mean(), probability.gather(-1, first).mean()};
}

class TrainingGolden : public testing::TestWithParam<Training> {};

TEST_P(TrainingGolden, IsDynVisions) {
    const Training& g = GetParam();
    const auto model = dyrcnn::filled(g.model(), 16);
    const auto parameters = model->parameters();
    dv::Batch batch;
    batch.frames = dv::Sequence::of(dyrcnn::image(2, 16));
    batch.labels = at::tensor({1, 3}, at::kLong);
    model->train(true);
    Adam adam;
    std::vector<at::Tensor> loss, norm, accuracy, guess_confidence, label_confidence;
    for (int step = 0; step < 3; ++step) {
        for (const dv::NamedTensor& p : parameters) p.tensor.mutable_grad().reset();
        const dv::StepOutput out = model->training_step(batch, CrossEntropy());
        out.loss.backward();
        at::Tensor squares = out.loss.detach().mul(0);
        for (const dv::NamedTensor& p : parameters) {
            if (p.tensor.grad().defined()) squares = squares.add(p.tensor.grad().pow(2).sum());
        }
        const Measures m = measures(out.outputs.detach(), out.labels, batch.labels);
        loss.push_back(out.loss.detach());
        norm.push_back(squares.sqrt());
        accuracy.push_back(m.accuracy);
        guess_confidence.push_back(m.guess_confidence);
        label_confidence.push_back(m.label_confidence);
        if (step == 0) {
            std::size_t found = 0;
            for (const dv::NamedTensor& p : parameters) {
                if (!g.gradients.contains(p.name)) continue;
                ++found;
                expect_printed(p.tensor.grad().abs().sum(), g.gradients.at(p.name), p.name.c_str());
            }
            EXPECT_EQ(found, g.gradients.size());
        }
        adam.step(parameters);
    }
    const std::vector<Printed> expected_loss = printed(g.loss);
    for (std::size_t i = 0; i < 3; ++i) {  // the original rounds its loss to float32
        EXPECT_NEAR(loss[i].item<double>(), expected_loss[i].value, 1e-6) << "loss " << i;
    }
    expect_printed(at::stack(norm), g.gradient_norm, "gradient norm");
    expect_printed(at::stack(accuracy), g.accuracy, "accuracy");
    expect_printed(at::stack(guess_confidence), g.guess_confidence, "guess confidence");
    expect_printed(at::stack(label_confidence), g.label_confidence, "label confidence");
}

INSTANTIATE_TEST_SUITE_P(DynVision, TrainingGolden, testing::ValuesIn(trainings()),
                         [](const auto& test) { return test.param.id; });

// ---- Numbers of parameters -----------------------------------------------------------------------------------------------

std::int64_t count(const Config& config) {
    const auto model = dyrcnn::made(config);
    model->build({.n_frames = 1, .channels = 3, .height = 32, .width = 32, .n_classes = 10});
    std::int64_t n = 0;
    for (const dv::NamedTensor& p : model->parameters()) n += p.name == "n_residual_timesteps" ? 0 : p.tensor.numel();
    return n;
}

TEST(ParameterCounts, AreDynVisions) {
    const dv::testing::Entry none{"recurrence", Config{{"type", "none"}}}, self{"recurrence", Config{{"type", "self"}}},
        no_skip{"connection", Edges{}};
    EXPECT_EQ(count(with(dyrcnn::x2(), {none, no_skip})), 22460);
    EXPECT_EQ(count(with(dyrcnn::x2(), {no_skip})), 71088);
    EXPECT_EQ(count(dyrcnn::x2()), 73456);
    EXPECT_EQ(count(with(dyrcnn::x4(), {none, no_skip})), 373239);
    EXPECT_EQ(count(with(dyrcnn::x4(), {no_skip})), 1143837);
    EXPECT_EQ(count(dyrcnn::x4()), 1164954);
    EXPECT_EQ(count(with(dyrcnn::x4(), {self})), 394364);
    EXPECT_EQ(count(with(dyrcnn::x4(), {none})), 394356);
    EXPECT_EQ(count(with(dyrcnn::x8(), {none, no_skip})), 5043043);
    EXPECT_EQ(count(with(dyrcnn::x8(), {no_skip})), 8441453);
    EXPECT_EQ(count(dyrcnn::x8()), 8534798);

    const Edges with_feedback = both(dyrcnn::connections("skip", {{"V1", "V4"}, {"V2", "IT"}}),
                                     dyrcnn::connections("feedback", {{"V4", "V1"}, {"IT", "V2"}}));
    EXPECT_EQ(count(with(dyrcnn::x4(), {{"connection", with_feedback}})), 1185794);
}

}  // namespace
