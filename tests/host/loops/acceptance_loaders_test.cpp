// Lightning's acceptance cases on data of several sources, by their numbers (docs/trainer.md).

#include "acceptance.hpp"

#include <dv/npy.hpp>

#include <filesystem>

namespace dvhost::testing {
namespace {

using loops::StageKind;

/// Splits of several sources, of so many samples each; counts how often a split is opened.
struct SeveralSources final : dv::DataModule {
    std::vector<std::int64_t> n_train{20}, n_val{4}, n_predict;
    mutable std::vector<std::pair<dv::Split, std::int64_t>> opened;  // and in which epoch
    std::function<std::int64_t()> epoch = [] { return std::int64_t{0}; };

    dv::DataFacts facts() const override { return {.n_frames = 1, .channels = 1, .height = 2, .width = 2, .n_classes = 2}; }
    std::vector<std::unique_ptr<dv::Source>> sources(dv::Split split) const override {
        opened.emplace_back(split, epoch());
        std::vector<std::unique_ptr<dv::Source>> out;
        for (const std::int64_t n : split == dv::Split::train ? n_train : split == dv::Split::val ? n_val : n_predict) {
            out.push_back(std::make_unique<BoringSource>(n));
        }
        return out;
    }
    std::vector<std::int64_t> epochs_of(dv::Split split) const {
        std::vector<std::int64_t> out;
        for (const auto& [which, when] : opened) {
            if (which == split) out.push_back(when);
        }
        return out;
    }
};

class SeveralLoaders : public Acceptance {
protected:
    std::shared_ptr<SeveralSources> several = std::make_shared<SeveralSources>();
    SeveralLoaders() { e.data = several; }
};

TEST_F(SeveralLoaders, Case34NamesOfTwoLoaders) {
    several->n_val = {4, 8};
    on([](std::uint32_t phase, const dv_run& run, const dv_answer& a) {
        if (phase != DV_VALIDATION_BATCH_END) return;
        dv::Answer answer(a);
        EXPECT_EQ(dv::RunView(run).n_loaders(), 2u);
        answer.log("v", static_cast<double>(10 + dv::RunView(run).dataloader_idx()), {.on_epoch = true});
        answer.log("w", static_cast<double>(dv::RunView(run).dataloader_idx()), {.on_epoch = true, .add_dataloader_idx = false});
    });
    fit();
    const CollectingSink::Row* row = nullptr;
    for (const CollectingSink::Row& r : sink.rows) {
        if (r.has("val/loss/dataloader_idx_0")) row = &r;
    }
    ASSERT_NE(row, nullptr);
    EXPECT_TRUE(row->has("val/loss/dataloader_idx_1"));
    EXPECT_FALSE(row->has("val/loss"));
    EXPECT_EQ(row->at("v/dataloader_idx_0"), 10.0);
    EXPECT_EQ(row->at("v/dataloader_idx_1"), 11.0);
    EXPECT_DOUBLE_EQ(row->at("w"), 2.0 / 3.0);  // weighted by samples: 4 zeros, 8 ones
    EXPECT_FALSE(row->has("v"));
}

TEST_F(SeveralLoaders, MetricsAreOfOneLoaderEach) {
    several->n_val = {4, 8};
    e.metrics = {std::make_shared<CountingMetric>()};
    fit();  // the model's outputs are one per batch
    for (const CollectingSink::Row& r : sink.rows) {
        if (!r.has("val/count/dataloader_idx_0")) continue;
        EXPECT_EQ(r.at("val/count/dataloader_idx_0"), 1.0);
        EXPECT_EQ(r.at("val/count/dataloader_idx_1"), 2.0);
        return;
    }
    FAIL() << "no row of the validation";
}

TEST_F(SeveralLoaders, Case16SanityStepsAreOfEachLoader) {
    several->n_val = {12, 12};
    e.trainer.num_sanity_val_steps = 2;
    int batches = 0;
    on([&](std::uint32_t phase, const dv_run& run, const dv_answer&) { batches += phase == DV_VALIDATION_BATCH_END && run.stage == DV_STAGE_SANITY_CHECK; });
    fit();
    EXPECT_EQ(batches, 4);
}

/// Trains on batches of two sources.
struct Paired final : dv::Model {
    at::Tensor weight = at::zeros({1});
    std::vector<std::pair<std::int64_t, std::int64_t>> sizes;
    Paired() { weight.requires_grad_(); }
    std::vector<dv::NamedTensor> parameters() const override { return {{"weight", weight, true}}; }
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss&) override {
        sizes.emplace_back(batch.size(), batch.beside.at(0).size());
        dv::StepOutput out;
        out.loss = weight.sum();
        return out;
    }
    dv::StepOutput validation_step(const dv::Batch&, const dv::Loss&) override { return {weight.detach().sum(), at::zeros({1, 1, 2}), at::zeros({1, 1}, at::kLong), {}}; }
};

TEST_F(SeveralLoaders, Case42AStepGetsTheBatchesOfAll) {
    auto paired = std::make_shared<Paired>();
    e.model = paired;
    several->n_train = {8, 12};
    e.loader.combine = data::Combine::max_size;
    EXPECT_EQ(fit(), (std::pair<std::int64_t, std::int64_t>(1, 3)));
    EXPECT_EQ(paired->sizes, (std::vector<std::pair<std::int64_t, std::int64_t>>{{4, 4}, {4, 4}, {0, 4}}));
    paired->sizes.clear();
    e.loader.combine = data::Combine::min_size;
    EXPECT_EQ(fit(), (std::pair<std::int64_t, std::int64_t>(1, 2)));
}

TEST_F(SeveralLoaders, Case43EachLoaderHasItsPredictions) {
    const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / ("predictions_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder);
    e.model = std::make_shared<BoringModel>();
    e.predictions = folder / "predictions.npy";
    several->n_predict = {4, 6};
    loops::Trainer(e).run({StageKind::predict});
    EXPECT_FALSE(std::filesystem::exists(e.predictions));
    EXPECT_EQ(dv::npy::Array(folder / "predictions_0.npy").shape(), (dv::npy::Shape{4, 1, 2}));
    EXPECT_EQ(dv::npy::Array(folder / "predictions_1.npy").shape(), (dv::npy::Shape{6, 1, 2}));
    several->n_predict = {5};
    loops::Trainer(e).run({StageKind::predict});
    EXPECT_EQ(dv::npy::Array(e.predictions).shape(), (dv::npy::Shape{5, 1, 2}));
    std::filesystem::remove_all(folder);
}

TEST_F(SeveralLoaders, Case44ReloadEveryNEpochs) {
    using Epochs = std::vector<std::int64_t>;
    const auto opened = [&](std::int64_t every) {
        several->opened.clear();
        e.trainer.reload_dataloaders_every_n_epochs = every;
        e.trainer.stop.max_epochs = 6;
        loops::Trainer trainer(e);
        several->epoch = [&] { return trainer.progress().epoch; };
        trainer.run({StageKind::fit});
        return std::pair{several->epochs_of(dv::Split::train), several->epochs_of(dv::Split::val)};
    };
    EXPECT_EQ(opened(0), (std::pair<Epochs, Epochs>{{0}, {0}}));
    EXPECT_EQ(opened(1), (std::pair<Epochs, Epochs>{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}}));
    EXPECT_EQ(opened(2), (std::pair<Epochs, Epochs>{{0, 2, 4}, {0, 2, 4}}));
}

}  // namespace
}  // namespace dvhost::testing
