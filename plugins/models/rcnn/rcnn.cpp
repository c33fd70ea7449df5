#include "network.hpp"

namespace rcnn {
namespace {

/// Layers of (convolution + recurrence → sum → solver → ReLU), with delays in milliseconds, skips, feedback and a
/// linear readout.
struct Rcnn final : NetworkModel {
    static constexpr auto params = Settings::params;
};

}  // namespace
}  // namespace rcnn

DV_COMPONENT(rcnn::Rcnn, "dynvision.model.rcnn", "Recurrent convolutional network with delays, skips and feedback");
