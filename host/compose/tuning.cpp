#include "compose/tuning.hpp"

#include "loops/run_state.hpp"
#include "loops/trainer.hpp"

#include <dv/error.hpp>

#include <ATen/core/grad_mode.h>
#include <c10/util/Exception.h>

#include <sys/resource.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <new>

namespace dvhost::compose {

namespace {

/// Puts back what trials change.
class Restored {
public:
    explicit Restored(loops::Experiment& experiment) : experiment_(experiment) {
        for (const dv::NamedTensor& t : experiment.model->parameters()) weights_.push_back(t.tensor.detach().clone());
        for (const auto& optimizer : experiment.optimizers) {
            Optimizer& saved = optimizers_.emplace_back();
            for (const dv::ParameterGroup& group : optimizer->groups()) {
                saved.parameters.insert(saved.parameters.end(), group.parameters.begin(), group.parameters.end());
                saved.rates.push_back(group.lr);
            }
            if (saved.parameters.empty()) continue;  // not built yet
            for (dv::OptimizerState& s : optimizer->state()) saved.state.push_back({s.parameter, s.key, s.tensor.detach().clone()});
        }
    }
    ~Restored() {
        try {
            restore();
        } catch (const std::exception& error) {
            experiment_.warn(std::string("after a trial not everything could be put back: ") + error.what());
        }
    }
    Restored(const Restored&) = delete;
    Restored& operator=(const Restored&) = delete;

private:
    struct Optimizer {
        std::vector<dv::NamedTensor> parameters;
        std::vector<double> rates;
        std::vector<dv::OptimizerState> state;
    };

    void restore() {
        const at::NoGradGuard no_grad;
        std::vector<dv::NamedTensor> now = experiment_.model->parameters();
        for (std::size_t i = 0; i < now.size(); ++i) {
            at::Tensor& tensor = now[i].tensor;
            const bool same = tensor.scalar_type() == weights_[i].scalar_type() && tensor.device() == weights_[i].device();
            same ? static_cast<void>(tensor.data().copy_(weights_[i])) : tensor.set_data(weights_[i]);
            if (tensor.is_leaf() && tensor.requires_grad()) tensor.mutable_grad() = at::Tensor();
        }
        for (std::size_t o = 0; o < optimizers_.size(); ++o) {
            const Optimizer& saved = optimizers_[o];
            if (saved.parameters.empty()) continue;
            dv::Optimizer& optimizer = *experiment_.optimizers[o];
            optimizer.build(saved.parameters);
            if (!saved.state.empty()) optimizer.load_state(saved.state);
            for (std::size_t g = 0; g < saved.rates.size(); ++g) optimizer.set_lr(g, saved.rates[g]);
        }
    }

    loops::Experiment& experiment_;
    loops::GeneratorScope generators_;
    std::vector<at::Tensor> weights_;
    std::vector<Optimizer> optimizers_;
};

struct Nowhere final : loops::MetricSink {
    using loops::MetricSink::row;
    void row(loops::Names, loops::Values, std::int64_t, std::int64_t) override {}
};

/// The experiment's parts, training for `steps` optimizer steps, seen by nobody.
loops::Experiment trial_of(const loops::Experiment& experiment, Nowhere& sink, std::int64_t steps) {
    loops::Experiment out = experiment;
    out.sink = &sink;
    out.callbacks.clear();
    out.recording = {};
    out.profiler = nullptr;
    out.before_change = [] {};
    out.after_phase = [] {};
    out.trainer.stop = {};
    out.trainer.stop.max_epochs = -1;
    out.trainer.stop.max_steps = steps;
    out.trainer.val_batches = {.share = 1.0, .count = 0};
    out.trainer.num_sanity_val_steps = 0;
    out.trainer.log_every_n_steps = 0;
    return out;
}

/// Rates of a search instead of a schedule's.
struct Sweep final : dv::Schedule {
    Sweep(const LrSearch& all, dv::Optimizer& of) : search(all), optimizer(of) {}
    Interval interval() const override { return Interval::step; }
    double factor(const dv_schedule_point& at) const override {
        const double base = optimizer.groups().front().base_lr;
        if (!(base > 0)) throw dv::Error("optimizer.lr is 0, which no factor makes a rate of: give it any other value");
        return search.rate(at.count) / base;
    }
    const LrSearch& search;
    dv::Optimizer& optimizer;
};

/// Keeps the loss of each step, smoothed.
class Watcher final : public loops::Callback {
public:
    explicit Watcher(const LrSearch& search) : search_(search) {}
    std::uint64_t phases() const override { return std::uint64_t{1} << DV_TRAIN_BATCH_END; }
    bool monitors() const override { return false; }
    void on_phase(std::uint32_t, const dv_run& run, const dv_answer& answer, const loops::Scene& scene) override {
        if (run.accumulating != 0) return;
        const dv::StepOutput* output = scene.step.output;
        const bool is_there = output != nullptr && output->loss.defined();
        const double loss = is_there ? output->loss.detach().to(at::kDouble).item<double>() : std::nan("");
        if (!std::isfinite(loss)) return end(answer);
        const auto n = static_cast<std::int64_t>(curve_.lr.size());
        mean_ = kBeta * mean_ + (1.0 - kBeta) * loss;
        const double smoothed = mean_ / (1.0 - std::pow(kBeta, static_cast<double>(n + 1)));
        curve_.lr.push_back(search_.rate(n));
        curve_.loss.push_back(smoothed);
        // So many times the best, for a loss above 0; as far from it for one below.
        const double bound = best_ + (search_.early_stop_threshold - 1.0) * std::abs(best_);
        if (n > 0 && search_.early_stop_threshold > 0 && smoothed > bound) return end(answer);
        if (n == 0 || smoothed < best_) best_ = smoothed;
    }
    LrCurve curve() && { return std::move(curve_); }

private:
    static constexpr double kBeta = 0.98;
    void end(const dv_answer& answer) {
        static constexpr std::string_view kReason = "the loss diverged";
        curve_.stopped_early = true;
        answer.stop(answer.self, {kReason.data(), kReason.size()});
    }

    const LrSearch& search_;
    LrCurve curve_;
    double mean_ = 0.0, best_ = 0.0;
};

/// A value of a /proc file [bytes]; 0 when it is not there.
std::uint64_t bytes_in(const char* file, const std::string& key) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(key + ":")) return std::strtoull(line.c_str() + key.size() + 1, nullptr, 10) * 1024;
    }
    return 0;
}

}  // namespace

double LrSearch::rate(std::int64_t i) const {
    const double part = static_cast<double>(i) / static_cast<double>(steps);
    return exponential ? min_lr * std::pow(max_lr / min_lr, part) : min_lr + (max_lr - min_lr) * part;
}

LrCurve find_lr(loops::Experiment& experiment, const LrSearch& search) {
    if (experiment.optimizers.size() != 1) {
        throw dv::Error("a learning rate is searched for one optimizer, and this manifest has " + std::to_string(experiment.optimizers.size()));
    }
    const Restored restored(experiment);
    Nowhere nowhere;
    loops::Experiment trial = trial_of(experiment, nowhere, search.steps);
    trial.trainer.on_nan = loops::OnNan::ignore;  // a loss that diverges is part of the search
    loops::ScheduleEntry sweep;
    sweep.schedule = std::make_shared<Sweep>(search, *trial.optimizers.front());
    sweep.name = "lr_find";
    sweep.interval = dv::Schedule::Interval::step;
    trial.schedules = {sweep};
    const auto watcher = std::make_shared<Watcher>(search);
    trial.callbacks = {watcher};
    loops::Trainer(trial).run({loops::StageKind::fit});
    LrCurve curve = std::move(*watcher).curve();
    curve.suggestion = steepest(curve.loss);
    return curve;
}

std::optional<std::size_t> steepest(const std::vector<double>& loss, std::size_t skip_begin, std::size_t skip_end) {
    if (loss.size() < skip_begin + skip_end + 2) return std::nullopt;
    const std::size_t first = skip_begin, last = loss.size() - skip_end - 1;
    std::size_t best = first;
    double steepest = std::numeric_limits<double>::infinity();
    for (std::size_t i = first; i <= last; ++i) {
        // Central differences, one-sided at the ends.
        const std::size_t before = i == first ? i : i - 1, after = i == last ? i : i + 1;
        const double slope = (loss[after] - loss[before]) / static_cast<double>(after - before);
        if (slope < steepest) {
            steepest = slope;
            best = i;
        }
    }
    return best;
}

BatchSizeResult find_batch_size(const BatchSizeSearch& search, std::int64_t n_samples, const std::function<bool(std::int64_t)>& fits) {
    BatchSizeResult out;
    const std::int64_t most = std::min(search.most, n_samples);
    const auto tried = [&](std::int64_t size) {
        out.trials.push_back({size, fits(size)});
        return out.trials.back().fits;
    };
    const auto may_try = [&] { return static_cast<std::int64_t>(out.trials.size()) < search.max_trials; };
    std::int64_t fitting = 0, failing = 0;
    for (std::int64_t size = std::min(search.first, most); may_try(); size = std::min(2 * size, most)) {
        if (!tried(size)) {
            failing = size;
            break;
        }
        fitting = size;
        if (size == most) break;
    }
    if (fitting == 0) {
        throw dv::Error("not even " + std::to_string(out.trials.empty() ? search.first : out.trials.back().size) +
                        " samples per batch fit into memory: try a smaller --first, or a smaller model");
    }
    out.size = fitting;
    if (failing == 0) {
        out.ended_because = fitting == n_samples  ? "that is all training samples"
                            : fitting == most     ? "that is the most to try"
                                                  : "that was the last trial";
        return out;
    }
    out.ended_because = "memory ran out with " + std::to_string(failing);
    if (!search.bisect) return out;
    while (failing - fitting > 1 && may_try()) {
        const std::int64_t middle = fitting + (failing - fitting) / 2;
        (tried(middle) ? fitting : failing) = middle;
    }
    out.ended_because = "memory ran out with " + std::to_string(failing) + ", and a margin is left free";
    out.size = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(static_cast<double>(fitting) * (1.0 - search.margin))));
    return out;
}

bool batch_fits(loops::Experiment& experiment, std::int64_t size, std::int64_t steps) {
    const Restored restored(experiment);
    Nowhere nowhere;
    loops::Experiment trial = trial_of(experiment, nowhere, steps);
    trial.loader.batch_size = size;
    trial.trainer.accumulate = {{0, 1}};
    trial.schedules.clear();
    try {
        loops::Trainer(trial).run({loops::StageKind::fit});
        return true;
    } catch (const std::exception& error) {
        if (!is_out_of_memory(error)) throw;
        return false;
    }
}

bool is_out_of_memory(const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr || dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) return true;
    std::string text = error.what();
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    // The last three are oneDNN's, which says no more than this when it gets no memory.
    static constexpr const char* kSigns[] = {"out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory", "bad_alloc",
                                             "could not create a primitive", "could not execute a primitive", "could not create a memory"};
    return std::any_of(std::begin(kSigns), std::end(kSigns), [&](const char* sign) { return text.find(sign) != std::string::npos; });
}

MemoryCap::MemoryCap(std::optional<std::uint64_t> more) {
    const std::uint64_t in_use = bytes_in("/proc/self/status", "VmData"), available = bytes_in("/proc/meminfo", "MemAvailable");
    if (in_use == 0 || (!more && available == 0)) return;
    rlimit limit{};
    if (getrlimit(RLIMIT_DATA, &limit) != 0) return;
    former_ = limit.rlim_cur;
    const rlim_t wanted = in_use + more.value_or(available - available / 16);
    limit.rlim_cur = std::min(std::min(wanted, limit.rlim_max), limit.rlim_cur);
    is_set_ = setrlimit(RLIMIT_DATA, &limit) == 0;
}

MemoryCap::~MemoryCap() {
    rlimit limit{};
    if (!is_set_ || getrlimit(RLIMIT_DATA, &limit) != 0) return;
    limit.rlim_cur = former_;
    setrlimit(RLIMIT_DATA, &limit);
}

}  // namespace dvhost::compose
