/// Profilers: what they count, under which names, and that they leave training as it is.

#include "loops/memory_profiler.hpp"
#include "loops/trace_profiler.hpp"
#include "loops/trainer.hpp"

#include "boring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace dvhost::loops {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const ProfiledParts kParts{"example.model.boring", "dvhost.strategy.single_device"};

/// One cell of a report: of the row that begins with `action`.
std::string cell(const std::string& report, const std::string& action, std::size_t column) {
    std::istringstream in(report);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string word;
        words >> word;
        if (word != action) continue;
        for (std::size_t i = 0; i < column; ++i) words >> word;
        return word;
    }
    return "no " + action;
}

struct Keyed final : Callback {
    std::uint64_t phases() const override { return std::uint64_t{1} << DV_TRAIN_BATCH_END; }
    bool monitors() const override { return false; }
    std::string state_key() const override { return "example.callback.keyed"; }
    void on_phase(std::uint32_t, const dv_run&, const dv_answer&, const Scene&) override {}
};

std::string profiled(const std::shared_ptr<Profiler>& profiler, std::int64_t epochs = 1) {
    testing::CollectingSink sink;
    Experiment e = testing::boring_experiment(sink);
    e.callbacks = {std::make_shared<Keyed>()};
    e.trainer.stop.max_epochs = epochs;
    e.profiler = profiler;
    Trainer(e).run({StageKind::fit});
    return profiler->report();
}

TEST(TimeProfiler, CountsEachActionOfTraining) {
    // Two batches, two validation batches.
    const std::string report = profiled(std::make_shared<TimeProfiler>(kParts));
    EXPECT_EQ(cell(report, "run_training_epoch", 2), "1") << report;
    EXPECT_EQ(cell(report, "run_training_batch", 2), "2");
    EXPECT_EQ(cell(report, "train_dataloader_next", 2), "2");
    EXPECT_EQ(cell(report, "val_next", 2), "3");  // the last finds the end
    EXPECT_EQ(cell(report, "optimizer_step", 2), "2");
    EXPECT_EQ(cell(report, "[Module]example.model.boring.training_step", 2), "2");
    EXPECT_EQ(cell(report, "[Module]example.model.boring.validation_step", 2), "2");
    EXPECT_EQ(cell(report, "[Strategy]dvhost.strategy.single_device.backward", 2), "2");
    EXPECT_EQ(cell(report, "[Callback]example.callback.keyed.on_train_batch_end", 2), "2");
}

TEST(TimeProfiler, CountsAnActionInsideAnotherInBoth) {
    TimeProfiler profiler(kParts);
    profiler.begin(Profiler::run_training_epoch);
    for (int i = 0; i < 3; ++i) {
        profiler.begin(Profiler::run_training_batch);
        profiler.end();
    }
    profiler.end();
    const std::string report = profiler.report();
    EXPECT_GE(std::stod(cell(report, "run_training_epoch", 3)), std::stod(cell(report, "run_training_batch", 3)));
    EXPECT_EQ(cell(report, "run_training_batch", 2), "3");
    EXPECT_THAT(report, AllOf(HasSubstr("Action"), HasSubstr("Mean duration (s)"), HasSubstr("Num calls"), HasSubstr("Percentage %")));
}

TEST(TimeProfiler, ListsTheLongestFirst) {
    TimeProfiler profiler(kParts);
    profiler.begin(Profiler::run_training_epoch);
    profiler.begin(Profiler::backward);
    profiler.end();
    const std::int64_t until = now_ns() + 1'000'000;
    while (now_ns() < until) {
    }
    profiler.end();
    const std::string report = profiler.report();
    EXPECT_LT(report.find("run_training_epoch"), report.find(".backward"));
}

TEST(TimeProfiler, KnowsAnActionByItsName) {
    TimeProfiler profiler(kParts);
    const auto own = profiler.action("mine");
    EXPECT_EQ(profiler.action("mine"), own);
    EXPECT_EQ(profiler.action("optimizer_step"), Profiler::optimizer_step);
    EXPECT_THAT(profiler.report(), Not(HasSubstr("mine")));  // never begun
}

TEST(Profiler, LeavesTrainingAsItIs) {
    const auto weight_after = [](std::shared_ptr<Profiler> profiler) {
        testing::CollectingSink sink;
        Experiment e = testing::boring_experiment(sink);
        e.profiler = std::move(profiler);
        Trainer(e).run({StageKind::fit});
        return std::static_pointer_cast<testing::BoringModel>(e.model)->weight.detach().clone();
    };
    const at::Tensor plain = weight_after(nullptr);
    EXPECT_TRUE(plain.equal(weight_after(std::make_shared<TimeProfiler>(kParts))));
    EXPECT_TRUE(plain.equal(weight_after(std::make_shared<MemoryProfiler>(kParts))));
}

TEST(MemoryProfiler, CountsWhatAnActionAllocatesAndKeeps) {
    MemoryProfiler profiler(kParts);
    at::Tensor kept;
    profiler.begin(Profiler::training_step);
    kept = at::empty({1024}, at::kFloat);
    { const at::Tensor passing = at::empty({4096}, at::kFloat); }
    profiler.end();
    const std::string report = profiler.report(), step = "[Module]example.model.boring.training_step";
    EXPECT_EQ(cell(report, step, 1), "1");
    EXPECT_EQ(cell(report, step, 2), std::to_string(1024 * 4));           // left behind
    EXPECT_EQ(cell(report, step, 3), std::to_string((1024 + 4096) * 4));  // added at most
    EXPECT_THAT(report, HasSubstr("4096 bytes in use at the end"));
}

TEST(MemoryProfiler, CountsAnInnerPeakInTheOuterAction) {
    MemoryProfiler profiler(kParts);
    profiler.begin(Profiler::run_training_batch);
    profiler.begin(Profiler::backward);
    { const at::Tensor passing = at::empty({1000}, at::kDouble); }
    profiler.end();
    profiler.begin(Profiler::optimizer_step);
    profiler.end();
    profiler.end();
    const std::string report = profiler.report();
    EXPECT_EQ(cell(report, "run_training_batch", 3), "8000");
    EXPECT_EQ(cell(report, "run_training_batch", 2), "0");
    EXPECT_EQ(cell(report, "optimizer_step", 3), "0");
}

class Traces : public ::testing::Test {
protected:
    Traces() : folder_(std::filesystem::temp_directory_path() / ("dvhost_trace_" + std::to_string(getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    ~Traces() override { std::filesystem::remove_all(folder_); }
    nlohmann::json read(const char* name) const {
        std::ifstream in(folder_ / name);
        return nlohmann::json::parse(in);
    }
    std::shared_ptr<TraceProfiler> profiler(bool from_first) {
        return std::make_shared<TraceProfiler>(
            kParts, TraceOptions{.actions = folder_ / "trace.json",
                                 .operators = folder_ / "operators.json",
                                 .from_first_step = from_first,
                                 .warn = [this](const std::string& text) { warnings_ += text; }});
    }
    /// How often an event of this name is in a trace.
    static std::size_t count(const nlohmann::json& trace, const std::string& name) {
        std::size_t n = 0;
        for (const auto& event : trace.at("traceEvents")) n += event.value("name", "") == name ? 1u : 0u;
        return n;
    }
    std::filesystem::path folder_;
    std::string warnings_;
};

TEST_F(Traces, HoldAllActionsAsCompleteEvents) {
    const auto trace = profiler(false);
    profiled(trace, /*epochs=*/2);
    trace->finish();
    const nlohmann::json written = read("trace.json");
    EXPECT_EQ(count(written, "run_training_batch"), 4u);
    EXPECT_EQ(count(written, "[Callback]example.callback.keyed.on_train_batch_end"), 4u);
    for (const auto& event : written.at("traceEvents")) {
        if (event.at("ph") == "X") {
            EXPECT_GE(event.at("dur").get<double>(), 0.0);
        }
    }
}

TEST_F(Traces, HoldTheOperatorsOfThreeStepsBehindTwo) {
    const auto trace = profiler(false);
    profiled(trace, /*epochs=*/4);  // 8 steps
    trace->finish();
    EXPECT_EQ(warnings_, "");
    const nlohmann::json written = read("operators.json");
    EXPECT_EQ(count(written, "[Module]example.model.boring.training_step"), 3u);
    EXPECT_GE(count(written, "aten::matmul"), 3u);
}

TEST_F(Traces, OfAShortRunBeginWithItsFirstStep) {
    const auto trace = profiler(true);
    profiled(trace);
    trace->finish();
    EXPECT_EQ(count(read("operators.json"), "[Module]example.model.boring.training_step"), 2u);
}

TEST_F(Traces, SayWhenThereWereTooFewStepsForOperators) {
    const auto trace = profiler(false);
    profiled(trace);
    trace->finish();
    EXPECT_THAT(warnings_, HasSubstr("no operators were traced: the run had 2 steps"));
}

}  // namespace
}  // namespace dvhost::loops
