#pragma once
/// Residual networks, as tables of stages and as functions of one frame.

#include <dv/torch/parameters.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace resnet {

/// How a variant is put together.
struct Plan {
    std::string_view name;
    bool imagenet = true;     ///< 7 x 7 stem with a pool and four stages; otherwise a 3 x 3 stem and three
    bool bottleneck = false;  ///< blocks of 1 x 1, 3 x 3, 1 x 1 with four times the channels; otherwise of two 3 x 3
    std::array<std::int64_t, 4> blocks{};
};

inline constexpr Plan kResnet18{"resnet18", true, false, {2, 2, 2, 2}};
inline constexpr Plan kResnet34{"resnet34", true, false, {3, 4, 6, 3}};
inline constexpr Plan kResnet50{"resnet50", true, true, {3, 4, 6, 3}};
inline constexpr Plan kResnet101{"resnet101", true, true, {3, 4, 23, 3}};
inline constexpr Plan kResnet152{"resnet152", true, true, {3, 8, 36, 3}};
inline constexpr Plan kResnet20{"resnet20", false, false, {3, 3, 3, 0}};
inline constexpr Plan kResnet32{"resnet32", false, false, {5, 5, 5, 0}};
inline constexpr Plan kResnet44{"resnet44", false, false, {7, 7, 7, 0}};
inline constexpr Plan kResnet56{"resnet56", false, false, {9, 9, 9, 0}};
inline constexpr Plan kResnet110{"resnet110", false, false, {18, 18, 18, 0}};
inline constexpr Plan kResnet1202{"resnet1202", false, false, {200, 200, 200, 0}};

/// What one pass gives.
struct Evaluation {
    std::vector<at::Tensor> stages;  ///< [batch, channel, y, x] each
    at::Tensor outputs;              ///< [batch, class]
};

/// A network with its parameters, under torchvision's names ("layer1.0.conv1.weight").
class Net {
public:
    Net(const Plan& plan, std::int64_t in_channels, std::int64_t n_classes, dv::Parameters& weights);
    ~Net();

    /// frames [batch, channel, y, x]. `training`: normalises with the batch's own statistics, and follows them.
    Evaluation operator()(const at::Tensor& frames, bool training) const;

    /// Channels, height and width of each stage's response to frames of height x width.
    std::vector<std::array<std::int64_t, 3>> grids(std::int64_t height, std::int64_t width) const;
    std::int64_t n_features() const;

private:
    struct Block;
    std::unique_ptr<Block> stem_;
    std::vector<std::vector<Block>> stages_;
    at::Tensor weight_, bias_;  // of the classifier
    bool imagenet_;
};

}  // namespace resnet
