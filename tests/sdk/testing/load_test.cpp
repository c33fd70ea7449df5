#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

using dv::testing::AnswerLog;
using dv::testing::Config;
using dv::testing::list;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

namespace {

std::string text_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

template <class Body>
dv::ComponentError failure_of(Body&& body) {
    try {
        body();
    } catch (const dv::ComponentError& error) {
        return error;
    }
    return {0, "", "", "", "nothing failed"};
}

std::string misuse_of(const std::function<void()>& body) {
    try {
        body();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Plugin, KnowsItsComponentsWithoutLoadingThem) {
    const Plugin plugin(DV_PORTABLE_PARTS);
    ASSERT_EQ(plugin.notes().size(), 3u);
    const auto& note = plugin.note("diary");
    EXPECT_EQ(note.id, "test.logger.diary");
    EXPECT_EQ(note.iface, "dv.logger");
    ASSERT_EQ(note.parameters.size(), 4u);
    EXPECT_EQ(note.parameters[1].above, 0.0);
    EXPECT_EQ(note.parameters[2].choices, (std::vector<std::string>{"min", "max"}));
    EXPECT_EQ(note.parameters[3].nested[1].fallback, dv::testing::Value(9));
}

TEST(Plugin, SaysWhichComponentsThereAre) {
    Plugin plugin(DV_PORTABLE_PARTS);
    const std::string text = misuse_of([&] { plugin.create("dairy"); });
    EXPECT_NE(text.find("test.callback.watch, test.logger.diary, test.schedule.halve"), std::string::npos) << text;
    EXPECT_NE(misuse_of([&] { plugin.make<dv::Callback>("diary"); }), "accepted");
}

TEST(Plugin, AFileThatIsNoneIsRefused) {
    EXPECT_THROW(Plugin("/dev/null"), std::runtime_error);
    EXPECT_THROW(Plugin("/no/such/file.so"), std::runtime_error);
}

TEST(LoggerHandle, WritesThroughTheDoorIntoTheRunFolder) {
    Plugin plugin(DV_PORTABLE_PARTS);
    auto diary = plugin.make<dv::Logger>("diary", {{"scale", 2}, {"span", Config{{"last", 3}}}});
    diary.hyperparameters(Config{{"seed", 1}, {"name", "x"}});
    diary.metrics({{"train/loss", 0.25}, {"train/accuracy", 0.5}}, 3, 0);
    diary.metrics({{"train/loss", 9.0}}, 4);
    diary.text("note", "hello");
    diary.artifact("weights", "/tmp/none");
    diary.flush();
    EXPECT_EQ(text_of(plugin.host().run_dir() / "diary.txt"),
              "hyperparameters 2\n3 train/loss 0.5\n3 train/accuracy 1\nnote: hello\n");
    EXPECT_EQ(plugin.host().log_text(), "writes to diary.txt\n");
}

TEST(LoggerHandle, AFailureNamesPluginComponentHookAndText) {
    Plugin plugin(DV_PORTABLE_PARTS);
    auto diary = plugin.make<dv::Logger>("diary");
    const auto error = failure_of([&] { diary.text("fail", "out of ink"); });
    EXPECT_EQ(error.code(), DV_FAILED);
    EXPECT_EQ(error.plugin, "test.portable_parts");
    EXPECT_EQ(error.component, "test.logger.diary");
    EXPECT_EQ(error.hook, "text");
    EXPECT_EQ(error.text, "out of ink");
    EXPECT_EQ(failure_of([&] { diary.text("throw a number", ""); }).code(), DV_UNKNOWN);
    EXPECT_EQ(plugin.host().open_hooks(), 0u);
    EXPECT_EQ(plugin.host().misplaced_leaves(), 0u);
    EXPECT_EQ(plugin.host().hooks(), (std::vector<std::string>{"create", "text", "text"}));
}

TEST(Plugin, ARefusalInOpenIsTheComponentsOwn) {
    Plugin plugin(DV_PORTABLE_PARTS);
    const auto error = failure_of([&] { plugin.create("diary", {{"file", "no/such/folder/diary.txt"}}); });
    EXPECT_EQ(error.code(), DV_IO);
    EXPECT_EQ(error.hook, "create");
    plugin.host().withhold("dv.paths");
    EXPECT_NE(failure_of([&] { plugin.create("diary"); }).text.find("dv.paths"), std::string::npos);
}

TEST(Plugin, ChecksAConfigurationAsTheHostDoes) {
    Plugin plugin(DV_PORTABLE_PARTS);
    const auto refusal = [&](const Config& config) { return misuse_of([&] { plugin.create("diary", config); }); };
    EXPECT_NE(refusal({{"fiel", "x"}}).find("test.logger.diary.fiel: no such parameter; there are: file, scale"),
              std::string::npos);
    EXPECT_NE(refusal({{"file", 3}}).find("must be of type string"), std::string::npos);
    EXPECT_NE(refusal({{"scale", 0.0}}).find("out of the declared range"), std::string::npos);
    EXPECT_NE(refusal({{"mode", "mean"}}).find("none of the choices"), std::string::npos);
    EXPECT_NE(refusal({{"span", Config{{"last", 0}}}}).find("span.last"), std::string::npos);
    EXPECT_NE(misuse_of([&] { plugin.create("watch"); }).find("watch.monitor: is required"), std::string::npos);
    EXPECT_EQ(refusal({{"type", "diary"}, {"max_errors", 2}, {"scale", 1}}), "accepted");
}

TEST(CallbackHandle, GivesOnlyThePhasesThatWereAskedFor) {
    Plugin plugin(DV_PORTABLE_PARTS);
    auto watch = plugin.make<dv::Callback>("watch", {{"monitor", "val/loss"}});
    EXPECT_TRUE(watch.monitors());
    EXPECT_EQ(watch.phases(), std::uint64_t{1} << DV_TRAIN_EPOCH_END | std::uint64_t{1} << DV_EXCEPTION);
    EXPECT_TRUE(watch.phase(DV_TRAIN_END).logged.empty());
    EXPECT_EQ(plugin.host().hooks(), std::vector<std::string>{"create"});
}

TEST(CallbackHandle, KeepsWhatWasAnswered) {
    Plugin plugin(DV_PORTABLE_PARTS);
    auto watch = plugin.make<dv::Callback>("watch", {{"monitor", "val/loss"}, {"limit", 1.0}});
    AnswerLog answer = watch.phase(DV_TRAIN_EPOCH_END, RunBuilder().metric("val/loss", 0.5));
    EXPECT_EQ(answer.value("watched"), 0.5);
    EXPECT_FALSE(answer.stopped());
    answer = watch.phase(DV_TRAIN_EPOCH_END, RunBuilder().metric("val/loss", 0.5).metric("val/loss", 2.0));
    EXPECT_EQ(answer.value("watched"), 2.0);
    EXPECT_EQ(answer.stop_reason, "val/loss is above 1.000000");
    watch.phase(DV_EXCEPTION, RunBuilder().message("it broke"));
    EXPECT_EQ(plugin.host().log_text(DV_LOG_WARNING), "it broke\n");
}

TEST(CallbackHandle, CheckpointsAreRecordedAndCanBeMadeToFail) {
    Plugin plugin(DV_PORTABLE_PARTS);
    auto watch = plugin.make<dv::Callback>("watch", {{"monitor", "val/loss"}});
    watch.phase(DV_TRAIN_EPOCH_END);
    ASSERT_EQ(plugin.host().checkpoints().size(), 1u);
    EXPECT_TRUE(plugin.host().checkpoints()[0].weights_only);
    EXPECT_TRUE(std::filesystem::exists(plugin.host().run_dir() / "watch.ckpt"));
    plugin.host().checkpoint_failure = "the disk is full";
    EXPECT_EQ(failure_of([&] { watch.phase(DV_TRAIN_EPOCH_END); }).text, "the disk is full");
}

TEST(ScheduleHandle, AsksForFactors) {
    Plugin plugin(DV_PORTABLE_PARTS);
    const auto halve = plugin.make<dv::Schedule>("halve");
    EXPECT_EQ(halve.interval(), dv::Schedule::Interval::epoch);
    EXPECT_EQ(halve.factor({.epoch = 3}), 0.125);
}

TEST(Plugin, ObjectsOutliveIt) {
    auto halve = Plugin(DV_PORTABLE_PARTS).make<dv::Schedule>("halve");
    EXPECT_EQ(halve.factor({}), 1.0);
}

TEST(Plugin, ANewHostStartsEmpty) {
    Plugin plugin(DV_PORTABLE_PARTS);
    plugin.create("diary");
    Plugin again = plugin.with_new_host();
    EXPECT_EQ(again.host().log_text(), "");
    EXPECT_NE(again.host().run_dir(), plugin.host().run_dir());
    again.create("diary");
    EXPECT_TRUE(std::filesystem::exists(again.host().run_dir() / "diary.txt"));
}

TEST(Made, AFailedCreateIsNotDestroyed) {
    struct Counter {
        int destroyed = 0;
    };
    static Counter counter;
    const dv_component component{
        .size = sizeof(dv_component),
        .iface_version = 1,
        .iface = DV_IFACE_LOGGER,
        .id = "test.logger.refuses",
        .vtable = nullptr,
        .create = [](const dv_host*, const dv_config*, void**) -> dv_status { return DV_FAILED; },
        .destroy = [](void*) { ++counter.destroyed; },
        .query = nullptr};
    const auto host = std::make_shared<dv::testing::Host>();
    const auto error = failure_of([&] { dv::testing::Made made(host, "test", component, Config(), "logger"); });
    EXPECT_EQ(error.text, "component reported code 1 without a message");
    EXPECT_EQ(counter.destroyed, 0);
}

}  // namespace
