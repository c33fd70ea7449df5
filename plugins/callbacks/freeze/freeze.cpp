#include "number_text.hpp"
#include "training/rate_control.hpp"

#include <dv/torch/callback.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

/// Keeps parameters as they are for some epochs; when they are set free, their rate grows from a small one to that of the others.
/// As BackboneFinetuning of Lightning 2.6.
struct Freeze final : dv::TorchCallback, dv::OnFitStart, dv::OnTrainStart, dv::OnTrainEpochStart {
    std::vector<std::string> patterns, except;
    std::int64_t freeze_at_epoch = 0, unfreeze_at_epoch = 0;
    bool rate_ramp = true, should_align = true, verbose = false;
    double initial_ratio_lr = 0.0, growth = 0.0;
    std::optional<double> initial_lr;
    static constexpr auto params = dv::schema(
        dv::p("patterns", &Freeze::patterns, dv::empty, "names of parameters to freeze; * stands for anything",
              dv::required),
        dv::p("except", &Freeze::except, dv::empty, "names among those that stay free"),
        dv::p("freeze_at_epoch", &Freeze::freeze_at_epoch, 0, "epoch, from 0, with which they are frozen",
              dv::at_least{0}),
        dv::p("unfreeze_at_epoch", &Freeze::unfreeze_at_epoch, 10,
              "epoch with which they are set free; one that never comes keeps them frozen", dv::at_least{1}),
        dv::p("rate_ramp", &Freeze::rate_ramp, true,
              "let the rate of their parameter groups grow when they are set free; with false it is the schedule's"),
        dv::p("initial_ratio_lr", &Freeze::initial_ratio_lr, 0.1,
              "their rate when they are set free, as a share of the others'", dv::above{0.0}),
        dv::p("initial_lr", &Freeze::initial_lr, dv::unset, "that rate itself, in place of a share", dv::above{0.0}),
        dv::p("growth", &Freeze::growth, 2.0, "by which it is multiplied with each further epoch", dv::at_least{1.0}),
        dv::p("should_align", &Freeze::should_align, true, "let it grow no further than the others' rate"),
        dv::p("verbose", &Freeze::verbose, false, "a log line for what is done"));

    void open() override {
        if (patterns.empty())
            throw dv::ParameterError("patterns", "is empty; name what is to be frozen, e.g. [\"backbone.*\"]");
        if (unfreeze_at_epoch <= freeze_at_epoch) {
            throw dv::ParameterError("unfreeze_at_epoch",
                                     "is " + std::to_string(unfreeze_at_epoch) +
                                         ", not after freeze_at_epoch = " + std::to_string(freeze_at_epoch));
        }
    }

    void on_fit_start(const dv::RunView& run, dv::Answer&) override {
        if (chosen().empty()) {
            std::string names;
            for (const dv::NamedTensor& t : training().parameters()) names += (names.empty() ? "" : ", ") + t.name;
            throw dv::ParameterError("patterns", "match no parameter of the model; it has: " + names);
        }
        hold(run->epoch);
    }
    void on_train_start(const dv::RunView& run, dv::Answer&) override {
        if (rate_ramp) find_groups(run);
        control_.restore(training());
    }
    void on_train_epoch_start(const dv::RunView& run, dv::Answer&) override {
        hold(run->epoch);
        if (rate_ramp && run->epoch >= unfreeze_at_epoch && run->epoch > latest_epoch_) raise(run);
    }

    std::string state_key() const override {
        std::string key = "dvhost.callback.freeze";
        for (const std::string& pattern : patterns) key += "/" + pattern;
        return key;
    }
    void save_state(dv::StateWriter& out) const override {
        out.put("latest_epoch", latest_epoch_);
        callbacks::save_numbers(out, "previous_lrs", previous_);
        control_.save(out);
    }
    void load_state(const dv::StateReader& state) override {
        latest_epoch_ = state.get<std::int64_t>("latest_epoch").value_or(-1);
        previous_ = callbacks::load_numbers(state, "previous_lrs");
        control_.load(state);
    }

private:
    static bool matches_one(const std::vector<std::string>& some, const dv::NamedTensor& t) {
        return t.trainable &&
               std::ranges::any_of(some, [&](const std::string& pattern) { return dv::matches(pattern, t.name); });
    }
    bool is_chosen(const dv::NamedTensor& t) const { return matches_one(patterns, t) && !matches_one(except, t); }
    std::vector<dv::NamedTensor> chosen() const {
        std::vector<dv::NamedTensor> out;
        for (dv::NamedTensor& t : training().parameters()) {
            if (is_chosen(t)) out.push_back(std::move(t));
        }
        return out;
    }

    /// Lets gradients reach the parameters in this epoch, or not.
    void hold(std::int64_t epoch) {
        const bool frozen = epoch >= freeze_at_epoch && epoch < unfreeze_at_epoch;
        if (frozen == frozen_) return;
        frozen_ = frozen;
        const auto parameters = chosen();
        for (const dv::NamedTensor& t : parameters) {
            t.tensor.set_requires_grad(!frozen);
            if (frozen) t.tensor.mutable_grad().reset();  // an optimizer leaves alone what has no gradient
        }
        if (verbose) {
            info("epoch " + std::to_string(epoch) + ": " + std::to_string(parameters.size()) + " parameter(s) " +
                 (frozen ? "frozen" : "set free"));
        }
    }

    /// The groups of the parameters, and one of others, whose rate is the measure.
    void find_groups(const dv::RunView& run) {
        own_.clear();
        std::set<std::string> others;
        for (const dv::NamedTensor& t : training().parameters()) {
            // What is left out shares the rate of its group.
            if (t.trainable) (matches_one(patterns, t) ? own_ : others).insert(training().group_of(t.name));
        }
        own_.erase(""), others.erase("");
        for (const std::string& group : own_) {
            if (!others.contains(group)) continue;
            throw dv::ParameterError("rate_ramp",
                                     "is true, and the optimizer's group '" + group +
                                         "' holds other parameters beside the frozen ones; give these a group of their "
                                         "own in [optimizer] groups, or set rate_ramp = false");
        }
        for (const dv_metric& rate : run.learning_rates()) {
            if (others.contains(std::string(dv::detail::view(rate.name)))) head_ = dv::detail::view(rate.name);
            if (!head_.empty()) break;
        }
    }

    void raise(const dv::RunView& run) {
        latest_epoch_ = run->epoch;
        std::optional<double> head;
        for (const dv_metric& rate : run.learning_rates()) {
            if (dv::detail::view(rate.name) == head_) head = rate.value;
        }
        for (const dv_metric& rate : run.learning_rates()) {
            const std::string group(dv::detail::view(rate.name));
            if (!own_.contains(group)) continue;
            const double measure = head.value_or(rate.value);
            const auto previous = previous_.find(group);
            double next = previous == previous_.end() ? initial_lr.value_or(measure * initial_ratio_lr)
                                                      : previous->second * growth;
            if (should_align && previous != previous_.end()) next = std::min(next, measure);
            control_.set(training(), group, rate.value, next);
            previous_[group] = next;
            if (verbose)
                info("epoch " + std::to_string(run->epoch) + ": the rate of '" + group + "' is " +
                     callbacks::shown(next));
        }
    }

    std::set<std::string> own_;
    std::string head_;
    callbacks::RateControl control_;
    callbacks::Rates previous_;       // by group
    std::int64_t latest_epoch_ = -1;  // in which rates were raised
    bool frozen_ = false;
};

}  // namespace
DV_COMPONENT(Freeze, "dvhost.callback.freeze", "Keeps parameters as they are for some epochs, then lets them follow");
