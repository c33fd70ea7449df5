/// Checkpoints written beside the training: what is in them, in which order they come and go.

#include "checkpoint/pytorch_file.hpp"
#include "checkpoint/saver.hpp"
#include "temporary_folder.hpp"

#include <ATen/ops/full.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace dvhost::testing {
namespace {

namespace fs = std::filesystem;
using checkpoint::PickleValue;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

PickleValue holding(const at::Tensor& tensor) {
    PickleValue::Dict dict;
    dict.items.emplace_back(PickleValue{std::string("t")}, PickleValue{tensor});
    return {std::move(dict)};
}

double first_of(const fs::path& file) {
    const PickleValue tree = checkpoint::read_pytorch_tree(file);
    return tree.find("t")->as<at::Tensor>()->flatten()[0].item<double>();
}

class SaverTest : public ::testing::Test {
protected:
    TemporaryFolder folder;
    checkpoint::Saver saver;
    at::Tensor weight = at::full({1000, 100}, 1.0);
    fs::path path(const char* name) { return folder / name; }
};

TEST_F(SaverTest, HoldsTheValuesOfTheMomentThoughTheyChangeAtOnce) {
    const at::Tensor other = at::full({4}, 1.0);
    saver.write(path("w.ckpt"), holding(weight), {weight});
    saver.wait_copied();
    weight.fill_(2.0);
    saver.write(path("o.ckpt"), holding(other), {weight});
    other.fill_(2.0);  // not steady: it was copied before write() returned
    saver.drain();
    EXPECT_EQ(first_of(path("w.ckpt")), 1.0);
    EXPECT_EQ(first_of(path("o.ckpt")), 1.0);
    EXPECT_THAT(saver.take_failures(), IsEmpty());
}

TEST_F(SaverTest, RemovesAFileOnlyOnceItsSuccessorIsThere) {
    saver.write(path("a.ckpt"), holding(weight), {});
    saver.write(path("b.ckpt"), holding(weight), {});
    saver.remove(path("a.ckpt"));
    saver.drain();
    EXPECT_FALSE(fs::exists(path("a.ckpt")));
    EXPECT_TRUE(fs::exists(path("b.ckpt")));
}

TEST_F(SaverTest, KeepsTheFormerFileWhenTheSuccessorFails) {
    saver.write(path("a.ckpt"), holding(weight), {});
    fs::create_directory(path("b.ckpt.tmp"));  // where the temporary file would go
    saver.write(path("b.ckpt"), holding(weight), {});
    saver.remove(path("a.ckpt"));
    saver.write_text(path("index"), "b.ckpt");
    saver.drain();
    EXPECT_TRUE(fs::exists(path("a.ckpt")));
    EXPECT_FALSE(fs::exists(path("index")));  // it would name a file that is not there
    const auto failures = saver.take_failures();
    ASSERT_THAT(failures, SizeIs(1));
    EXPECT_THAT(failures[0], HasSubstr("b.ckpt.tmp"));
    EXPECT_THAT(saver.take_failures(), IsEmpty());
    saver.write(path("c.ckpt"), holding(weight), {});  // and goes on
    saver.remove(path("a.ckpt"));
    saver.write_text(path("index"), "c.ckpt");
    saver.drain();
    EXPECT_FALSE(fs::exists(path("a.ckpt")));
    EXPECT_EQ(folder.read("index"), "c.ckpt");
}

/// As after a power cut: the file ends at any 4 KiB, or the rename is missing.
TEST_F(SaverTest, AFileCutAnywhereIsRefused) {
    checkpoint::write_file(path("whole.ckpt"), holding(at::full({20, 1000}, 1.0)));
    std::ifstream in(path("whole.ckpt"), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    ASSERT_GT(bytes.size(), 80'000u);
    for (std::size_t n = 0; n < bytes.size(); n += 4096) {
        std::ofstream(path("cut.ckpt"), std::ios::binary | std::ios::trunc) << bytes.substr(0, n);
        EXPECT_THROW(checkpoint::read_pytorch_tree(path("cut.ckpt")), dv::IoError) << n;
    }
    EXPECT_EQ(first_of(path("whole.ckpt")), 1.0);
}

/// A byte that changed on the way is noticed, or it is none that was read.
TEST_F(SaverTest, AByteThatChangedAnywhereIsNoticed) {
    checkpoint::write_file(path("whole.ckpt"), holding(at::full({40}, 1.0)));
    std::ifstream in(path("whole.ckpt"), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::size_t n_refused = 0, n_in_records = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        for (const char mask : {'\x01', '\x80'}) {
            bytes[i] = static_cast<char>(bytes[i] ^ mask);
            std::ofstream(path("changed.ckpt"), std::ios::binary | std::ios::trunc) << bytes;
            bytes[i] = static_cast<char>(bytes[i] ^ mask);
            try {
                const PickleValue tree = checkpoint::read_pytorch_tree(path("changed.ckpt"));
                const at::Tensor* t = tree.find("t") ? tree.find("t")->as<at::Tensor>() : nullptr;
                EXPECT_TRUE(t != nullptr && t->equal(at::full({40}, 1.0))) << "byte " << i;
            } catch (const dv::IoError& error) {
                ++n_refused;
                EXPECT_THAT(error.what(), HasSubstr("changed.ckpt"));
                if (std::string_view(error.what()).find("record 'data/0' is damaged") != std::string_view::npos) ++n_in_records;
            }
        }
    }
    EXPECT_GE(n_in_records, 2u * 40 * sizeof(float));
    EXPECT_GT(n_refused, n_in_records + 100);
}

}  // namespace
}  // namespace dvhost::testing
