#include "compose/trainer_options.hpp"
#include "compose/trainer_table.hpp"
#include "manifest/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace dvhost::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using compose::add_trainer_environment;
using compose::translate_trainer_forms;
using manifest::Node;

Node parsed(const std::string& text) {
    std::vector<manifest::Problem> problems;
    auto out = manifest::parse_document(text, "m.toml", problems);
    EXPECT_TRUE(problems.empty());
    return std::move(*out);
}

class TrainerEnvironment : public ::testing::Test {
protected:
    ~TrainerEnvironment() override {
        for (const std::string& name : set_) ::unsetenv(name.c_str());
    }
    void set(const std::string& name, const std::string& value) {
        ::setenv(name.c_str(), value.c_str(), 1);
        set_.push_back(name);
    }
    const Node* value(const std::string& key) const { return manifest::find_path(root, "trainer." + key); }

    Node root = parsed("[trainer]\nmax_epochs = 3\n");
    std::vector<std::string> warnings;
    const std::vector<std::string> keys{"max_epochs", "max_steps", "precision", "gradient_clip_val"};

private:
    std::vector<std::string> set_;
};

TEST_F(TrainerEnvironment, StandsForWhatTheManifestDoesNotSay) {
    set("DVHOST_TRAINER_MAX_EPOCHS", "7");
    set("DVHOST_TRAINER_MAX_STEPS", "20");
    set("DVHOST_TRAINER_PRECISION", "bf16-mixed");
    set("DVHOST_TRAINER_GRADIENT_CLIP_VAL", "0.5");
    add_trainer_environment(root, keys, warnings);
    EXPECT_EQ(value("max_epochs")->as_int(), 3);
    EXPECT_EQ(value("max_steps")->as_int(), 20);
    EXPECT_EQ(value("precision")->as_string(), "bf16-mixed");
    EXPECT_EQ(value("gradient_clip_val")->as_number(), 0.5);
    EXPECT_EQ(value("max_steps")->source().text(), "environment (DVHOST_TRAINER_MAX_STEPS)");
    EXPECT_TRUE(warnings.empty());
}

TEST_F(TrainerEnvironment, MakesTheTableWhereThereIsNone) {
    root = parsed("[run]\nname = \"x\"\n");
    set("DVHOST_TRAINER_MAX_STEPS", "2");
    add_trainer_environment(root, keys, warnings);
    EXPECT_EQ(value("max_steps")->as_int(), 2);
}

TEST_F(TrainerEnvironment, NamesAVariableThatIsNoKey) {
    set("DVHOST_TRAINER_MAX_EPOCS", "7");
    add_trainer_environment(root, keys, warnings);
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("DVHOST_TRAINER_MAX_EPOCS")));
}

Node translated(const std::string& text) {
    Node root = parsed("[trainer]\n" + text);
    translate_trainer_forms(root);
    return *root.find("trainer");
}

TEST(TrainerForms, OfLightningBecomeOurs) {
    EXPECT_EQ(translated("fast_dev_run = true").find("fast_dev_run")->as_int(), 1);
    EXPECT_EQ(translated("fast_dev_run = false").find("fast_dev_run")->as_int(), 0);
    EXPECT_EQ(translated("check_val_every_n_epoch = \"none\"").find("check_val_every_n_epoch")->as_int(), 0);
    EXPECT_EQ(translated("accelerator = \"gpu\"").find("accelerator")->as_string(), "cuda");
    const Node warns = translated("deterministic = \"warn\"");
    EXPECT_TRUE(warns.find("deterministic")->as_bool());
    EXPECT_TRUE(warns.find("deterministic_warn_only")->as_bool());
    EXPECT_EQ(translated("val_check_interval = \"00:00:01:30\"").find("val_check_seconds")->as_number(), 90.0);
    EXPECT_EQ(translated("val_check_interval = { minutes = 2 }").find("val_check_seconds")->as_number(), 120.0);
    EXPECT_EQ(translated("max_time = { days = 1, hours = 2, seconds = 0.5 }").find("max_seconds")->as_number(), 93600.5);
    EXPECT_EQ(translated("max_time = \"00:00:00:05\"").find("max_time")->as_string(), "00:00:00:05");
}

/// What is not understood stays as it is, for the check to answer.
TEST(TrainerForms, LeaveTheRestAlone) {
    EXPECT_EQ(translated("val_check_interval = \"often\"").find("val_check_interval")->as_string(), "often");
    EXPECT_EQ(translated("val_check_interval = 0.5").find("val_check_interval")->as_number(), 0.5);
    EXPECT_TRUE(translated("max_time = { weeks = 1 }").find("max_time")->is_table());
    EXPECT_EQ(translated("fast_dev_run = 3").find("fast_dev_run")->as_int(), 3);
}

TEST(TrainerForms, Case14ADurationHasDays) {
    EXPECT_EQ(compose::seconds_of("01:02:03:04"), 93784.0);
    EXPECT_EQ(compose::seconds_of("00:00:00:00"), 0.0);
    EXPECT_THROW(compose::seconds_of("1:2"), dv::Error);
}

}  // namespace
}  // namespace dvhost::testing
