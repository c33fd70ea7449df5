#include "masks.hpp"

#include <dv/random.hpp>
#include <dv/torch/callback.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using pruning::Method;
using pruning::Site;

/// Sets the least of the weights to zero at the end of epochs, and keeps them there. As ModelPruning of Lightning 2.6 over
/// torch.nn.utils.prune, without changing the names of the weights: they are multiplied with their masks after each step.
struct Pruning final : dv::TorchCallback,
                       dv::OnFitStart,
                       dv::OnOptimizerStepDone,
                       dv::OnTrainEpochEnd,
                       dv::OnValidationEnd {
    Method method = Method::l1_unstructured;
    std::vector<std::string> parameters;
    std::vector<double> amount;
    bool use_global_unstructured = true, use_lottery_ticket_hypothesis = true, prune_on_train_epoch_end = true,
         verbose = false;
    std::int64_t pruning_dim = 0;
    double pruning_norm = 0.0;
    static constexpr auto params = dv::schema(
        dv::p("method", &Pruning::method, Method::l1_unstructured,
              "which weights go: the smallest or drawn ones, one by one or as slices",
              dv::choices("l1_unstructured", "random_unstructured", "ln_structured", "random_structured")),
        dv::p("parameters", &Pruning::parameters, dv::list("*.weight"),
              "names of the parameters; * stands for anything"),
        dv::p("amount", &Pruning::amount, dv::list(0.5),
              "share of what is left that goes: one for every epoch, or one each for the first epochs",
              dv::range{0.0, 1.0}),
        dv::p("use_global_unstructured", &Pruning::use_global_unstructured, true,
              "compare the weights of all parameters; with false each parameter loses its share"),
        dv::p("use_lottery_ticket_hypothesis", &Pruning::use_lottery_ticket_hypothesis, true,
              "what is left goes back to the values before training"),
        dv::p("pruning_dim", &Pruning::pruning_dim, 0, "dimension of the slices; 0: output channels", dv::at_least{0}),
        dv::p("pruning_norm", &Pruning::pruning_norm, 2.0, "order of the norm by which slices are compared",
              dv::above{0.0}),
        dv::p("prune_on_train_epoch_end", &Pruning::prune_on_train_epoch_end, true,
              "prune when a training epoch ends; with false when a validation does"),
        dv::p("verbose", &Pruning::verbose, false, "a log line for each pruning"));

    void open() override {
        if (amount.empty()) throw dv::ParameterError("amount", "is empty; give a share, e.g. [0.2]");
    }

    void on_fit_start(const dv::RunView&, dv::Answer&) override {
        std::vector<Site> loaded = std::exchange(sites_, {});
        for (const dv::NamedTensor& t : training().parameters()) {
            const auto fits = [&](const std::string& pattern) { return dv::matches(pattern, t.name); };
            if (!t.trainable || std::ranges::none_of(parameters, fits)) continue;
            if (structured() && pruning_dim >= t.tensor.dim()) continue;  // a bias has no such slices
            const auto old = std::ranges::find(loaded, t.name, &Site::name);
            sites_.push_back(old == loaded.end()
                                 ? Site{t.name, t.tensor, at::ones_like(t.tensor).detach(), t.tensor.detach().clone()}
                                 : taken_over(*old, t.tensor));
        }
        if (sites_.empty())
            throw dv::ParameterError("parameters", "match no parameter of the model that can be pruned like this");
        apply();
    }

    void on_optimizer_step_done(const dv::RunView&, dv::Answer&) override { apply(); }
    void on_train_epoch_end(const dv::RunView& run, dv::Answer& answer) override {
        if (prune_on_train_epoch_end) prune(run->epoch);
        if (!sites_.empty()) answer.log("pruning/sparsity", pruning::sparsity(sites_));
    }
    void on_validation_end(const dv::RunView& run, dv::Answer&) override {
        if (!prune_on_train_epoch_end && run->stage != DV_STAGE_SANITY_CHECK) prune(run->epoch);
    }

    std::string state_key() const override { return "ModelPruning"; }
    void save_state(dv::StateWriter& out) const override { out.put("pruned_epoch", pruned_epoch_); }
    void load_state(const dv::StateReader& state) override {
        pruned_epoch_ = state.get<std::int64_t>("pruned_epoch").value_or(-1);
    }
    std::vector<dv::NamedTensor> save_tensors() const override {
        std::vector<dv::NamedTensor> out;
        for (const Site& site : sites_) {
            out.push_back({std::string(kMask) + site.name, site.mask, false});
            out.push_back({std::string(kOriginal) + site.name, site.original, false});
        }
        return out;
    }
    void load_tensors(std::span<const dv::NamedTensor> tensors) override {
        sites_.clear();
        for (const dv::NamedTensor& t : tensors) {
            if (t.name.starts_with(kMask))
                sites_.push_back({t.name.substr(kMask.size()), {}, t.tensor.detach().clone(), {}});
        }
        for (const dv::NamedTensor& t : tensors) {
            if (!t.name.starts_with(kOriginal)) continue;
            const auto site = std::ranges::find(sites_, t.name.substr(kOriginal.size()), &Site::name);
            if (site != sites_.end()) site->original = t.tensor.detach().clone();
        }
    }

private:
    static constexpr std::string_view kMask = "mask.", kOriginal = "original.";

    bool structured() const { return method == Method::ln_structured || method == Method::random_structured; }

    static Site taken_over(const Site& old, const at::Tensor& weight) {
        if (old.mask.sizes() != weight.sizes() || !old.original.defined()) {
            throw dv::Error("the checkpoint's mask of '" + old.name + "' has another shape than the model's weight");
        }
        return {old.name, weight, old.mask.to(weight.device(), weight.scalar_type()),
                old.original.to(weight.device(), weight.scalar_type())};
    }

    void apply() {
        const at::NoGradGuard no_grad;  // values only
        for (const Site& site : sites_) {
            if (site.weight.defined()) site.weight.mul_(site.mask);
        }
    }

    void prune(std::int64_t epoch) {
        if (epoch <= pruned_epoch_ || sites_.empty() || !sites_.front().weight.defined()) return;
        pruned_epoch_ = epoch;
        const auto i = static_cast<std::size_t>(epoch);
        const double share = amount.size() == 1 ? amount.front() : i < amount.size() ? amount[i] : 0.0;
        if (share <= 0.0) return;
        choose(share, epoch);
        const at::NoGradGuard no_grad;
        if (use_lottery_ticket_hypothesis) {
            for (const Site& site : sites_) site.weight.copy_(site.original);
        }
        apply();
        if (!verbose) return;
        char percent[32];
        std::snprintf(percent, sizeof percent, "%.2f", 100.0 * pruning::sparsity(sites_));
        info("epoch " + std::to_string(epoch) + ": " + percent + " % of the weights are pruned");
    }

    void choose(double share, std::int64_t epoch) {
        const auto* rng = extension<dv_rng_1>(DV_EXT_RNG);
        dv::Random random(rng ? rng->derive(rng->self, dv::detail::borrow("pruning")) : 0,
                          static_cast<std::uint64_t>(epoch), 0, dv::Purpose::synthesize);
        const pruning::Draw draw = [&] { return random.uniform(); };
        const bool drawn = method == Method::random_unstructured || method == Method::random_structured;
        if (structured()) {
            for (Site& site : sites_) pruning::prune_slices(site, share, pruning_dim, pruning_norm, drawn, draw);
        } else if (use_global_unstructured) {
            pruning::prune_elements(sites_, share, drawn, draw);
        } else {
            for (Site& site : sites_) {
                std::vector<Site> one{site};
                pruning::prune_elements(one, share, drawn, draw);
            }
        }
    }

    std::vector<Site> sites_;  // after load_tensors() without weights
    std::int64_t pruned_epoch_ = -1;
};

}  // namespace
DV_COMPONENT(Pruning, "dvhost.callback.pruning", "Sets weights to zero at the end of epochs and keeps them there");
