/// dvhost checkpoint inspect, diff, convert: on files of real runs, and on files that are none.

#include "program.hpp"

#include <nlohmann/json.hpp>

#include <fstream>

namespace dvhost::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckpointCommands : public ProgramTest {
protected:
    /// Trains for `steps` steps; the run's checkpoint.
    std::string trained(int steps, const std::string& more = "run.seed=7") {
        const Result result = dvhost({"run", tiny(), "-o", "run.stages=[\"fit\"]", "-o", "trainer.max_epochs=-1", "-o",
                                      "trainer.max_steps=" + std::to_string(steps), "-o", more});
        EXPECT_EQ(result.code, 0) << result.err;
        const std::string run = "runs/tiny/version_" + std::to_string(n_runs_++) + "/checkpoints";
        for (const auto& entry : std::filesystem::directory_iterator(folder / run)) {
            if (entry.is_regular_file() && entry.path().extension() == ".ckpt") return run + "/" + entry.path().filename().string();
        }
        ADD_FAILURE() << "no checkpoint in " << run;
        return {};
    }

private:
    int n_runs_ = 0;
};

TEST_F(CheckpointCommands, InspectTellsWhatIsInACheckpoint) {
    const std::string file = trained(8);
    const Result text = dvhost({"checkpoint", "inspect", file});
    ASSERT_EQ(text.code, 0) << text.err;
    EXPECT_THAT(text.out, AllOf(HasSubstr("checkpoint of dvhost, format 2"), HasSubstr("global_step      8"), HasSubstr("state exp_avg"),
                                HasSubstr("n_timesteps"), HasSubstr("float32"), Not(HasSubstr("left out"))));

    const Result json = dvhost({"checkpoint", "inspect", file, "--json"});
    const auto all = nlohmann::json::parse(json.out);
    EXPECT_EQ(all.at("counters").at("global_step"), 8);
    EXPECT_EQ(all.at("counters").at("samples"), 8 * 16);
    EXPECT_EQ(all.at("left_out"), 0);
    EXPECT_EQ(all.at("hyper_parameters").at("n_timesteps"), 3);
    EXPECT_DOUBLE_EQ(all.at("optimizers").at(0).at("groups").at(0).at("lr"), 1e-2);
    bool has_convolution = false;
    for (const auto& tensor : all.at("tensors")) has_convolution = has_convolution || tensor.at("shape").size() == 4;
    EXPECT_TRUE(has_convolution);
}

TEST_F(CheckpointCommands, InspectReadsSafetensors) {
    trained(4);
    const Result result = dvhost({"checkpoint", "inspect", "runs/tiny/version_0/trained.safetensors"});
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out, AllOf(HasSubstr("safetensors"), HasSubstr("float32"), Not(HasSubstr("counters"))));
}

TEST_F(CheckpointCommands, DiffFindsNoneInAFileAndItself) {
    const std::string file = trained(4);
    const Result result = dvhost({"checkpoint", "diff", file, file});
    EXPECT_EQ(result.code, 0) << result.out;
    EXPECT_THAT(result.out, HasSubstr("0 differences"));
}

TEST_F(CheckpointCommands, DiffFindsNoneInTwoRunsThatAreRepeats) {
    const std::string a = trained(4), b = trained(4);
    const Result result = dvhost({"checkpoint", "diff", a, b});
    EXPECT_EQ(result.code, 0) << result.out;
}

TEST_F(CheckpointCommands, DiffListsTensorsAndCountersThatDiffer) {
    const std::string a = trained(4), b = trained(8);
    const Result result = dvhost({"checkpoint", "diff", a, b});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("4 and 8"), HasSubstr("dvhost.progress.global_step"), HasSubstr("by up to"),
                                  HasSubstr("optimizer_states.0.state.0.exp_avg")));
}

TEST_F(CheckpointCommands, DiffHasATolerance) {
    const std::string a = trained(4), b = trained(4, "optimizer.lr=0.0100001");
    EXPECT_EQ(dvhost({"checkpoint", "diff", "--weights", a, b}).code, 1);
    const Result near = dvhost({"checkpoint", "diff", "--weights", "--tolerance", "1e-3", a, b});
    EXPECT_EQ(near.code, 0) << near.out;
}

TEST_F(CheckpointCommands, DiffNamesShapesAndNamesThatDiffer) {
    const std::string a = trained(4), b = trained(4, "data.n_classes=5");
    const Result result = dvhost({"checkpoint", "diff", "--weights", a, b});
    EXPECT_EQ(result.code, 1);
    EXPECT_THAT(result.out, AllOf(HasSubstr("shape"), HasSubstr("[3, 4"), HasSubstr("[5, 4")));
}

TEST_F(CheckpointCommands, ConvertKeepsTheWeights) {
    const std::string file = trained(4);
    for (const char* out : {"w.safetensors", "w.pt", "again.ckpt"}) {
        const Result result = dvhost({"checkpoint", "convert", file, out});
        ASSERT_EQ(result.code, 0) << result.err;
        const Result diff = dvhost({"checkpoint", "diff", "--weights", file, out});
        EXPECT_EQ(diff.code, 0) << out << "\n" << diff.out;
    }
    // The whole checkpoint survives, and a run goes on from what was made of weights.
    EXPECT_EQ(dvhost({"checkpoint", "diff", file, "again.ckpt"}).code, 0);
    const Result started = dvhost({"test", tiny(), "-o", "weights.path=" + (folder / "w.pt").string()});
    EXPECT_EQ(started.code, 0) << started.err;
    EXPECT_EQ(dvhost({"fit", tiny(), "--ckpt", "again.ckpt", "-o", "trainer.max_steps=6", "-o", "trainer.max_epochs=-1"}).code, 0);
}

TEST_F(CheckpointCommands, ConvertReplacesNothingUnasked) {
    trained(4);
    const std::string from = "runs/tiny/version_0/trained.safetensors";
    file("there.pt", "precious");
    EXPECT_EQ(dvhost({"checkpoint", "convert", from, "there.pt"}).code, 64);
    EXPECT_EQ(read("there.pt"), "precious");
    EXPECT_EQ(dvhost({"checkpoint", "convert", from, "there.pt", "--force"}).code, 0);
    EXPECT_THAT(dvhost({"checkpoint", "convert", from, "w.bin"}).err, HasSubstr(".safetensors"));
    EXPECT_THAT(dvhost({"checkpoint", "convert", from, "w.ckpt"}).err, HasSubstr("holds weights alone"));
}

TEST_F(CheckpointCommands, SayWhatIsWrongWithAFile) {
    const std::string whole = trained(4);
    const std::string bytes = read(whole);
    file("short.ckpt", bytes.substr(0, bytes.size() / 2));
    file("empty.ckpt", "");
    file("text.ckpt", "these are my weights, honestly");
    for (const char* name : {"short.ckpt", "empty.ckpt", "text.ckpt", "absent.ckpt"}) {
        const Result result = dvhost({"checkpoint", "inspect", name});
        EXPECT_EQ(result.code, 66) << name << result.err;
        EXPECT_THAT(result.err, HasSubstr(name));
    }
    EXPECT_THAT(dvhost({"checkpoint", "inspect", "short.ckpt"}).err, HasSubstr("zip is damaged"));
    EXPECT_THAT(dvhost({"checkpoint", "inspect", "empty.ckpt"}).err, HasSubstr("it is empty"));
    EXPECT_EQ(dvhost({"checkpoint", "inspect"}).code, 64);
    EXPECT_EQ(dvhost({"checkpoint", "diff", whole}).code, 64);
}

}  // namespace
}  // namespace dvhost::testing
