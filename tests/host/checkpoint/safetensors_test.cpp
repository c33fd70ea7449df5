#include "checkpoint/safetensors.hpp"
#include "temporary_folder.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using checkpoint::read_safetensors;
using checkpoint::write_safetensors;
using ::testing::HasSubstr;

/// 8 bytes of length, a header, data.
std::string file_of(const std::string& header, const std::string& data) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xff);
    return bytes + header + data;
}

class Safetensors : public ::testing::Test {
protected:
    TemporaryFolder folder;
    std::string refusal(const std::string& bytes) {
        try {
            read_safetensors(folder.write("bad.safetensors", bytes));
        } catch (const dv::IoError& error) {
            EXPECT_THAT(error.what(), HasSubstr("bad.safetensors"));
            return error.what();
        }
        return "it was read";
    }
};

TEST_F(Safetensors, ReadsWhatItWrote) {
    const std::vector<at::ScalarType> types{at::kDouble, at::kFloat, at::kHalf, at::kBFloat16, at::kLong,
                                            at::kInt,    at::kShort, at::kChar, at::kByte,     at::kBool};
    std::vector<dv::NamedTensor> written;
    for (const at::ScalarType type : types) {
        written.push_back({c10::toString(type), at::arange(6, at::kLong).to(type).view({2, 3}), false});
    }
    written.push_back({"scalar", at::zeros({}), true});
    written.push_back({"nothing", at::empty({2, 0, 3}), true});
    written.push_back({"transposed", at::arange(6, at::kFloat).view({2, 3}).t(), true});
    write_safetensors(folder / "a.safetensors", written, {{"format", "pt"}});
    const auto read = read_safetensors(folder / "a.safetensors");
    ASSERT_EQ(read.size(), written.size());
    for (const dv::NamedTensor& t : written) {
        const auto found =
            std::find_if(read.begin(), read.end(), [&](const dv::NamedTensor& r) { return r.name == t.name; });
        ASSERT_NE(found, read.end()) << t.name;
        EXPECT_EQ(found->tensor.scalar_type(), t.tensor.scalar_type()) << t.name;
        EXPECT_TRUE(found->tensor.equal(t.tensor)) << t.name;
    }
}

// The format's own layout, byte by byte.
TEST_F(Safetensors, WritesLengthHeaderAndAlignedData) {
    write_safetensors(folder / "a.safetensors", std::vector<dv::NamedTensor>{{"w", at::arange(2, at::kFloat), true}});
    const std::string bytes = folder.read("a.safetensors");
    const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    const std::size_t padded = (header.size() + 7) / 8 * 8;
    EXPECT_EQ(bytes.substr(8, header.size()), header);
    EXPECT_EQ(static_cast<unsigned char>(bytes[0]), padded);
    EXPECT_EQ(bytes.size(), 8 + padded + 8);
    EXPECT_EQ(bytes.substr(8 + padded), std::string("\0\0\0\0\0\0\x80\x3f", 8));
}

TEST_F(Safetensors, RefusesATypeItDoesNotHave) {
    const std::vector<dv::NamedTensor> tensors{{"z", at::zeros({1}, at::kComplexFloat), false}};
    EXPECT_THROW(write_safetensors(folder / "a.safetensors", tensors), dv::Error);
}

TEST_F(Safetensors, EveryTruncationIsRefused) {
    write_safetensors(folder / "a.safetensors", std::vector<dv::NamedTensor>{{"w", at::arange(4, at::kFloat), true}});
    const std::string whole = folder.read("a.safetensors");
    for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_NE(refusal(whole.substr(0, n)), "it was read") << n;
    EXPECT_THAT(refusal(whole + "x"), HasSubstr("17"));
}

TEST_F(Safetensors, AHugeHeaderIsRefusedBeforeItIsRead) {
    EXPECT_THAT(refusal(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)), HasSubstr("at most 100 MB"));
    EXPECT_THAT(refusal(std::string("\x00\x10\x00\x00\x00\x00\x00\x00{}", 10)), HasSubstr("ends inside its header"));
}

struct BadHeader {
    const char* name;
    const char* header;
    const char* data;
    const char* says;
};

class SafetensorsHeader : public Safetensors, public ::testing::WithParamInterface<BadHeader> {};

TEST_P(SafetensorsHeader, IsRefused) {
    EXPECT_THAT(refusal(file_of(GetParam().header, GetParam().data)), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Malicious, SafetensorsHeader,
    ::testing::Values(
        BadHeader{
            "overlap",
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            "123456", "overlaps"},
        BadHeader{
            "same_place",
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
            "1234", "overlaps"},
        BadHeader{"gap", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})", "1234", "gap"},
        BadHeader{"unused_end", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "1234", "the file 4"},
        BadHeader{"outside", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", "1234", "outside the file"},
        BadHeader{"backwards", R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[4,0]}})", "1234", "outside the file"},
        BadHeader{"negative", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", "1", "outside the file"},
        BadHeader{"wrong_size", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", "1234", "need 8"},
        BadHeader{"product_overflows",
                  R"({"a":{"dtype":"F64","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}})", "1234",
                  "too large"},
        BadHeader{"empty_but_vast",
                  R"({"a":{"dtype":"U8","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0]}})",
                  "", "too large"},
        BadHeader{"negative_size", R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", "1234",
                  "natural numbers"},
        BadHeader{"fraction", R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", "1234", "natural numbers"},
        BadHeader{"unknown_type", R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", "1234", "F8_E4M3"},
        BadHeader{"no_offsets", R"({"a":{"dtype":"U8","shape":[4]}})", "1234", "no data_offsets"},
        BadHeader{"not_an_object", R"([1,2])", "", "not a JSON object"},
        BadHeader{"no_json", "{\"a\":", "", "not a JSON object"},
        BadHeader{"entry_is_text", R"({"a":"b"})", "", "something else than an object"},
        BadHeader{
            "twice",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
            "12", "twice"}),
    [](const auto& test) { return test.param.name; });

TEST_F(Safetensors, DeepNestingIsNoProblem) {
    std::string deep = R"({"__metadata__":)";
    deep += std::string(200'000, '[') + std::string(200'000, ']') + "}";
    EXPECT_TRUE(read_safetensors(folder.write("deep.safetensors", file_of(deep, ""))).empty());
}

TEST_F(Safetensors, BytesThatAreNoBoolsBecomeOnes) {
    const auto read = read_safetensors(folder.write(
        "bool.safetensors",
        file_of(R"({"a":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]}})", std::string("\x00\x01\xff", 3))));
    EXPECT_EQ(read.at(0).tensor.sum().item<std::int64_t>(), 2);
}

TEST_F(Safetensors, AMissingFileIsNamed) { EXPECT_THROW(read_safetensors(folder / "none.safetensors"), dv::IoError); }

}  // namespace
}  // namespace dvhost::testing
