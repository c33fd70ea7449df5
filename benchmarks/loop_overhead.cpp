/// What the trainer itself costs per step: a fit of a trivial model, minus the same steps written out by hand.
///
/// Both sides run in turn within each iteration, on the same parts and the same loader, so that what the machine does meanwhile
/// hits both. Counters, in µs per step: trainer (the whole step), by_hand (the same without the trainer), own (the difference).

#include "boring.hpp"
#include "data/loader.hpp"
#include "logging/log_thread.hpp"
#include "loops/trainer.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace dvhost;

constexpr std::int64_t kSteps = 5000;
constexpr std::int64_t kBatchSize = 4;

struct Case {
    std::int64_t n_metrics, log_every, n_callbacks;
};

/// A logger that only takes its rows: what is measured is the way there.
struct TakingLogger final : dv::Logger {
    std::int64_t n_rows = 0;
    void metrics(const dv::Row&) override { ++n_rows; }
};

loops::Experiment experiment_of(const Case& what, testing::CollectingSink& no_sink) {
    loops::Experiment e = testing::boring_experiment(no_sink);
    auto& data = static_cast<testing::BoringData&>(*e.data);
    data.n_train = kSteps * kBatchSize;
    data.n_val = 0;
    e.metrics.clear();
    e.train_metrics.clear();
    for (std::int64_t i = 0; i < what.n_metrics; ++i) e.train_metrics.push_back(std::make_shared<testing::CountingMetric>());
    for (std::int64_t i = 0; i < what.n_callbacks; ++i) {
        e.callbacks.push_back(std::make_shared<testing::FunctionCallback>([](std::uint32_t, const dv_run&, const dv_answer&) {}));
    }
    e.optimizer->lr = 1e-9;
    e.loader.batch_size = kBatchSize;
    e.loader.shuffle = false;
    e.trainer.log_every_n_steps = what.log_every;
    return e;
}

double trainer_seconds(const Case& what) {
    testing::CollectingSink no_sink;
    loops::Experiment e = experiment_of(what, no_sink);
    auto logger = std::make_shared<TakingLogger>();
    logging::LogThread log({{.logger = logger, .label = "taking"}}, [](const std::string&) {});
    e.sink = &log;
    loops::Trainer trainer(e);
    trainer.run({loops::StageKind::fit});
    log.finish("success");
    return trainer.summary().fit_seconds;
}

double seconds_by_hand() {
    testing::CollectingSink no_sink;
    const loops::Experiment e = experiment_of({0, 0, 0}, no_sink);
    const auto parameters = e.model->parameters();
    e.optimizer->build(parameters);
    const data::Loader loader(e.data->source(dv::Split::train), e.data->facts(), dv::Split::train, {.batch_size = kBatchSize});

    const double start = loops::now();
    const auto batches = loader.epoch(0, kSteps);
    while (const auto read = batches->next()) {
        const dv::Batch batch = e.strategy->to_device(*read);
        const dv::StepOutput step = e.model->training_step(batch, *e.loss);
        e.optimizer->zero_grad();
        e.strategy->backward(step.loss, dv::GradientSync::now);
        e.optimizer->step();
    }
    return loops::now() - start;
}

void fit(benchmark::State& state) {
    const Case what{state.range(0), state.range(1), state.range(2)};
    double trainer = 0.0, by_hand = 0.0;
    for (auto _ : state) {
        by_hand += seconds_by_hand();
        const double seconds = trainer_seconds(what);
        trainer += seconds;
        state.SetIterationTime(seconds);
    }
    const double to_us = 1e6 / static_cast<double>(kSteps * static_cast<std::int64_t>(state.iterations()));
    state.counters["trainer"] = trainer * to_us;
    state.counters["by_hand"] = by_hand * to_us;
    state.counters["own"] = (trainer - by_hand) * to_us;
}

BENCHMARK(fit)
    ->ArgNames({"metrics", "log_every", "callbacks"})
    ->Args({0, 0, 0})
    ->Args({1, 0, 0})
    ->Args({0, 50, 0})
    ->Args({1, 50, 0})
    ->Args({1, 1, 0})
    ->Args({1, 1, 10})
    ->UseManualTime()
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

/// The loader's share of a step, which both sides of the above contain.
void loader_alone(benchmark::State& state) {
    testing::CollectingSink no_sink;
    const loops::Experiment e = experiment_of({0, 0, 0}, no_sink);
    const data::Loader loader(e.data->source(dv::Split::train), e.data->facts(), dv::Split::train, {.batch_size = kBatchSize});
    for (auto _ : state) {
        const auto batches = loader.epoch(0, kSteps);
        while (auto batch = batches->next()) benchmark::DoNotOptimize(*batch);
    }
    state.counters["per_batch"] = benchmark::Counter(static_cast<double>(kSteps) * 1e-6,
                                                     benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(loader_alone)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
