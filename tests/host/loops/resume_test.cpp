/// A run that goes on from any of its moments equals one that was never interrupted: rows, weights, draws.

#include "boring.hpp"
#include "loops/trainer.hpp"

#include <ATen/Context.h>
#include <ATen/ops/dropout.h>
#include <ATen/ops/full.h>

#include <gtest/gtest.h>

namespace dvhost::testing {
namespace {

using loops::RunState;
using loops::StageKind;
using loops::Trainer;

/// With dropout, so that the generator's state matters.
struct DroppingModel final : dv::Model {
    at::Tensor weight = at::full({2, 4}, 0.1);
    bool training = false;
    DroppingModel() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    void train(bool on) override { training = on; }
    at::Tensor forward(const at::Tensor& frames) override {
        return at::dropout(at::matmul(frames.flatten(2), weight.t()).tanh(), 0.5, training);
    }
};

struct Decay final : dv::Schedule {
    double factor(const dv_schedule_point& at) const override { return 1.0 / (1.0 + static_cast<double>(at.count)); }
};

struct Snapshot {
    RunState state;
    at::Tensor weight;
    std::size_t rows;
};

struct Setting {
    std::string name;
    std::function<void(loops::Experiment&)> change;
};

class Resume : public ::testing::TestWithParam<std::size_t> {
public:
    static std::vector<Setting> settings() {
        return {
            {"Plain", [](loops::Experiment&) {}},
            {"Accumulating", [](loops::Experiment& e) { e.trainer.accumulate = {{0, 3}}; }},
            {"ValidatingOften", [](loops::Experiment& e) { e.trainer.val_check_batches = 2; }},
            {"WindowsAndValidation",
             [](loops::Experiment& e) {
                 e.trainer.accumulate = {{0, 2}};
                 e.trainer.val_check_interval = 0.34;
                 e.trainer.log_every_n_steps = 2;
             }},
            {"Scheduled",
             [](loops::Experiment& e) {
                 e.schedules = {{std::make_shared<Decay>(), "", dv::Schedule::Interval::step, 2, "", true, 0},
                                {std::make_shared<Decay>(), "", dv::Schedule::Interval::epoch, 1, "", true, 0},
                                {std::make_shared<Decay>(), "", dv::Schedule::Interval::validation, 1, "val/loss", true, 0}};
             }},
            {"CutShort", [](loops::Experiment& e) { e.trainer.stop = {.max_epochs = -1, .max_steps = 9}; }},
        };
    }

protected:
    struct Made {
        CollectingSink sink;
        loops::Experiment e = boring_experiment(sink);
        std::shared_ptr<DroppingModel> model = std::make_shared<DroppingModel>();
        Made() {
            e.model = model;
            static_cast<BoringData&>(*e.data).n_train = 22;  // 6 batches, the last of two samples
            e.trainer.stop.max_epochs = 3;
            e.optimizers.front()->lr = 0.05;
            auto logging = std::make_shared<FunctionCallback>([](std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
                if (phase == DV_TRAIN_BATCH_END) {
                    answer.log(answer.self, {"seen", 4}, static_cast<double>(run.samples));
                    const dv_log_options by_epoch{sizeof(dv_log_options), 0, 1, 0, 1, DV_REDUCE_MAX, -1, 1, 0};
                    answer.log_with(answer.self, {"most", 4}, static_cast<double>(run.batch_idx), &by_epoch);
                }
            });
            e.callbacks.push_back(logging);
        }
    };
    static std::vector<std::string> text(const CollectingSink& sink) {
        std::vector<std::string> out;
        for (const auto& row : sink.rows) {
            std::string line = std::to_string(row.step) + "/" + std::to_string(row.epoch);
            for (std::size_t i = 0; i < row.names.size(); ++i) {
                char number[64];
                std::snprintf(number, sizeof number, " %s=%a", row.names[i].c_str(), row.values[i]);
                line += number;
            }
            out.push_back(line);
        }
        return out;
    }
    static void seed() { at::manual_seed(11); }
};

TEST_P(Resume, EqualsTheUninterruptedRun) {
    const Setting setting = settings()[GetParam()];
    seed();
    Made whole;
    setting.change(whole.e);
    std::vector<Snapshot> snapshots;
    std::optional<Trainer> trainer;
    bool wanted = false;
    auto saver = std::make_shared<FunctionCallback>([&](std::uint32_t phase, const dv_run& run, const dv_answer&) {
        const bool in_fit = run.stage != DV_STAGE_SANITY_CHECK;
        wanted = in_fit && (phase == DV_TRAIN_BATCH_END || phase == DV_VALIDATION_END || phase == DV_TRAIN_EPOCH_END || phase == DV_TRAIN_END);
    });
    saver->watches = true;
    whole.e.callbacks.push_back(saver);
    whole.e.after_phase = [&] {
        if (!std::exchange(wanted, false)) return;
        RunState state = trainer->checkpoint();
        for (auto* tensors : {&state.train_metrics, &state.window.gradients, &state.generators}) {
            for (dv::NamedTensor& t : *tensors) t.tensor = t.tensor.clone();
        }
        snapshots.push_back({std::move(state), whole.model->weight.detach().clone(), whole.sink.rows.size()});
    };
    trainer.emplace(whole.e);
    trainer->run({StageKind::fit});
    const std::vector<std::string> expected = text(whole.sink);
    ASSERT_GT(snapshots.size(), 10u);

    for (const Snapshot& at : snapshots) {
        const std::string where = setting.name + ", epoch " + std::to_string(at.state.progress.epoch) + ", batch " +
                                  std::to_string(at.state.progress.batch_idx) + ", moment " + std::to_string(static_cast<int>(at.state.progress.moment));
        at::manual_seed(99);  // whatever was drawn before must not matter
        Made again;
        setting.change(again.e);
        again.e.callbacks.push_back(std::make_shared<FunctionCallback>([](std::uint32_t, const dv_run&, const dv_answer&) {}));
        again.model->weight.data().copy_(at.weight);
        Trainer next(again.e);
        next.resume(at.state);
        next.run({StageKind::fit});
        const std::vector<std::string> rest(expected.begin() + static_cast<std::ptrdiff_t>(at.rows), expected.end());
        EXPECT_EQ(text(again.sink), rest) << where;
        EXPECT_EQ(at.state.rows, static_cast<std::int64_t>(at.rows)) << where;
        EXPECT_TRUE(again.model->weight.equal(whole.model->weight)) << where;
        loops::Progress a = next.progress(), b = trainer->progress();
        EXPECT_EQ(a, b) << where;
    }
}

INSTANTIATE_TEST_SUITE_P(Settings, Resume, ::testing::Range(std::size_t{0}, Resume::settings().size()),
                         [](const auto& info) { return Resume::settings()[info.param].name; });

TEST(ResumeWithOtherData, IsRefusedInMidEpoch) {
    CollectingSink sink;
    loops::Experiment e = boring_experiment(sink);
    RunState state;
    state.progress.batch_idx = 1;
    state.progress.moment = loops::Moment::checked;
    state.n_batches = 7;
    Trainer trainer(e);
    trainer.resume(state);
    try {
        trainer.run({StageKind::fit});
        FAIL() << "no error";
    } catch (const dv::Error& error) {
        EXPECT_NE(std::string(error.what()).find("epoch of 7 batches, and this run has 2"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace dvhost::testing
