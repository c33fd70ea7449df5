#include "loops/nan_watch.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cmath>

namespace dvhost::loops {

namespace {

bool is_finite(const at::Tensor& tensor) { return tensor.isfinite().all().item<bool>(); }

/// Remembers the first response that is not finite.
struct FirstBadResponse final : dv::temporal::Recorder {
    std::optional<std::pair<std::size_t, std::int64_t>>
        place;  ///< layer, time step; the earliest step, there the first layer
    bool wants(std::size_t, std::int64_t) const override { return true; }
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override {
        if (!response.defined() || is_finite(response)) return;
        const bool earlier = !place || timestep < place->second || (timestep == place->second && layer < place->first);
        if (earlier) place = {layer, timestep};
    }
};

/// A model that records while this lives.
class Listening {
public:
    Listening(dv::Model& model, dv::temporal::Recorder& recorder) : model_(model) { model_.record(&recorder); }
    ~Listening() {
        try {
            model_.record(nullptr);
        } catch (const std::exception&) {  // there is an error under way already
        }
    }
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

private:
    dv::Model& model_;
};

/// Where a model begins to go wrong; empty when it cannot be said.
std::string first_bad_layer(dv::Model& model, const dv::Loss& loss, const dv::Batch& batch) {
    const std::vector<dv::LayerFacts> layers = model.layers();
    if (layers.empty()) return {};
    FirstBadResponse first;
    const at::NoGradGuard no_grad;
    try {
        const Listening listening(model, first);
        model.validation_step(batch, loss);
    } catch (const std::exception&) {  // what is being reported matters more
    }
    if (!first.place || first.place->first >= layers.size()) return {};
    return "the first response that is not finite is of layer '" + layers[first.place->first].name + "' at time step " +
           std::to_string(first.place->second);
}

std::string bad_parameters(dv::Model& model) {
    constexpr std::size_t kShown = 3;
    std::string names;
    std::size_t n = 0;
    for (const dv::NamedTensor& t : model.parameters()) {
        if (!at::isFloatingType(t.tensor.scalar_type()) || is_finite(t.tensor)) continue;
        if (++n <= kShown) names += (n > 1 ? ", '" : "'") + t.name + "'";
    }
    if (n > kShown) names += " and " + std::to_string(n - kShown) + " more";
    return names;
}

}  // namespace

bool NanWatch::accepts(const dv::StepOutput& step, const dv::Batch& batch, const Progress& progress) {
    while (!pending_.empty() && (!pending_.front().arrived || pending_.front().arrived->query())) look_at_first(&batch);
    if (!step.loss.defined()) return true;
    const at::Tensor value = step.loss.detach();
    if (value.is_cpu() && std::isfinite(value.item<double>())) return true;

    Pending now{value, std::nullopt, experiment_.criteria(),
                "at step " + std::to_string(progress.global_step) + " (batch " + std::to_string(progress.batch_idx) +
                    " of epoch " + std::to_string(progress.epoch) + ")"};
    if (value.is_cpu() || experiment_.trainer.on_nan == OnNan::skip) {
        now.value = value.cpu();
        return is_fine(now, &batch) || experiment_.trainer.on_nan != OnNan::skip;
    }
    now.value = at::empty({}, value.options().device(at::kCPU).pinned_memory(true));
    now.value.copy_(value, /*non_blocking=*/true);
    now.arrived.emplace(value.device().type());
    now.arrived->record(c10::impl::VirtualGuardImpl(value.device().type()).getStream(value.device()));
    pending_.push_back(std::move(now));
    return true;
}

void NanWatch::settle() {
    while (!pending_.empty()) {
        if (pending_.front().arrived) pending_.front().arrived->synchronize();
        look_at_first(nullptr);
    }
}

void NanWatch::look_at_first(const dv::Batch* batch) {
    const Pending seen = std::move(pending_.front());
    pending_.pop_front();
    is_fine(seen, batch);
}

bool NanWatch::is_fine(const Pending& seen, const dv::Batch* batch) {
    if (std::isfinite(seen.value.item<double>())) return true;
    if (experiment_.trainer.on_nan == OnNan::stop) throw dv::Error(what_is_wrong(seen, batch));
    if (!has_warned_) {
        const bool skips = experiment_.trainer.on_nan == OnNan::skip;
        experiment_.warn(what_is_wrong(seen, batch) +
                         (skips ? "; the batch is left out (trainer.on_nan = \"skip\")"
                                : "; training goes on (trainer.on_nan = \"ignore\")") +
                         ", and later ones are not reported");
    }
    has_warned_ = true;
    return false;
}

std::string NanWatch::what_is_wrong(const Pending& seen, const dv::Batch* batch) const {
    std::string text = "the training loss became " + std::to_string(seen.value.item<double>()) + " " + seen.place;
    for (const dv::NamedTensor& criterion : seen.criteria) {
        if (criterion.tensor.defined() && !is_finite(criterion.tensor)) {
            text += "; '" + criterion.name + "' is " + std::to_string(criterion.tensor.item<double>());
        }
    }
    if (const std::string names = bad_parameters(*experiment_.model); !names.empty()) {
        text += "; parameters that are not finite: " + names;
    } else if (batch != nullptr) {
        const std::string layer = first_bad_layer(*experiment_.model, *experiment_.loss, *batch);
        if (!layer.empty()) text += "; " + layer;
    }
    if (experiment_.trainer.on_nan != OnNan::stop) return text;
    return text + ": lower optimizer.lr, set trainer.gradient_clip_val, or let such batches pass with trainer.on_nan";
}

void check_frames(const dv::Batch& batch, const Experiment& experiment) {
    const at::Tensor& frames = batch.frames.frames;
    // A sum is finite only if its terms are; it is read once, and this is what almost every batch costs.
    if (std::isfinite(frames.sum().item<double>())) return;
    const at::Tensor bad = frames.isfinite().logical_not().flatten(1).sum(1);  // per sample
    const auto n = bad.sum().item<std::int64_t>();
    if (n == 0) return;  // the sum alone was too large
    const auto row = bad.gt(0).to(at::kInt).argmax().item<std::int64_t>();
    static constexpr const char* splits[] = {"train", "val", "test", "predict"};
    std::string text = "the input holds " + std::to_string(n) +
                       " values that are not finite (NaN or Inf): " + splits[static_cast<std::size_t>(batch.split)] +
                       " batch " + std::to_string(batch.batch_idx) + ", first in its sample " + std::to_string(row);
    if (batch.index.defined()) {
        text += ", which is sample " + std::to_string(batch.index[row].item<std::int64_t>()) + " of the data";
    }
    if (experiment.trainer.on_nan != OnNan::stop) return experiment.warn(text);
    throw dv::Error(text + ": correct the data, or let such inputs pass with trainer.on_nan");
}

}  // namespace dvhost::loops
