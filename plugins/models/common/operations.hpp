#pragma once
/// From the names in `operations` to what a layer does.

#include "settings.hpp"

#include <dv/torch/parameters.hpp>

#include <string_view>

namespace rcnn {

/// What only the network knows of a layer.
struct Surroundings {
    bool has_skip = false, has_feedback = false, is_last = false;
    dv::temporal::Grid path;  ///< of what the input path gives
};

/// Throws ParameterError when a name is unknown, or 'layer' is not among them.
void check_operations(const Settings& settings);

bool has_operation(const Settings& settings, std::string_view name);
/// The operation that applies connections of a kind.
constexpr const char* operation_of(dv::temporal::Connection::Kind kind) {
    return kind == dv::temporal::Connection::Kind::skip ? "addskip" : "addfeedback";
}
/// Whether feedforward_only leaves it out.
bool is_left_out(const Settings& settings, std::string_view name);

/// Fills the operations of `layer` in their order, its adaptation, its stored and its output grid, and declares the
/// parameters that they need. Names that nothing is there for are left out. Throws Error when something does not fit on
/// the layer's grid.
void add_operations(dv::temporal::Layer& layer, const LayerSettings& from, const Settings& settings,
                    const Surroundings& around, const dv::temporal::Grid& in, dv::Parameters& weights);

/// A norm's map on a grid, with its parameters under `name`; nothing for the norm 'none'.
std::optional<dv::temporal::Map> norm_map(const NormSettings& norm, const std::string& name,
                                          const dv::temporal::Grid& grid, dv::Parameters& weights);

/// The two convolutions of a retina, with a ReLU between, for frames of `channels`.
std::vector<dv::temporal::Map> retina_maps(std::int64_t channels, dv::Parameters& weights);

/// Repeats one channel, fills up with zeros or cuts, to `channels`.
dv::temporal::Map channel_map(std::int64_t channels);

}  // namespace rcnn
