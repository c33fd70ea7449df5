/// Responses that are more than memory should hold: kept in files while a pass goes on.

#include "recording/disk_array.hpp"
#include "recording/response_recorder.hpp"

#include <dv/error.hpp>
#include <dv/npy.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace dvhost::testing {
namespace {

using recording::ResponseRecorder;
using recording::Settings;
using ::testing::HasSubstr;

class OnDisk : public ::testing::Test {
protected:
    std::filesystem::path folder;
    OnDisk() {
        std::string name = (std::filesystem::temp_directory_path() / "dvhost-disk-XXXXXX").string();
        folder = mkdtemp(name.data());
    }
    ~OnDisk() override { std::filesystem::remove_all(folder); }
};

at::Tensor read(const std::filesystem::path& file) {
    const dv::npy::Array array(file);
    at::Tensor out = at::zeros(array.shape(), at::kFloat);
    std::memcpy(out.mutable_data_ptr(), array.bytes().data(), array.bytes().size());
    return out;
}

/// Resident memory, in bytes.
double resident() {
    std::ifstream in("/proc/self/status");
    for (std::string key; in >> key;) {
        double kilobytes = 0;
        if (key == "VmRSS:" && in >> kilobytes) return kilobytes * 1024.0;
        in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return 0.0;
}

/// `n` samples, one at a time, each of its own number in all of the layer's units, for two steps.
void show(ResponseRecorder& recorder, const dv::LayerFacts& layer, std::int64_t n) {
    for (std::int64_t sample = 0; sample < n; ++sample) {
        recorder.begin_batch(1);
        const bool wanted[2] = {recorder.wants(0, 0), recorder.wants(0, 1)};
        for (std::int64_t t = 0; t < 2; ++t) {
            if (wanted[t])
                recorder.record(0, t, at::full({1, layer.channels, layer.height, layer.width}, sample, at::kFloat));
        }
        recorder.end_batch(at::zeros({1, 2, 3}), at::full({1, 2}, 1, at::kLong), at::full({1}, sample, at::kLong));
    }
}

TEST_F(OnDisk, AnArrayIsAFileThatCanBeReadAtAnyTime) {
    const std::filesystem::path file = folder / "deep" / "a.npy";
    at::Tensor values = recording::disk_array(file, {3, 2}, at::kFloat);
    EXPECT_TRUE(read(file).equal(at::zeros({3, 2})));
    values[1].fill_(7.0);
    EXPECT_EQ(read(file)[1][1].item<float>(), 7.0f);
    recording::let_go(values.const_data_ptr(), values.nbytes());
    EXPECT_EQ(values[1][0].item<float>(), 7.0f);
    values = at::Tensor();
    EXPECT_EQ(read(file)[1][1].item<float>(), 7.0f);
}

TEST_F(OnDisk, WhatCannotBeKeptIsRefusedWithThePath) {
    std::ofstream(folder / "file") << "in the way";
    EXPECT_THROW(recording::disk_array(folder / "file" / "a.npy", {1}, at::kFloat), dv::IoError);
    try {
        recording::disk_array(folder / "b.npy", {std::int64_t{1} << 50}, at::kFloat);
        FAIL() << "more than any disk holds";
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("b.npy"));
    }
}

TEST_F(OnDisk, ARecordingIsTheSameAsInMemory) {
    const dv::LayerFacts layer{"V1", 2, 3, 3, 2.0};
    for (const auto policy : {recording::Policy::fixed, recording::Policy::cyclic, recording::Policy::reservoir}) {
        const Settings in_memory{.policy = policy, .n_samples = 4};
        Settings in_files = in_memory;
        in_files.most_memory = 0.0;
        const auto say_nothing = [](const std::string&) {};
        ResponseRecorder a(in_memory, {layer}, 10, 3, say_nothing, folder / "partial"),
            b(in_files, {layer}, 10, 3, say_nothing, folder / "partial");
        show(a, layer, 10);
        EXPECT_FALSE(std::filesystem::exists(folder / "partial"));
        show(b, layer, 10);
        const auto expected = a.content(), found = b.content();
        ASSERT_EQ(found.arrays.size(), expected.arrays.size());
        for (std::size_t i = 0; i < found.arrays.size(); ++i) {
            EXPECT_EQ(found.arrays[i].name, expected.arrays[i].name);
            EXPECT_EQ(found.arrays[i].rows, expected.arrays[i].rows);
            EXPECT_TRUE(found.arrays[i].values.equal(expected.arrays[i].values)) << found.arrays[i].name;
        }
        EXPECT_TRUE(read(folder / "partial" / "response_V1.npy").equal(found.arrays[0].values));
        b.discard_files();
        EXPECT_FALSE(std::filesystem::exists(folder / "partial"));
    }
}

TEST_F(OnDisk, ARecordingThatIsLargerThanMemoryShouldHoldDoesNotStayThere) {
    const dv::LayerFacts layer{"V1", 64, 64, 64, 2.0};  // 2 MB a sample
    ResponseRecorder recorder(
        {.n_samples = -1, .most_memory = 1e6}, {layer}, 64, 3, [](const std::string&) {}, folder / "partial");
    show(recorder, layer, 2);
    const double before = resident();
    show(recorder, layer, 62);
    EXPECT_LT(resident() - before, 40e6);  // of 130 MB
    const auto file = recorder.content();
    write_npz(folder / "all.npz", file);
    EXPECT_LT(resident() - before, 40e6);
    EXPECT_GT(std::filesystem::file_size(folder / "all.npz"), 130'000'000u);
}

TEST_F(OnDisk, TellsHowMuchItWillBe) {
    std::string said;
    const dv::LayerFacts layer{"V1", 1, 10, 10, 2.0};
    ResponseRecorder recorder(
        {.name = "v1", .n_samples = 5, .most_memory = 0.0}, {layer}, 10, 3,
        [&](const std::string& text) { said = text; }, folder / "partial");
    show(recorder, layer, 1);
    EXPECT_EQ(said,
              "recorder 'v1': up to 5 presentations x 2 time bins of 1 layers, 0.004 MB on disk, twice that while it "
              "is written");
}

}  // namespace
}  // namespace dvhost::testing
