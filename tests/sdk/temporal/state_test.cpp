#include <dv/temporal/state.hpp>

#include <dv/error.hpp>

#include <ATen/ops/ones.h>
#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

namespace {

using dv::temporal::History;

History filled(std::int64_t capacity, int n) {
    History history(capacity);
    for (int i = 0; i < n; ++i) history.push(at::scalar_tensor(i));
    return history;
}

double value(const at::Tensor& t) { return t.item<double>(); }

TEST(History, KeepsTheNewest) {
    const History history = filled(3, 5);
    EXPECT_EQ(history.size(), 3);
    EXPECT_EQ(value(history.back(1)), 4);
    EXPECT_EQ(value(history.back(3)), 2);
    EXPECT_EQ(value(history.entries().front()), 2);
}

TEST(History, BeforeItIsFullTheRestIsAbsent) {
    const History history = filled(3, 1);
    EXPECT_TRUE(history.back(1).defined());
    EXPECT_FALSE(history.back(2).defined());
    EXPECT_FALSE(History(2).back(1).defined());
}

TEST(History, AnAbsentSignalTakesAPlace) {
    History history = filled(2, 2);
    history.push({});
    EXPECT_FALSE(history.back(1).defined());
    EXPECT_EQ(value(history.back(2)), 1);
}

TEST(History, WhatWasNotKeptCannotBeRead) {
    EXPECT_THROW(filled(2, 5).back(3), dv::Error);
    EXPECT_THROW(filled(2, 5).back(0), dv::Error);
    EXPECT_THROW(filled(0, 5).back(1), dv::Error);
}

TEST(State, DetachedHasTheSameValuesWithoutGraph) {
    const at::Tensor w = at::ones({2}).requires_grad_(true);
    dv::temporal::State state;
    state.layers.emplace_back(2);
    state.layers[0].push(w.mul(3));
    state.layers[0].push({});
    const auto cut = state.detached();
    EXPECT_TRUE(state.layers[0].back(2).requires_grad());
    EXPECT_FALSE(cut.layers[0].back(2).requires_grad());
    EXPECT_TRUE(cut.layers[0].back(2).equal(state.layers[0].back(2)));
    EXPECT_FALSE(cut.layers[0].back(1).defined());
}

}  // namespace
