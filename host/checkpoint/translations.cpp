#include "checkpoint/translations.hpp"

namespace dvhost::checkpoint {

namespace {

using Rules = std::vector<std::pair<std::string, std::string>>;

// Time constants and the number of residual steps are kept by dvhost's models, not by static networks or other projects.
const char* const kTimes[] = {"tau_*", "tstep_*.tau", "n_residual_timesteps"};

std::vector<std::string> times_and(std::vector<std::string> more) {
    more.insert(more.end(), std::begin(kTimes), std::end(kTimes));
    return more;
}

Translation cornet_rt() {
    Rules rules;
    for (const char* area : {"V1", "V2", "V4", "IT"}) {
        rules.emplace_back(std::string(area) + ".norm1", "norm_" + std::string(area));
    }
    const Rules shared{
        {"conv1", "conv2"}, {"conv_input", "conv"}, {"norm_input", "mid_modules"}, {"decoder.linear", "classifier.2"}};
    rules.insert(rules.end(), shared.begin(), shared.end());
    // The recurrent weight of 1 is fixed there, and so not in the file.
    return {"cornet_rt", "module.", rules, times_and({"*.recurrence.weight"}), {"classifier.2.*"}, {"classifier.2.*"}};
}

Translation cordsnet() {
    Rules rules{{"inp_conv", "layer0.conv"}, {"out_fc", "classifier.3"}};
    for (int i = 0; i < 8; ++i) {
        const std::string from = "." + std::to_string(i), layer = "layer" + std::to_string(i + 1);
        rules.emplace_back("area_conv" + from, layer + ".recurrence.conv");
        rules.emplace_back("area_area" + from, layer + ".conv");
        rules.emplace_back("conv_bias" + from, "addbias_" + layer + ".bias");
    }
    rules.emplace_back("inp_skip", "addskip_layer2.conv");
    for (int i = 0; i < 3; ++i) {
        rules.emplace_back("skip_area." + std::to_string(i), "addskip_layer" + std::to_string(4 + 2 * i) + ".conv");
    }
    return {"cordsnet", "module.", rules, times_and({}), {"classifier.3*"}, {"classifier.3*"}};
}

Translation alexnet() {
    const Rules rules{{"features.0.", "layer1.conv."},    {"features.3.", "layer2.conv."},
                      {"features.6.", "layer3.conv."},    {"features.8.", "layer4.conv."},
                      {"features.10.", "layer5.conv."},   {"classifier.1.", "classifier.2."},
                      {"classifier.4.", "classifier.5."}, {"classifier.6.", "classifier.7."}};
    return {
        "alexnet",         "", rules, times_and({"*.recurrence.*", "addskip_*", "addfeedback_*"}), {"classifier.7.*"},
        {"classifier.7.*"}};
}

}  // namespace

std::vector<Translation> translations() {
    return {{"dynvision", "", {}, {}, {}, {}},
            cornet_rt(),
            cordsnet(),
            alexnet(),
            {"torchvision",
             "",
             {},
             times_and({"*.recurrence.*", "addskip_*", "addfeedback_*"}),
             {"fc.*"},
             {"fc.*", "classifier.*"}}};
}

}  // namespace dvhost::checkpoint
