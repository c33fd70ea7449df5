/// Bytes of protocol 2, checked against Python's documentation of the opcodes; the readers test opens whole files with PyTorch.

#include "checkpoint/pickle.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dvhost::checkpoint {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string bytes_of(PickleValue value) { return pickle(value).bytes; }
std::string framed(const std::string& body) { return "\x80\x02" + body + "."; }

TEST(Pickle, WritesScalarsAsPythonDoes) {
    EXPECT_EQ(bytes_of({PickleValue::None{}}), framed("N"));
    EXPECT_EQ(bytes_of({true}), framed("\x88"));
    EXPECT_EQ(bytes_of({std::int64_t{7}}), framed("K\x07"));
    EXPECT_EQ(bytes_of({std::int64_t{0x1234}}), framed("M\x34\x12"));
    EXPECT_EQ(bytes_of({std::int64_t{-2}}), framed(std::string("J\xfe\xff\xff\xff")));
    EXPECT_EQ(bytes_of({std::int64_t{1} << 40}), framed(std::string("\x8a\x08\0\0\0\0\0\x01\0\0", 10)));
    EXPECT_EQ(bytes_of({1.5}), framed(std::string("G\x3f\xf8\0\0\0\0\0\0", 9)));  // big-endian
    EXPECT_EQ(bytes_of({std::string("aé")}), framed(std::string("X\x03\0\0\0a\xc3\xa9", 8)));
}

TEST(Pickle, WritesContainers) {
    EXPECT_EQ(bytes_of({PickleValue::List{}}), framed("]"));
    EXPECT_EQ(bytes_of({PickleValue::List{{std::int64_t{1}}, {std::int64_t{2}}}}), framed("](K\x01K\x02" "e"));
    PickleValue::Dict dict;
    dict.items.emplace_back(PickleValue{std::string("k")}, PickleValue{true});
    EXPECT_EQ(bytes_of({dict}), framed(std::string("}(X\x01\0\0\0k\x88u", 10)));
    EXPECT_EQ(bytes_of({PickleValue::OrderedDict{}}), framed("ccollections\nOrderedDict\n)R"));
}

TEST(Pickle, TensorsThatShareAStorageShareAMember) {
    const at::Tensor base = at::arange(6);
    const Pickled out = pickle({PickleValue::List{{base}, {base.narrow(0, 2, 3)}, {at::zeros({2})}}});
    EXPECT_THAT(out.storages, SizeIs(2));
    EXPECT_THAT(out.bytes, HasSubstr("torch\nLongStorage\n"));
    EXPECT_THAT(out.bytes, HasSubstr("torch\nFloatStorage\n"));
    EXPECT_THAT(out.bytes, HasSubstr("torch._utils\n_rebuild_tensor_v2\n"));
}

TEST(Pickle, RefusesATypeWithoutStorageClass) {
    EXPECT_THROW(pickle({at::zeros({2}, at::kComplexFloat)}), dv::Error);
}

}  // namespace
}  // namespace dvhost::checkpoint
