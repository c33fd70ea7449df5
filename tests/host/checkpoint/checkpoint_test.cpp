#include "boring.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/saver.hpp"

#include <caffe2/serialize/inline_container.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <unistd.h>

namespace dvhost::testing {
namespace {

using ::testing::HasSubstr;

class CheckpointFile : public ::testing::Test {
protected:
    std::filesystem::path folder;
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);

    CheckpointFile() {
        std::string name = (std::filesystem::temp_directory_path() / "dvhost-checkpoint-XXXXXX").string();
        folder = mkdtemp(name.data());
        e.optimizers.front()->build(e.model->parameters());
    }
    ~CheckpointFile() override { std::filesystem::remove_all(folder); }
    checkpoint::PickleValue gathered(checkpoint::Content content) {
        return checkpoint::gather(e, {}, {.hyper_parameters = {}, .data_hyper_parameters = {}, .manifest = "[run]\n", .seed = 42}, content);
    }
    static std::string record(const std::filesystem::path& file, const std::string& name) {
        caffe2::serialize::PyTorchStreamReader reader(file.string());
        const auto [data, size] = reader.getRecord(name);
        return {static_cast<const char*>(data.get()), size};
    }
};

TEST_F(CheckpointFile, HoldsLightningsKeysAndTheWeights) {
    static_cast<BoringModel&>(*e.model).weight.data().fill_(1.25);
    const auto file = folder / "sub" / "a.ckpt";
    checkpoint::write_file(file, gathered(checkpoint::Content::everything));
    const std::string pickle = record(file, "data.pkl");
    for (const char* key : {"epoch", "global_step", "pytorch-lightning_version", "state_dict", "weight", "optimizer_states",
                            "param_groups", "lr_schedulers", "hyper_parameters", "dvhost", "manifest"}) {
        EXPECT_THAT(pickle, HasSubstr(key));
    }
    const std::string storage = record(file, "data/0");
    ASSERT_EQ(storage.size(), 8 * sizeof(float));
    float first = 0;
    std::memcpy(&first, storage.data(), sizeof first);
    EXPECT_EQ(first, 1.25f);
    EXPECT_EQ(record(file, "byteorder"), "little");
}

TEST_F(CheckpointFile, WeightsOnlyLeavesOutTheOptimizer) {
    checkpoint::write_file(folder / "w.ckpt", gathered(checkpoint::Content::weights_only));
    EXPECT_THAT(record(folder / "w.ckpt", "data.pkl"), ::testing::Not(HasSubstr("optimizer_states")));
}

TEST_F(CheckpointFile, AFailedWriteLeavesTheFormerFileAndNothingElse) {
    const auto file = folder / "a.ckpt";
    checkpoint::write_file(file, gathered(checkpoint::Content::everything));
    const auto size = std::filesystem::file_size(file);
    std::filesystem::create_directory(folder / "a.ckpt.tmp");  // where the temporary file would go
    try {
        checkpoint::write_file(file, gathered(checkpoint::Content::everything));
        FAIL() << "no error";
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("a.ckpt.tmp"));
    }
    EXPECT_EQ(std::filesystem::file_size(file), size);
}

TEST_F(CheckpointFile, AFolderThatCannotBeMadeIsNamed) {
    EXPECT_THROW(checkpoint::write_file("/proc/nowhere/a.ckpt", gathered(checkpoint::Content::everything)), dv::IoError);
}

}  // namespace
}  // namespace dvhost::testing
