#include "spool_fixture.hpp"

#include <dv/error.hpp>

#include <gmock/gmock.h>

#include <fstream>
#include <numeric>
#include <thread>

namespace dvhost::logging {
namespace {

using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

class SpoolTest : public SpoolFolderTest {
protected:
    loops::Names ab = names_of({"a", "b"});

    Spool make(OnFull on_full = OnFull::grow, std::size_t segments = 64) { return Spool({folder, on_full, segments}, warn()); }
    void put(Spool& spool, std::int64_t step) {
        const double values[] = {static_cast<double>(step), static_cast<double>(10 * step)};
        spool.row(ab, values, step, 0);
    }
    /// Rows of two numbers and a head: so many fill a segment.
    static constexpr int kRowsPerSegment = Segment::kRecords / 3;

    std::vector<int> steps_read(Spool& spool) {
        std::vector<int> steps;
        while (const auto item = spool.read()) steps.push_back(static_cast<int>(item->head().step));
        return steps;
    }
};

TEST_F(SpoolTest, GivesRowsBackInOrderWithNamesStepEpochAndTime) {
    Spool spool = make();
    put(spool, 1);
    const double value = -2.5;
    spool.row(names_of({"caf\u00e9/\u2713 x"}), {&value, 1}, -7, -1);
    put(spool, 2);
    const auto first = spool.read();
    ASSERT_TRUE(first);
    EXPECT_EQ(text_of(spool, *first), "1:a=1,b=10");
    EXPECT_EQ(first->head().value, 0.0) << "the epoch";
    EXPECT_GT(first->head().wall_time, 1.5e9);
    const auto second = spool.read();
    ASSERT_TRUE(second);
    EXPECT_EQ(spool.name(second->records[1]), "caf\u00e9/\u2713 x");
    EXPECT_EQ(second->head().step, -7);
    EXPECT_EQ(second->head().value, -1.0);
    EXPECT_EQ(second->records[1].value, -2.5);
    EXPECT_THAT(read_all(spool), ElementsAre("2:a=2,b=20"));
    EXPECT_FALSE(spool.read());
}

TEST_F(SpoolTest, GoesOnInFurtherSegmentsAndUsesThemAgain) {
    Spool spool = make();
    std::vector<int> expected, found;
    for (int round = 0; round < 8; ++round) {
        for (int i = 0; i < kRowsPerSegment; ++i) {
            expected.push_back(static_cast<int>(expected.size()));
            put(spool, expected.back());
        }
        const auto steps = steps_read(spool);
        found.insert(found.end(), steps.begin(), steps.end());
        spool.release(spool.place());
        spool.prepare();
    }
    EXPECT_EQ(found, expected);
    EXPECT_THAT(SpoolFolder(folder).segments(), SizeIs(Le(4))) << "what is read and released is used again";
    EXPECT_EQ(spool.dropped_rows(), 0u);
}

TEST_F(SpoolTest, ARowLongerThanASegmentHasOneOfItsOwn) {
    Spool spool = make();
    std::vector<std::string> many;
    for (std::uint32_t i = 0; i < Segment::kRecords + 10; ++i) many.push_back("n" + std::to_string(i));
    std::vector<double> values(many.size());
    std::iota(values.begin(), values.end(), 0.0);
    spool.row(names_of(many), values, 5, 0);
    put(spool, 6);
    const auto item = spool.read();
    ASSERT_TRUE(item);
    ASSERT_EQ(item->records.size(), many.size() + 1);
    EXPECT_EQ(spool.name(item->records.back()), many.back());
    EXPECT_EQ(item->records.back().value, values.back());
    EXPECT_THAT(read_all(spool), ElementsAre("6:a=6,b=60"));
}

TEST_F(SpoolTest, RowsThatWaitForTheirNumbersKeepTheirPlace) {
    Spool spool = make();
    put(spool, 1);
    spool.row(ab, [] { return std::vector<double>{7, 8}; }, 2, 0);
    spool.row(ab, []() -> std::vector<double> { throw dv::Error("the device is gone"); }, 3, 0);
    put(spool, 4);
    EXPECT_THAT(read_all(spool), ElementsAre("1:a=1,b=10", "2:a=7,b=8", "4:a=4,b=40"));
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("step 3")));
    EXPECT_EQ(spool.dropped_rows(), 1u);
}

TEST_F(SpoolTest, NotesAndMarksComeInOrderToo) {
    Spool spool = make();
    put(spool, 1);
    spool.note(TextNote{"name", std::string(100'000, 'x')}, 2);
    spool.note(HistogramNote{"h", {1, 2}, {3, 4}, 0, 2, 9, 8, 7}, 3);
    spool.mark(kFlush);
    spool.read();
    const auto text = spool.read(), histogram = spool.read(), flush = spool.read();
    const auto note_of = [](const Item& item) { return decode(item.segment->blob(as_bits(item.head().value))); };
    EXPECT_EQ(std::get<TextNote>(note_of(*text)).text.size(), 100'000u);
    EXPECT_EQ(std::get<HistogramNote>(note_of(*histogram)).counts, (std::vector<double>{3, 4}));
    EXPECT_EQ(std::get<HistogramNote>(note_of(*histogram)).count, 7);
    EXPECT_EQ(tag_of(flush->head()), kFlush);
}

TEST_F(SpoolTest, WithoutAFolderItIsInMemory) {
    Spool spool({}, warn());
    for (int i = 0; i < 3 * kRowsPerSegment; ++i) put(spool, i);
    spool.note(TextNote{"a", "b"}, 0);
    EXPECT_THAT(steps_read(spool), SizeIs(3 * kRowsPerSegment + 1));
    EXPECT_EQ(spool.folder(), nullptr);
    EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(SpoolTest, AFolderThatCannotBeMadeIsSaidAndMemoryUsed) {
    std::ofstream(folder) << "a file";
    Spool spool = make();
    put(spool, 1);
    EXPECT_THAT(read_all(spool), SizeIs(1));
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("kept in memory")));
}

TEST_F(SpoolTest, AFolderThatVanishesLosesNothingInThisProcess) {
    Spool spool = make();
    put(spool, 0);
    std::filesystem::remove_all(folder);
    for (int i = 1; i < 5 * kRowsPerSegment; ++i) put(spool, i);
    EXPECT_THAT(steps_read(spool), SizeIs(5 * kRowsPerSegment));
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("kept in memory")));
}

TEST_F(SpoolTest, DropOldestDropsWholeSegmentsAndCounts) {
    Spool spool = make(OnFull::drop_oldest, 3);
    for (int i = 0; i < 10 * kRowsPerSegment; ++i) put(spool, i);
    const auto steps = steps_read(spool);
    EXPECT_EQ(steps.back(), 10 * kRowsPerSegment - 1);
    EXPECT_THAT(steps, SizeIs(Le(5 * kRowsPerSegment)));
    EXPECT_EQ(spool.dropped_rows() + steps.size(), static_cast<std::uint64_t>(10 * kRowsPerSegment));
    EXPECT_TRUE(std::ranges::is_sorted(steps));
}

TEST_F(SpoolTest, DownsampleThinsOutAndCounts) {
    Spool spool = make(OnFull::downsample, 8);
    for (int i = 0; i < 100 * kRowsPerSegment; ++i) put(spool, i);
    const auto steps = steps_read(spool);
    EXPECT_THAT(steps, SizeIs(Le(9 * kRowsPerSegment)));
    EXPECT_EQ(spool.dropped_rows() + steps.size(), static_cast<std::uint64_t>(100 * kRowsPerSegment));
    EXPECT_EQ(steps.at(4), 4) << "nothing is left out while there is room";
    EXPECT_THAT(steps.back(), Ge(10 * kRowsPerSegment)) << "what is kept reaches further than the room would";
}

TEST_F(SpoolTest, BlockWaitsForTheReader) {
    Spool spool = make(OnFull::block, 3);
    std::vector<int> steps;
    std::jthread writer([&] {
        for (int i = 0; i < 20 * kRowsPerSegment; ++i) put(spool, i);
    });
    while (steps.size() < 20 * kRowsPerSegment) {
        const auto more = steps_read(spool);
        steps.insert(steps.end(), more.begin(), more.end());
        spool.release(spool.place());
        EXPECT_THAT(SpoolFolder(folder).segments(), SizeIs(Le(8)));
    }
    EXPECT_EQ(spool.dropped_rows(), 0u);
    EXPECT_TRUE(std::ranges::is_sorted(steps));
}

TEST_F(SpoolTest, WriterAndReaderAtOnceLoseNothing) {
    Spool spool = make();
    constexpr int kRows = 200'000;
    std::jthread writer([&] {
        for (int i = 0; i < kRows; ++i) {
            if (i % 1000 == 0) spool.note(TextNote{"t", std::to_string(i)}, i);
            if (i % 10 == 0) {
                spool.row(ab, [i] { return std::vector<double>(2, i); }, i, 0);
            } else {
                put(spool, i);
            }
        }
    });
    int expected = 0;
    while (expected < kRows) {
        while (const auto item = spool.read()) {
            if (tag_of(item->head()) != kRow) continue;
            ASSERT_EQ(item->head().step, expected++);
            ASSERT_EQ(item->records[1].value, static_cast<double>(item->head().step));
        }
        spool.release(spool.place());
        spool.prepare();
    }
}

TEST_F(SpoolTest, AnotherProcessCannotTakeItMeanwhile) {
    Spool spool = make();
    try {
        const SpoolLock second{SpoolFolder(folder)};
        FAIL();
    } catch (const dv::IoError& error) {
        EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(::getpid())));
    }
}

TEST_F(SpoolTest, WhatAnotherProcessLeftIsNotWrittenOver) {
    {
        Spool killed = make();
        put(killed, 1);
    }
    const auto before = std::filesystem::file_size(SpoolFolder(folder).segments().at(0));
    Spool spool = make();
    put(spool, 2);
    EXPECT_THAT(read_all(spool), ElementsAre("2:a=2,b=20"));
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("logs recover")));
    EXPECT_EQ(std::filesystem::file_size(SpoolFolder(folder).segments().at(0)), before);
}

TEST_F(SpoolTest, CursorsAndOutcomeAreReadBack) {
    std::filesystem::create_directories(folder);
    const SpoolFolder f(folder);
    EXPECT_FALSE(f.read_cursor("logger.0"));
    EXPECT_FALSE(f.read_outcome());
    f.write_cursor("logger.0", {{12, 345}, "two\nlines"});
    f.begin_outcome();
    EXPECT_FALSE(f.read_outcome());
    f.write_outcome("interrupted");
    const auto cursor = f.read_cursor("logger.0");
    ASSERT_TRUE(cursor);
    EXPECT_EQ(cursor->place, (Place{12, 345}));
    EXPECT_EQ(cursor->position, "two\nlines");
    EXPECT_EQ(f.read_outcome(), "interrupted");
    std::ofstream(folder / "logger.0.cursor") << "12";
    EXPECT_FALSE(f.read_cursor("logger.0")) << "a torn one is none";
}

TEST(Notes, TornOnesAreRefused) {
    const std::string bytes = encode(ImageNote{"i", "png", 3, 4, 5});
    EXPECT_EQ(std::get<ImageNote>(decode(bytes)).height, 5u);
    for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_THROW(decode(bytes.substr(0, n)), dv::Error) << n;
    std::string other = bytes;
    other[0] = 99;
    EXPECT_THROW(decode(other), dv::Error);
}

}  // namespace
}  // namespace dvhost::logging
