// Values of DynVision 0.1.0 (dd24be4) in float64 on one thread, its networks filled with golden::fill()'s rule and run
// on
// golden::image(): training steps with masks, padding and cross-entropy. Numbers agree to two units of the last printed
// digit.

#include "tests/golden.hpp"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace {

using dv::testing::Config;
using golden::expect_printed;

dv::testing::Plugin plugin() { return golden::plugin(DV_PLUGIN_UNDER_TEST); }

Config with(Config config, const Config& changes) {
    for (const auto& [key, value] : *changes.as<dv::testing::Value::Table>()) config.set(key, value);
    return config;
}

// ---- Three steps of training ----------------------------------------------------------------------------------------

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
    Config changes;
    std::string loss, accuracy, guess_confidence, label_confidence, gradient_norm;  ///< at steps 0, 1, 2
    std::map<std::string, std::string> gradients;                                   ///< sum of |gradient| at step 0
};

std::vector<Training> trainings() {
    return {
        {"T1",
         {},
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
         {{"skip", false}, {"t_feedforward", 4.0}},
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
         {{"feedback", true}, {"t_feedback", 6.0}},
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
         {{"truncated_bptt_timesteps", 3}},
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
    const Config base{{"n_timesteps", 8}, {"loss_reaction_time", 4.0}};
    const auto model = golden::filled(plugin(), "dyrcnn_x2", with(base, g.changes), 16);
    const auto parameters = model->parameters();
    dv::Batch batch;
    batch.frames = dv::Sequence::of(golden::image(2, 16));
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
    const std::vector<double> expected_loss = golden::numbers(g.loss);
    for (std::size_t i = 0; i < 3; ++i) {  // the original rounds its loss to float32
        EXPECT_NEAR(loss[i].item<double>(), expected_loss[i], 1e-6) << "loss " << i;
    }
    expect_printed(at::stack(norm), g.gradient_norm, "gradient norm");
    expect_printed(at::stack(accuracy), g.accuracy, "accuracy");
    expect_printed(at::stack(guess_confidence), g.guess_confidence, "guess confidence");
    expect_printed(at::stack(label_confidence), g.label_confidence, "label confidence");
}

INSTANTIATE_TEST_SUITE_P(DynVision, TrainingGolden, testing::ValuesIn(trainings()),
                         [](const auto& test) { return test.param.id; });

}  // namespace
