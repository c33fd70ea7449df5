#include "presentation.hpp"

#include <dv/random.hpp>
#include <dv/temporal/delay.hpp>

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

namespace rcnn {

namespace {

bool all(const std::vector<bool>& flags, bool value) {
    return std::all_of(flags.begin(), flags.end(), [&](bool flag) { return flag == value; });
}

std::string steps_text(std::size_t from, std::size_t to) {
    return "steps " + std::to_string(from) + " to " + std::to_string(to - 1);
}

/// Warns of each run of shown steps that has none left to score.
void warn_of_swallowed_chunks(const std::vector<bool>& shown, const std::vector<bool>& unscored,
                              const dv::Component& owner) {
    for (std::size_t from = 0; from < shown.size();) {
        std::size_t to = from;
        bool scored = false;
        for (; to < shown.size() && shown[to]; ++to) scored = scored || !unscored[to];
        if (to > from && !scored) {
            owner.warn("loss_reaction_time covers all of " + steps_text(from, to) +
                       ", in which the input is shown: none is scored");
        }
        from = std::max(to, from + 1);
    }
}

[[noreturn]] void refuse_long_pattern(std::int64_t entries, std::int64_t n_timesteps) {
    throw dv::ParameterError("data_presentation_pattern", "has " + std::to_string(entries) + " entries for " +
                                                              std::to_string(n_timesteps) +
                                                              " steps; give at most one per step");
}

std::vector<std::int64_t> pattern_for(const Settings& settings, std::uint64_t key, const dv::Batch& batch) {
    const std::vector<std::int64_t>& base = settings.data_presentation_pattern;
    const bool shuffled_split =
        batch.split == dv::Split::train || (settings.is_dynvision_0_1() && batch.split == dv::Split::val);
    if (!settings.shuffle_presentation_pattern || !shuffled_split || base.size() < 2) return base;
    const dv::Random random(key, static_cast<std::uint64_t>(batch.batch_idx), static_cast<std::uint32_t>(batch.epoch),
                            dv::Purpose::present);
    std::vector<std::int64_t> shuffled;
    for (const std::uint32_t i : dv::permutation(static_cast<std::uint32_t>(base.size()), random))
        shuffled.push_back(base[i]);
    return shuffled;
}

at::Tensor labels_over_time(const at::Tensor& labels, std::int64_t n_timesteps) {
    const at::Tensor per_step = labels.dim() == 1 ? labels.unsqueeze(1) : labels;
    if (per_step.dim() != 2 || (per_step.size(1) != 1 && per_step.size(1) != n_timesteps)) {
        throw dv::Error("labels are [batch] or [batch, " + std::to_string(n_timesteps) + "], one per step; found " +
                        std::to_string(labels.dim()) + " dimensions, the last of " + std::to_string(labels.size(-1)));
    }
    return per_step.expand({per_step.size(0), n_timesteps});
}

at::Tensor masked(const at::Tensor& labels, const std::vector<bool>& unscored, std::int64_t non_label) {
    if (all(unscored, false)) return labels;
    std::vector<std::int64_t> flags(unscored.begin(), unscored.end());
    const at::Tensor mask = at::tensor(flags, at::kLong).to(labels.device()).to(at::kBool);
    return labels.masked_fill(mask, non_label);
}

}  // namespace

std::vector<bool> stretched(std::span<const std::int64_t> pattern, std::int64_t n_timesteps) {
    const auto p = static_cast<std::int64_t>(pattern.size());
    std::vector<bool> shown;
    for (std::int64_t t = 0; t < n_timesteps; ++t)
        shown.push_back(pattern[static_cast<std::size_t>(t * p / n_timesteps)] != 0);
    return shown;
}

std::vector<bool> after_onsets(const std::vector<bool>& shown, std::int64_t n) {
    std::vector<bool> within(shown.size(), false);
    std::int64_t left = 0;
    for (std::size_t t = 0; t < shown.size(); ++t) {
        if (shown[t] && (t == 0 || !shown[t - 1])) left = n;
        within[t] = left > 0;
        --left;
    }
    return within;
}

std::int64_t reaction_steps(const Settings& settings) {
    if (settings.loss_reaction_time == 0.0) return 0;
    const dv::temporal::Steps s = dv::temporal::steps_of(settings.loss_reaction_time, settings.dt);
    return std::max<std::int64_t>(1, s.steps + (s.error_ms < 0 ? 1 : 0));
}

std::vector<std::int64_t> digits(const std::string& pattern) {
    std::vector<std::int64_t> out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] != '0' && pattern[i] != '1') {
            throw dv::ParameterError("pattern", "is '" + pattern + "', with '" + pattern[i] + "' at place " +
                                                    std::to_string(i + 1) +
                                                    "; it is made of the digits 1 (shown) and 0 (blank)");
        }
        out.push_back(pattern[i] - '0');
    }
    return out;
}

void check_presentation(const Settings& settings, const dv::DataFacts& facts, const dv::Component& owner) {
    const auto& pattern = settings.data_presentation_pattern;
    const std::int64_t n = settings.n_timesteps;
    const auto p = static_cast<std::int64_t>(pattern.size());
    if (pattern.empty())
        throw dv::ParameterError("data_presentation_pattern", "is empty; [1] shows the input at every step");
    if (facts.n_frames > 1 && n > 1 && n != facts.n_frames && settings.is_dynvision_0_1()) {
        owner.warn("dynvision-0.1: n_timesteps is " + std::to_string(n) + " and the data has " +
                   std::to_string(facts.n_frames) +
                   " frames per sample: connections are made for the longer, runs are as "
                   "long as the data");
    } else if (facts.n_frames > 1 && n > 1 && n != facts.n_frames) {
        throw dv::ParameterError("n_timesteps", "is " + std::to_string(n) + ", but the data has " +
                                                    std::to_string(facts.n_frames) +
                                                    " frames per sample; leave it out, or make them equal");
    }
    if (facts.n_frames > 1 || n == 1) {
        if (p == 1 && pattern[0] == 1 && settings.loss_reaction_time == 0.0) return;
        if (facts.n_frames == 1 && p > 1) refuse_long_pattern(p, n);
        owner.warn(
            "data_presentation_pattern and loss_reaction_time act on still images shown for several steps; here they "
            "have no effect");
        return;
    }
    if (p > n) refuse_long_pattern(p, n);
    if (settings.is_dynvision_0_1()) return;
    if (n % p != 0) {
        owner.warn("data_presentation_pattern has " + std::to_string(p) + " entries, which do not divide " +
                   std::to_string(n) + " steps: its phases differ in length");
    }
    const std::vector<bool> shown = stretched(pattern, n);
    warn_of_swallowed_chunks(shown, after_onsets(shown, reaction_steps(settings)), owner);
}

dv::Presentation present(const Settings& settings, std::int64_t residual, std::uint64_t key, const dv::Batch& batch) {
    dv::Presentation out{batch.frames, batch.labels};
    const bool still = batch.frames.n_timesteps() == 1;
    if (still) out.frames = batch.frames.shown_for(settings.n_timesteps);
    if (out.labels.defined()) out.labels = labels_over_time(out.labels, out.frames.n_timesteps());
    if (still && settings.n_timesteps > 1) {
        const std::vector<bool> shown = stretched(pattern_for(settings, key, batch), settings.n_timesteps);
        std::vector<bool> unscored = after_onsets(shown, reaction_steps(settings));
        for (std::size_t t = 0; t < shown.size(); ++t) {
            if (!shown[t]) out.frames.schedule[t] = dv::Sequence::kBlank;
            unscored[t] = unscored[t] || !shown[t];
        }
        if (out.labels.defined()) out.labels = masked(out.labels, unscored, settings.non_label_index);
    }
    out.frames.idle_timesteps = settings.idle_timesteps;
    out.frames.blank_value = settings.non_input_value;
    out.frames.schedule.insert(out.frames.schedule.end(), static_cast<std::size_t>(residual), dv::Sequence::kBlank);
    if (out.labels.defined() && residual > 0) {
        const at::Tensor waiting = out.labels.new_full({out.labels.size(0), residual}, settings.non_label_index);
        out.labels = at::cat({waiting, out.labels}, 1);
    }
    return out;
}

}  // namespace rcnn
