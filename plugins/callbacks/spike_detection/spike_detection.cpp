#include "number_text.hpp"
#include "run_folder.hpp"
#include "text_file.hpp"

#include <dv/torch/callback.hpp>

#include <cmath>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

namespace {

enum class Mode { min, max };

/// Ends a run with an error when the loss of a batch jumps away from its running mean, and notes which batches it were. Rule and
/// names are those of Lightning's SpikeDetection.
struct SpikeDetection final : dv::TorchCallback, dv::OnTrainBatchEnd {
    Mode mode = Mode::min;
    std::int64_t window = 0, warmup = 0;
    std::optional<double> atol, rtol;
    std::string exclude_batches_path;
    bool finite_only = true;
    static constexpr auto params = dv::schema(
        dv::p("mode", &SpikeDetection::mode, Mode::min,
              "whether lower or higher is better: what got better is no spike", dv::choices("min", "max")),
        dv::p("window", &SpikeDetection::window, 10, "batches over which the mean runs", dv::at_least{1}),
        dv::p("warmup", &SpikeDetection::warmup, 1, "first batches of an epoch, among which nothing is a spike",
              dv::at_least{0}),
        dv::p("atol", &SpikeDetection::atol, dv::unset, "least distance from the mean that is a spike; absent: any",
              dv::at_least{0.0}),
        dv::p("rtol", &SpikeDetection::rtol, 2.0,
              "least distance from the mean that is a spike, as a multiple of the mean", dv::at_least{0.0}),
        dv::p("exclude_batches_path", &SpikeDetection::exclude_batches_path, "skip_batches.json",
              "where the numbers of the batches go, seen from the run's folder"),
        dv::p("finite_only", &SpikeDetection::finite_only, true, "a loss that is NaN or infinite is a spike"));

    void on_train_batch_end(const dv::RunView& run, dv::Answer&) override {
        if (!step().output || !step().output->loss.defined()) return;
        const double loss = step().output->loss.item<double>();
        if (run->batch_idx >= warmup && is_spike(loss)) fail(run->batch_idx, loss);
        recent_.push_back(loss);
        if (recent_.size() > static_cast<std::size_t>(window)) recent_.pop_front();
    }

    std::string state_key() const override { return "SpikeDetection"; }
    void save_state(dv::StateWriter& out) const override {
        out.table("running", [&] {
            for (std::size_t i = 0; i < recent_.size(); ++i) out.put(std::to_string(i), recent_[i]);
        });
        out.table("bad_batches", [&] {
            for (std::size_t i = 0; i < bad_batches_.size(); ++i) out.put(std::to_string(i), bad_batches_[i]);
        });
    }
    void load_state(const dv::StateReader& state) override {
        recent_.clear(), bad_batches_.clear();
        const dv::StateReader recent = state.table("running"), bad = state.table("bad_batches");
        for (const std::string& key : recent.keys()) recent_.push_back(recent.get<double>(key).value_or(0.0));
        for (const std::string& key : bad.keys()) bad_batches_.push_back(bad.get<std::int64_t>(key).value_or(0));
    }

private:
    double mean() const {
        return std::accumulate(recent_.begin(), recent_.end(), 0.0) / static_cast<double>(recent_.size());
    }

    bool is_spike(double loss) const {
        if (finite_only && !std::isfinite(loss)) return true;
        if (recent_.empty()) return false;
        const bool got_better = mode == Mode::min ? loss <= recent_.back() : loss >= recent_.back();
        if (got_better) return false;
        const double distance = std::abs(loss - mean());
        return (!atol || distance >= *atol) && (!rtol || distance >= std::abs(*rtol * mean()));
    }

    /// The batch before may be to blame as well: its step led to these weights.
    [[noreturn]] void fail(std::int64_t batch_idx, double loss) {
        if (batch_idx > 0) bad_batches_.push_back(batch_idx - 1);
        bad_batches_.push_back(batch_idx);
        std::string list;
        for (const std::int64_t batch : bad_batches_)
            list += (list.empty() ? "    " : ",\n    ") + std::to_string(batch);
        const auto path = callbacks::in_run_folder(*this, "exclude_batches_path", exclude_batches_path);
        callbacks::replace_text(path, "[\n" + list + "\n]\n");
        throw dv::Error("the loss of batch " + std::to_string(batch_idx) + " is " + callbacks::shown(loss) +
                        (recent_.empty() ? std::string() : ", the mean before it " + callbacks::shown(mean())) +
                        "; batches to look at are listed in " + path.string());
    }

    std::deque<double> recent_;  // losses, newest last
    std::vector<std::int64_t> bad_batches_;
};

}  // namespace
DV_COMPONENT(SpikeDetection, "dvhost.callback.spike_detection", "Ends a run whose loss jumps, and notes the batches");
