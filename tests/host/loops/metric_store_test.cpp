#include "boring.hpp"
#include "loops/metric_store.hpp"

#include <ATen/ops/scalar_tensor.h>

#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

class MetricStoreTest : public ::testing::Test {
protected:
    CollectingSink sink;
    loops::MetricStore store{sink};
};

TEST_F(MetricStoreTest, SendsOneRowAndKnowsItsValues) {
    store.add("a", at::scalar_tensor(1.5, at::kFloat));
    store.add("b", 2.0);
    store.send(3, 1);
    ASSERT_EQ(sink.rows.size(), 1u);
    EXPECT_EQ(sink.rows[0].at("a"), 1.5);
    EXPECT_EQ(sink.rows[0].step, 3);
    EXPECT_EQ(sink.rows[0].epoch, 1);
    EXPECT_EQ(store.value("b"), 2.0);
    EXPECT_FALSE(store.value("c"));
}

TEST_F(MetricStoreTest, TheLastValueOfANameWinsAndEmptyRowsAreNotSent) {
    store.send(0, 0);
    store.add("a", 1.0);
    store.add("a", 2.0);
    store.send(0, 0);
    store.send(1, 0);
    ASSERT_EQ(sink.rows.size(), 1u);
    EXPECT_EQ(sink.rows[0].at("a"), 2.0);
    EXPECT_EQ(sink.rows[0].names.size(), 1u);
}

TEST_F(MetricStoreTest, PublishedValuesAreKnownBeforeTheyAreSent) {
    store.add("a", 1.0);
    EXPECT_FALSE(store.value("a"));
    store.publish();
    EXPECT_EQ(store.value("a"), 1.0);
    EXPECT_TRUE(sink.rows.empty());
    store.discard();
    store.send(0, 0);
    EXPECT_TRUE(sink.rows.empty());
}

TEST_F(MetricStoreTest, ViewsKeepTheirNamesWhenMoreArrive) {
    for (int i = 0; i < 100; ++i) store.add("m" + std::to_string(i), static_cast<double>(i));
    store.send(0, 0);
    int i = 0;
    for (const dv_metric& m : store.known()) {
        EXPECT_EQ(std::string(m.name.p, m.name.n), "m" + std::to_string(i));
        EXPECT_EQ(m.value, i++);
    }
    EXPECT_EQ(i, 100);
}

}  // namespace
}  // namespace dvhost::testing
