/// What the trainer itself costs per step: a fit of a trivial model, minus the same steps written out by hand.
///
/// Both sides run in turn within each iteration, on the same parts and the same loader, so that what the machine does meanwhile
/// hits both. Counters, in µs per step, medians over the iterations: trainer (the whole step), by_hand (the same without the
/// trainer), own (the difference), own_cpu (the same in CPU time of the training thread, which a busy machine disturbs less).

#include "boring.hpp"
#include "data/loader.hpp"
#include "logging/log_thread.hpp"
#include "loops/trainer.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>

namespace {

using namespace dvhost;

constexpr std::int64_t kSteps = 2000;
constexpr std::int64_t kBatchSize = 4;

struct Case {
    std::int64_t n_metrics, log_every, n_callbacks;
};

/// Seconds spent: by the clock, and by this thread on a CPU.
struct Spent {
    double wall, cpu;
};

double thread_cpu() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median_us_per_step(std::vector<double> seconds) {
    const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
    std::nth_element(seconds.begin(), middle, seconds.end());
    return *middle * 1e6 / static_cast<double>(kSteps);
}

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
    for (std::int64_t i = 0; i < what.n_metrics; ++i)
        e.train_metrics.push_back(std::make_shared<testing::CountingMetric>());
    for (std::int64_t i = 0; i < what.n_callbacks; ++i) {
        e.callbacks.push_back(
            std::make_shared<testing::FunctionCallback>([](std::uint32_t, const dv_run&, const dv_answer&) {}));
    }
    e.optimizers.front()->lr = 1e-9;
    e.loader.batch_size = kBatchSize;
    e.loader.shuffle = false;
    e.trainer.log_every_n_steps = what.log_every;
    return e;
}

Spent by_trainer(const Case& what) {
    testing::CollectingSink no_sink;
    loops::Experiment e = experiment_of(what, no_sink);
    auto logger = std::make_shared<TakingLogger>();
    logging::LogThread log({{.logger = logger, .label = "taking"}}, [](const std::string&) {});
    e.sink = &log;
    loops::Trainer trainer(e);
    const double cpu = thread_cpu();
    trainer.run({loops::StageKind::fit});
    const Spent spent{trainer.summary().fit_seconds, thread_cpu() - cpu};
    log.finish("success");
    return spent;
}

Spent by_hand() {
    testing::CollectingSink no_sink;
    const loops::Experiment e = experiment_of({0, 0, 0}, no_sink);
    const auto parameters = e.model->parameters();
    e.optimizers.front()->build(parameters);
    const data::Loader loader(e.data->source(dv::Split::train), e.data->facts(), dv::Split::train,
                              {.batch_size = kBatchSize});

    const Spent start{loops::now(), thread_cpu()};
    const auto batches = loader.epoch(0, kSteps);
    while (const auto read = batches->next()) {
        const dv::Batch batch = e.strategy->to_device(*read);
        const dv::StepOutput step = e.model->training_step(batch, *e.loss);
        e.optimizers.front()->zero_grad();
        e.strategy->backward(step.loss, dv::GradientSync::now);
        e.optimizers.front()->step();
    }
    return {loops::now() - start.wall, thread_cpu() - start.cpu};
}

void fit(benchmark::State& state) {
    const Case what{state.range(0), state.range(1), state.range(2)};
    std::vector<double> whole, hand, own, own_cpu;
    for (auto _ : state) {
        const Spent left = by_hand();
        const Spent right = by_trainer(what);
        whole.push_back(right.wall);
        hand.push_back(left.wall);
        own.push_back(right.wall - left.wall);
        own_cpu.push_back(right.cpu - left.cpu);
        state.SetIterationTime(right.wall);
    }
    state.counters["trainer"] = median_us_per_step(whole);
    state.counters["by_hand"] = median_us_per_step(hand);
    state.counters["own"] = median_us_per_step(own);
    state.counters["own_cpu"] = median_us_per_step(own_cpu);
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
    ->Iterations(15)
    ->Unit(benchmark::kMillisecond);

/// The loader's share of a step, which both sides of the above contain.
void loader_alone(benchmark::State& state) {
    testing::CollectingSink no_sink;
    const loops::Experiment e = experiment_of({0, 0, 0}, no_sink);
    const data::Loader loader(e.data->source(dv::Split::train), e.data->facts(), dv::Split::train,
                              {.batch_size = kBatchSize});
    std::vector<double> passes;
    for (auto _ : state) {
        const double start = loops::now();
        const auto batches = loader.epoch(0, kSteps);
        while (auto batch = batches->next()) benchmark::DoNotOptimize(*batch);
        passes.push_back(loops::now() - start);
    }
    state.counters["per_batch"] = median_us_per_step(passes);
}
BENCHMARK(loader_alone)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
