#pragma once
/// What the operations of a layer make of signals, the same for every way of walking through time. An undefined tensor is an
/// absent signal.

#include "paths.hpp"

#include <dv/temporal/circuit.hpp>

#include <optional>
#include <utility>

namespace dv::temporal {

/// Both there: x + y, or x (1 + tanh y); one of them absent: the other.
at::Tensor joined(const at::Tensor& x, const at::Tensor& y, Integration how);

/// `map` of a signal; an absent one stays absent.
inline at::Tensor through(const Map& map, const at::Tensor& x) { return x.defined() ? applied(map, x) : x; }

/// Operation `i` of `layer`, a map, on the grid `here`: of an absent signal a bias is left, or an Error where it needs one.
at::Tensor mapped(const Layer& layer, std::size_t i, const Grid& here, const at::Tensor& x);

/// What a bias is where its signal is absent. Throws Error when it needs one.
at::Tensor alone(const Layer& layer, const Operation& operation, const Grid& here);

/// Whether `operation` has to leave an absent signal as it is.
inline bool is_skipped(const Operation& operation, const at::Tensor& x) {
    return operation.skipped_on_absent_input && !x.defined();
}

/// x against the fatigue `s`.
at::Tensor adapted(const Adaptation& by, const at::Tensor& s, const at::Tensor& x);
/// The fatigue after the layer has stored `stored`.
at::Tensor fatigued(const Adaptation& by, const at::Tensor& s, const at::Tensor& stored);

/// What a recurrence makes of the layer's earlier activity, on the grid where it joins. `linear`: what its map says of itself.
at::Tensor recurrent_drive(const RecurrentPath& path, const std::optional<LinearMap>& linear, const Grid& joins,
                           const at::Tensor& rate);

/// What arrives of a source's activity.
at::Tensor arriving(const Connection& c, const at::Tensor& source);

/// The frame adapted to those before it; `adapted` is that of the step before, and then of this one.
at::Tensor adapted_input(const InputAdaptation& by, const at::Tensor& frame, at::Tensor& adapted);

/// A layer's input path, joined by `drive` where the recurrence says.
at::Tensor input_path(const Layer& layer, at::Tensor x, const at::Tensor& drive);

}  // namespace dv::temporal
