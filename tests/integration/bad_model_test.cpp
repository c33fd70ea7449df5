/// What does not go together in a temporal model, its weights and its input: a run says so before it trains, and names layer and
/// parameter.

#include "program.hpp"

#include <dv/npy.hpp>

#include <cstring>
#include <limits>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class BadModel : public ProgramTest {
protected:
    /// A run of the tiny manifest with a second layer and further changes.
    Result run(const std::vector<std::string>& overrides) {
        std::vector<std::string> words{"run", tiny(), "-o", "model.layer+={name=\"V2\",conv={channels=4}}", "-o", "trainer.max_epochs=1"};
        for (const std::string& o : overrides) words.insert(words.end(), {"-o", o});
        return dvhost(words);
    }
    void expect_refusal(const std::vector<std::string>& overrides, int code, const ::testing::Matcher<std::string>& message) {
        const Result result = run(overrides);
        EXPECT_EQ(result.code, code) << result.err;
        EXPECT_THAT(result.err, AllOf(message, Not(HasSubstr("train/loss"))));
    }
    void expect_warning(const std::vector<std::string>& overrides, const ::testing::Matcher<std::string>& message) {
        const Result result = run(overrides);
        EXPECT_EQ(result.code, 0) << result.err;
        EXPECT_THAT(result.err, message);
    }
    static std::string connection(const std::string& kind, const std::string& from, const std::string& to, const std::string& delay) {
        return "model.connection+={kind=\"" + kind + "\",from=\"" + from + "\",to=\"" + to + "\",delay=" + delay + "}";
    }
};

// ---- Delays ---------------------------------------------------------------------------------------------------------------

TEST_F(BadModel, ADelayLongerThanTheRun) {
    expect_warning({"model.t_recurrence=100.0"},
                   HasSubstr("the recurrence of V1 reads 50 steps = 100 ms back, and a run has 3 steps: nothing ever arrives"));
    expect_warning({connection("skip", "V1", "V2", "50.0")}, HasSubstr("the skip from V1 to V2 reads 25 steps = 50 ms back"));
}

TEST_F(BadModel, ADelayBetweenSteps) {
    const std::string feedback = connection("feedback", "V2", "V1", "3.0");
    expect_warning({feedback}, HasSubstr("the feedback from V2 to V1, 3 ms, is not a whole number of steps of 2 ms: 2 steps are used"));
    expect_refusal({feedback, "model.delay_policy=strict"}, 68,
                   AllOf(HasSubstr("'connection.0.delay' the feedback from V2 to V1, 3 ms"), HasSubstr("2 or 4 ms")));
    expect_refusal({"model.t_recurrence=3.0", "model.delay_policy=strict"}, 68, HasSubstr("'t_recurrence' the recurrence of V1, 3 ms"));
    expect_refusal({"model.t_skip=-1.0"}, 65, HasSubstr("[model] 't_skip' is -1: must be at least 0"));
}

TEST_F(BadModel, AStepBeyondTheStabilityLimit) {
    expect_refusal({"model.dt=12.0"}, 68,
                   AllOf(HasSubstr("'dt' of 12 ms makes layer V1 diverge"), HasSubstr("limit 2"), HasSubstr("allow_unstable")));
    expect_refusal({"model.dt=0"}, 65, HasSubstr("[model] 'dt' is 0: must be > 0"));
    expect_refusal({"model.layer.1.tau=0.0"}, 65, HasSubstr("[model.layer.1] 'tau' is 0: must be > 0"));
}

TEST_F(BadModel, ACycleWithoutDelay) {
    expect_refusal({"model.layer+={name=\"V3\",conv={channels=2}}", "model.solver=rk4", "model.recurrence=none", "model.layer.0.relaxes=false",
                    "model.layer.1.relaxes=false", connection("feedback", "V2", "V1", "0.0")},
                   68, AllOf(HasSubstr("reads itself on a path without a delay and without a solver"), HasSubstr("layer V")));
    expect_refusal({"model.solver=rk4", "model.update_order=sequential"}, 68, AllOf(HasSubstr("'update_order' is 'sequential'"), HasSubstr("frozen_rk4")));
}

// ---- Layers ---------------------------------------------------------------------------------------------------------------

TEST_F(BadModel, ATargetThatTheLayerCannotHave) {
    expect_refusal({"model.recurrence_target=middle"}, 68, HasSubstr("'layer.0.target' is 'middle', which lies between two convolutions: V1 needs a conv2"));
    expect_refusal({"model.recurrence=self", "model.recurrence_target=input"}, 68,
                   AllOf(HasSubstr("'recurrence' does not suit layer V1"), HasSubstr("as many target channels as the layer has, which are 4")));
    expect_refusal({"model.layer.1.recurrence={type=\"local\",kernel=2}"}, 68,
                   AllOf(HasSubstr("'layer.1.recurrence' does not suit layer V2"), HasSubstr("a kernel of 2"), HasSubstr("odd")));
}

TEST_F(BadModel, ConnectionsOfLayersThatThereAreNot) {
    expect_refusal({connection("skip", "V9", "V2", "0.0")}, 68, HasSubstr("'connection.0.from' is 'V9', which is no layer; there are: V1, V2"));
    expect_refusal({connection("feedback", "V2", "V7", "2.0")}, 68, HasSubstr("'connection.0.to' is 'V7', which is no layer; there are: V1, V2"));
    expect_refusal({connection("skip", "V2", "V2", "0.0")}, 68, HasSubstr("'connection.0.to' is 'V2', where it comes from"));
}

TEST_F(BadModel, OperationsThatThereAreNotOrThatLackOne) {
    expect_refusal({"model.operations=[\"layer\",\"nonlinn\"]"}, 65, AllOf(HasSubstr("'operations"), HasSubstr("\"nonlinn\"")));
    expect_refusal({"model.operations=[\"layer\",\"nonlin\",\"record\"]"}, 68, AllOf(HasSubstr("layer V1"), HasSubstr("no delay operation stores it")));
}

// ---- Presentation ---------------------------------------------------------------------------------------------------------

TEST_F(BadModel, Patterns) {
    expect_refusal({"model.pattern=\"10x\""}, 68, HasSubstr("'pattern' is '10x', with 'x' at place 3"));
    expect_refusal({"model.pattern=\"10110\""}, 68, HasSubstr("'data_presentation_pattern' has 5 entries for 3 steps"));
    expect_refusal({"model.data_presentation_pattern=[]"}, 68, HasSubstr("'data_presentation_pattern' is empty"));
    expect_refusal({"model.data_presentation_pattern=[1,2]"}, 65, HasSubstr("is 2: must be between 0 and 1"));
}

TEST_F(BadModel, NoTime) {
    expect_refusal({"model.n_timesteps=0"}, 65, HasSubstr("[model] 'n_timesteps' is 0: must be at least 1"));
    expect_warning({"model.loss_reaction_time=100.0"}, HasSubstr("loss_reaction_time covers all of steps 0 to 2"));
}

// ---- Numbers --------------------------------------------------------------------------------------------------------------

class BadNumbers : public BadModel {
protected:
    /// A safetensors file of one tensor of equal values.
    std::string weights(const std::string& name, const std::string& shape, std::size_t n, float value) {
        const std::size_t n_bytes = n * sizeof(float);
        const std::string header = "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":[0," + std::to_string(n_bytes) + "]}}";
        const std::vector<float> values(n, value);
        std::string bytes(8, '\0');
        const std::uint64_t length = header.size();
        std::memcpy(bytes.data(), &length, sizeof length);
        bytes += header;
        bytes.append(reinterpret_cast<const char*>(values.data()), n_bytes);
        return "weights={path=\"" + file("w.safetensors", bytes) + "\",match=[\"V1.conv.weight\"]}";
    }
    static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
};

TEST_F(BadNumbers, WeightsOfOtherShapesOrNames) {
    expect_refusal({weights("V1.conv.weight", "[9,1,3,3]", 81, 0.5f)}, 68,
                   AllOf(HasSubstr("w.safetensors"), HasSubstr("'V1.conv.weight' is [9, 1, 3, 3] in the file and [4, 1, 3, 3] in the model")));
    expect_refusal({weights("V11.conv.weight", "[4,1,3,3]", 36, 0.5f)}, 68, AllOf(HasSubstr("w.safetensors"), HasSubstr("not in the file: 'V1.conv.weight'")));
    EXPECT_EQ(run({weights("V1.conv.weight", "[4,1,3,3]", 36, 0.5f)}).code, 0);
}

TEST_F(BadNumbers, WeightsThatAreNotFinite) {
    expect_refusal({weights("V1.conv.weight", "[4,1,3,3]", 36, kNan)}, 68, HasSubstr("not finite (NaN or Inf): 'V1.conv.weight'"));
}

TEST_F(BadNumbers, AnInputThatIsNotFinite) {
    std::vector<float> frames(8 * 64, 0.5f);
    frames[5 * 64 + 7] = kNan;
    dv::npy::Writer images(folder / "x.npy", dv::npy::Type::float32, {8, 1, 8, 8});
    images.append(std::as_bytes(std::span(frames)));
    images.commit();
    const std::vector<std::int64_t> classes{0, 1, 2, 0, 1, 2, 0, 1};
    dv::npy::Writer labels(folder / "y.npy", dv::npy::Type::int64, {8});
    labels.append(std::as_bytes(std::span(classes)));
    labels.commit();
    const std::string data = "data={type=\"npy\",train=\"x.npy\",train_labels=\"y.npy\",batch_size=4,shuffle=false}";
    const Result result = run({data, "run.stages=[\"fit\"]"});
    EXPECT_NE(result.code, 0);
    EXPECT_THAT(result.err, AllOf(HasSubstr("the input holds 1 values that are not finite"), HasSubstr("train batch 1"), HasSubstr("sample 5 of the data"),
                                  HasSubstr("trainer.on_nan")));
}

}  // namespace
}  // namespace dvhost::testing
