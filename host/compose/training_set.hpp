#pragma once
/// Which weights a run starts from, and which of them it trains.

#include "checkpoint/weights.hpp"
#include "compose/roles.hpp"

#include <functional>
#include <optional>
#include <string>

namespace dvhost::compose {

using Say = std::function<void(const std::string&)>;

/// [weights] as what a reader of weights takes; none when no file is named.
std::optional<checkpoint::WeightsRequest> weights_request(const WeightsKeys& keys);

/// Leaves requires_grad only to the parameters that are to be trained: those that optimizer.trainable names; else those that the
/// original project trains after loading; else, with weights.trainable_rest, those that the file did not supply; and never those of
/// optimizer.frozen. `loaded` is null without a file. Throws dv::Error when a pattern of `trainable` fits nothing, or nothing is left.
void choose_trained(dv::Model& model, const OptimizerKeys& keys, const checkpoint::WeightsReport* loaded,
                    bool trainable_rest, const Say& warn, const Say& info);

/// How much larger the learning rate is for `samples_per_step` samples per optimizer step, over all ranks: E / reference up to
/// `linear_up_to`, above it √(E / reference). Sources: DynVision 0.1.0; Krizhevsky 2014, arXiv:1404.5997.
double lr_scale(const LrScaling& scaling, std::int64_t samples_per_step);

}  // namespace dvhost::compose
