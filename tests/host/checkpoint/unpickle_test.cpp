#include "checkpoint/unpickle.hpp"
#include "checkpoint/pickle.hpp"

#include <dv/error.hpp>

#include <ATen/ops/arange.h>

#include <gtest/gtest.h>

#include <random>

namespace dvhost::testing {
namespace {

using checkpoint::PickledTensor;
using checkpoint::PickleValue;
using checkpoint::unpickle;
using checkpoint::UnpickledValue;
using namespace std::string_literals;

std::string text(const PickleValue& value) { return checkpoint::pickle(value).bytes; }

bool is_refused(std::string_view bytes) {
    try {
        unpickle(bytes);
    } catch (const dv::Error&) {
        return true;
    }
    return false;
}

TEST(Unpickle, ReadsWhatThePicklerWrote) {
    PickleValue::Pairs pairs;
    pairs.emplace_back(PickleValue{"int"s}, PickleValue{std::int64_t{-70000}});
    pairs.emplace_back(PickleValue{"long"s}, PickleValue{std::int64_t{1} << 40});
    pairs.emplace_back(PickleValue{"real"s}, PickleValue{0.1});
    pairs.emplace_back(PickleValue{"yes"s}, PickleValue{true});
    pairs.emplace_back(PickleValue{"text"s}, PickleValue{"τ"s});
    pairs.emplace_back(PickleValue{"list"s}, PickleValue{PickleValue::List{PickleValue{std::int64_t{7}}}});
    pairs.emplace_back(PickleValue{"tensor"s}, PickleValue{at::arange(6, at::kFloat).view({2, 3}).t()});
    const std::string bytes = text({PickleValue::OrderedDict{pairs}});
    std::string_view view = bytes;
    const auto read = unpickle(view);
    EXPECT_TRUE(view.empty());
    EXPECT_EQ(*read->root.find("int")->as<std::int64_t>(), -70000);
    EXPECT_EQ(*read->root.find("long")->as<std::int64_t>(), std::int64_t{1} << 40);
    EXPECT_EQ(*read->root.find("real")->as<double>(), 0.1);
    EXPECT_TRUE(*read->root.find("yes")->as<bool>());
    EXPECT_EQ(*read->root.find("text")->text(), "τ");
    EXPECT_EQ((*read->root.find("list")->as<const UnpickledValue::Sequence*>())->items.size(), 1u);
    const PickledTensor& tensor = **read->root.find("tensor")->as<const PickledTensor*>();
    EXPECT_EQ(tensor.sizes, (std::vector<std::int64_t>{3, 2}));
    EXPECT_EQ(tensor.strides, (std::vector<std::int64_t>{1, 3}));
    EXPECT_EQ(tensor.storage->n_elements, 6);
    EXPECT_EQ(tensor.storage->type, at::kFloat);
}

// What would run a command in Python: os.system("..."), as REDUCE and as NEWOBJ.
TEST(Unpickle, CallsNothing) {
    for (const std::string& attack : {"\x80\x02}X\x01\x00\x00\x00wcposix\nsystem\nX\x04\x00\x00\x00true\x85Rs."s,
                                      "\x80\x02}X\x01\x00\x00\x00wcposix\nsystem\nX\x04\x00\x00\x00true\x85\x81s."s}) {
        std::string_view view = attack;
        const auto read = unpickle(view);
        ASSERT_NE(read->root.find("w"), nullptr);
        EXPECT_NE(read->root.find("w")->as<UnpickledValue::Opaque>(), nullptr);
    }
}

TEST(Unpickle, ObjectsWithAttributesAreOpaque) {
    const std::string bytes =
        "\x80\x02}X\x01\x00\x00\x00wcmodule\nThing\n)\x81}X\x01\x00\x00\x00"
        "aK\x01sbs."s;
    std::string_view view = bytes;
    EXPECT_NE(unpickle(view)->root.find("w")->as<UnpickledValue::Opaque>(), nullptr);
}

TEST(Unpickle, ContainersThatHoldThemselvesAreRead) {
    const std::string bytes =
        "\x80\x02]q\x00h\x00"
        "a."s;  // a = []; a.append(a)
    std::string_view view = bytes;
    const auto read = unpickle(view);
    const auto* list = *read->root.as<const UnpickledValue::Sequence*>();
    EXPECT_EQ(*list->items.at(0).as<const UnpickledValue::Sequence*>(), list);
}

TEST(Unpickle, ProtocolFourIsRead) {
    const std::string bytes =
        "\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01"
        "a\x94K\x05s."s;
    std::string_view view = bytes;
    EXPECT_EQ(*unpickle(view)->root.find("a")->as<std::int64_t>(), 5);
}

TEST(Unpickle, EveryTruncationIsRefused) {
    const std::string bytes = text({PickleValue::Dict{{{PickleValue{"w"s}, PickleValue{at::arange(4, at::kFloat)}}}}});
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_TRUE(is_refused(bytes.substr(0, n))) << n;
}

TEST(Unpickle, WhatTakesFromNothingIsRefused) {
    for (const std::string& bytes : {"."s, "0."s, "h\x07."s, "t."s, "u."s, "K\x01K\x02s."s, "Q."s, "\x93."s,
                                     "K\x01"
                                     "a."s,
                                     "\xff."s}) {
        EXPECT_TRUE(is_refused(bytes)) << bytes;
    }
}

// Bytes that are changed at random are read or refused; they never do harm.
TEST(Unpickle, MutationsAreReadOrRefused) {
    const std::string whole =
        text({PickleValue::Dict{{{PickleValue{"w"s}, PickleValue{at::arange(4, at::kFloat)}},
                                 {PickleValue{"l"s}, PickleValue{PickleValue::List{PickleValue{1.5}}}}}}});
    std::mt19937 random(3);
    int refused = 0;
    for (int i = 0; i < 5000; ++i) {
        std::string bytes = whole;
        for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
        refused += is_refused(bytes);
    }
    EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace dvhost::testing
