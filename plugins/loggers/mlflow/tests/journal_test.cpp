#include "journal.hpp"

#include <dv/testing/host.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

namespace {

using namespace mlflow;

std::string metrics_line(const std::vector<std::pair<std::string, double>>& values) {
    std::string out;
    line::begin_metrics(out);
    for (const auto& [key, value] : values) line::put_metric(out, '"' + key + '"', value);
    line::end_metrics(out, 1700000000123, 42);
    return out;
}

TEST(MlflowJournal, MetricsComeBack) {
    const auto batch =
        std::get<Batch>(read_line(metrics_line({{"a]", 0.1}, {"b", -HUGE_VAL}, {"c", std::nan("")}, {"d", 1e308}})));
    ASSERT_EQ(batch.metrics.size(), 4u);
    EXPECT_EQ(batch.metrics[0].key, "a]");
    EXPECT_EQ(batch.metrics[0].value, 0.1);
    EXPECT_EQ(batch.metrics[0].timestamp, 1700000000123);
    EXPECT_EQ(batch.metrics[0].step, 42);
    EXPECT_EQ(batch.metrics[1].value, -HUGE_VAL);
    EXPECT_TRUE(std::isnan(batch.metrics[2].value));
    EXPECT_EQ(batch.metrics[3].value, 1e308);
}

TEST(MlflowJournal, OtherEntriesComeBack) {
    const auto begin = std::get<BeginEntry>(read_line(line::begin("n\"", 5, {{"k", "v"}})));
    EXPECT_EQ(begin.name, "n\"");
    EXPECT_EQ(begin.time, 5);
    EXPECT_EQ(begin.tags, (Pairs{{"k", "v"}}));
    EXPECT_EQ(std::get<Batch>(read_line(line::params({{"a", "1\n2"}}))).params, (Pairs{{"a", "1\n2"}}));
    EXPECT_EQ(std::get<FileEntry>(read_line(line::file("n", "/p"))).path, "/p");
    EXPECT_EQ(std::get<EndEntry>(read_line(line::end(Status::killed, 9))).status, Status::killed);
}

TEST(MlflowJournal, WhatIsNoEntryIsAnError) {
    for (const char* text : {"", "{}", "nonsense", "{\"metrics\":[[1]]}"})
        EXPECT_THROW(read_line(text), dv::Error) << text;
}

TEST(MlflowJournal, ReadsWholeLinesOfAFileThatGrows) {
    const dv::testing::Host host;
    const auto path = host.run_dir() / "spool";
    std::ofstream out(path);
    JournalReader reader(path, 2);
    std::string text;
    out << "0\nab" << std::flush;
    EXPECT_FALSE(reader.next(text));
    out << "c\n" << std::string(1 << 19, 'x') << "\n" << std::flush;
    EXPECT_TRUE(reader.next(text));
    EXPECT_EQ(text, "abc");
    EXPECT_EQ(reader.offset(), 6u);
    EXPECT_TRUE(reader.next(text));
    EXPECT_EQ(text.size(), std::size_t{1} << 19);
    EXPECT_FALSE(reader.next(text));
}

}  // namespace
