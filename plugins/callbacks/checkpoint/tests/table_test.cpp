#include "fixture.hpp"

namespace checkpoint::testing {
namespace {

// --- The table that measurements of Lightning's ModelCheckpoint give: 5 epochs of 4 batches, x = 10, 9, 2.8, 5, 2.5

TEST_F(CheckpointTest, WithoutAMonitorTheNewestStays) { EXPECT_EQ(left({}), (Files{"epoch=4-step=20"})); }

TEST_F(CheckpointTest, WithAMonitorTheBestStay) {
    EXPECT_EQ(left({{"monitor", "x"}}), (Files{"epoch=4-step=20"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 2}}), (Files{"epoch=2-step=12", "epoch=4-step=20"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 3}, {"save_last", true}}),
              (Files{"epoch=2-step=12", "epoch=3-step=16", "epoch=4-step=20", "last"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 4}, {"filename", "{epoch}"}}),
              (Files{"epoch=1", "epoch=2", "epoch=3", "epoch=4"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", -1}, {"filename", "{epoch}"}}),
              (Files{"epoch=0", "epoch=1", "epoch=2", "epoch=3", "epoch=4"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 0}}), Files{});
    EXPECT_EQ(left({{"monitor", "x"}, {"save_top_k", 0}, {"save_last", true}}), (Files{"last"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"mode", "max"}, {"save_top_k", 2}, {"filename", "{epoch}-{x:.1f}"}}),
              (Files{"epoch=0-x=10.0", "epoch=1-x=9.0"}));
}

TEST_F(CheckpointTest, NamesAreFilledIn) {
    EXPECT_EQ(left({{"monitor", "x"}, {"auto_insert_metric_name", false}, {"filename", "{epoch:02d}-{x:.2f}"}}),
              (Files{"04-2.50"}));
    EXPECT_EQ(left({{"filename", "{epoch:02d}-{x:.2f}"}}), (Files{"epoch=04-x=2.50"}));
    EXPECT_EQ(left({{"filename", "sub/{epoch}"}}), (Files{"sub/epoch=4"}));
    EXPECT_EQ(left({{"filename", "{zz}"}}), (Files{"zz=0"}));
}

TEST_F(CheckpointTest, EpochsCanBeLeftOut) {
    EXPECT_EQ(left({{"every_n_epochs", 2}, {"save_top_k", -1}}), (Files{"epoch=1-step=8", "epoch=3-step=16"}));
}

TEST_F(CheckpointTest, StepsCanBeCountedInstead) {
    EXPECT_EQ(left({{"every_n_train_steps", 3}, {"save_top_k", -1}}),
              (Files{"epoch=0-step=3", "epoch=1-step=6", "epoch=2-step=9", "epoch=2-step=12", "epoch=3-step=15",
                     "epoch=4-step=18"}));
}

TEST_F(CheckpointTest, EveryValidationIsAMomentToSave) {
    EXPECT_EQ(left({{"save_top_k", -1}}, {.epochs = 2, .validate_every_n_batches = 2}),
              (Files{"epoch=0-step=2", "epoch=0-step=4", "epoch=1-step=6", "epoch=1-step=8"}));
    EXPECT_EQ(left({{"save_top_k", -1}}, {.validate_every_n_epochs = 2}), (Files{"epoch=1-step=8", "epoch=3-step=16"}));
}

TEST_F(CheckpointTest, ANameThatIsTakenGetsAVersion) {
    EXPECT_EQ(left({{"monitor", "x"}, {"filename", "same"}, {"save_top_k", 3}}), (Files{"same", "same-v1", "same-v2"}));
    EXPECT_EQ(left({{"monitor", "x"}, {"filename", "same"}, {"save_top_k", 3}, {"enable_version_counter", false}}),
              (Files{"same"}));
}

TEST_F(CheckpointTest, ArgumentsThatContradictEachOtherAreRefused) {
    EXPECT_NE(refusal({{"save_top_k", 2}}).find("'save_top_k' is 2"), std::string::npos);
    EXPECT_NE(refusal({{"every_n_train_steps", 2}, {"every_n_epochs", 1}}).find("exclude each other"),
              std::string::npos);
    EXPECT_NE(refusal({{"every_n_train_steps", 2}, {"train_time_interval", 1.0}}).find("exclude"), std::string::npos);
    EXPECT_EQ(refusal({{"every_n_train_steps", 2}, {"every_n_epochs", 0}}), "");
    EXPECT_EQ(refusal({{"save_top_k", -1}, {"save_last", true}}), "");
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"save_top_k", -2}}), std::invalid_argument);
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"every_n_epochs", -1}}), std::invalid_argument);
    EXPECT_THROW(plugin.make<dv::Callback>("checkpoint", {{"mode", "best"}}), std::invalid_argument);
}

}  // namespace
}  // namespace checkpoint::testing
