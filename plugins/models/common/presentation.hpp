#pragma once
/// How a still image becomes a sequence: shown and blank steps, which steps are scored, and how long the answer is
/// awaited.

#include "settings.hpp"

#include <dv/torch/model.hpp>

#include <span>

namespace rcnn {

/// For each step whether the pattern says "shown": pattern[floor(t · P / n_timesteps)]. Precondition: 0 < P <=
/// n_timesteps.
std::vector<bool> stretched(std::span<const std::int64_t> pattern, std::int64_t n_timesteps);

/// For each step whether it lies within `n` steps of an onset: a shown step whose predecessor is not; the step before
/// the first one counts as not shown. A window is not cut where the input ends.
std::vector<bool> after_onsets(const std::vector<bool>& shown, std::int64_t n);

/// How many steps from an onset are not scored: max(1, ceil(loss_reaction_time / dt)), 0 without a reaction time.
std::int64_t reaction_steps(const Settings& settings);

/// A pattern written as digits, "1011". Throws ParameterError, which names the character, when there are others.
std::vector<std::int64_t> digits(const std::string& pattern);

/// Throws ParameterError when the pattern or n_timesteps do not fit the data; warns `owner` of settings without effect.
void check_presentation(const Settings& settings, const dv::DataFacts& facts, const dv::Component& owner);

/// The batch over time. Frames that come with a schedule of their own keep it, and their labels are scored as they are.
/// `key` keys the shuffling; `residual` blank steps are added at the end, and as many unscored ones in front of the
/// labels.
dv::Presentation present(const Settings& settings, std::int64_t residual, std::uint64_t key, const dv::Batch& batch);

}  // namespace rcnn
