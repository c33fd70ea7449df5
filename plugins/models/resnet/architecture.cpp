#include "architecture.hpp"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>

#include <cmath>

namespace resnet {

namespace {

struct Conv {
    at::Tensor weight;
    std::int64_t stride = 1;

    at::Tensor operator()(const at::Tensor& x) const {
        return at::conv2d(x, weight, {}, stride, /*padding=*/weight.size(2) / 2);
    }
    std::int64_t side_after(std::int64_t side) const {
        return (side + 2 * (weight.size(2) / 2) - weight.size(2)) / stride + 1;
    }
};

/// Source: Ioffe & Szegedy (2015), arXiv:1502.03167; momentum and epsilon are PyTorch's defaults.
struct BatchNorm {
    at::Tensor weight, bias, mean, variance, n_batches;

    at::Tensor operator()(const at::Tensor& x, bool training) const {
        if (training) n_batches.data().add_(1);
        return at::batch_norm(x, weight, bias, mean, variance, training, /*momentum=*/0.1, /*eps=*/1e-5,
                              /*cudnn=*/true);
    }
};

class Maker {
public:
    Maker(const Plan& plan, dv::Parameters& weights) : plan_(plan), weights_(weights) {}

    Conv conv(const std::string& name, std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
        // He et al. (2015): fan out as torchvision, fan in as the networks for CIFAR.
        const std::int64_t fan = (plan_.imagenet ? out : in) * kernel * kernel;
        return {weights_.add(name + ".weight", {out, in, kernel, kernel}, dv::init::KaimingNormal{fan}), stride};
    }
    BatchNorm norm(const std::string& name, std::int64_t channels) {
        BatchNorm n;
        n.weight = weights_.add(name + ".weight", {channels}, dv::init::Constant{1.0});
        n.bias = weights_.add(name + ".bias", {channels}, dv::init::Constant{0.0});
        n.mean = at::full({channels}, 0.0, at::kFloat);
        n.variance = at::full({channels}, 1.0, at::kFloat);
        n.n_batches = at::full({}, 0, at::kLong);
        weights_.adopt({name + ".running_mean", n.mean, false});
        weights_.adopt({name + ".running_var", n.variance, false});
        weights_.adopt({name + ".num_batches_tracked", n.n_batches, false});
        return n;
    }

private:
    const Plan& plan_;
    dv::Parameters& weights_;
};

}  // namespace

/// Convolutions with norms, a ReLU between them and, beside a path that leads around them, after the last sum.
struct Net::Block {
    std::vector<std::pair<Conv, BatchNorm>> path, around;

    at::Tensor operator()(const at::Tensor& x, bool training) const {
        at::Tensor y = x;
        for (std::size_t i = 0; i < path.size(); ++i) {
            y = path[i].second(path[i].first(y), training);
            if (i + 1 < path.size()) y = y.relu();
        }
        at::Tensor beside = x;
        for (const auto& [conv, norm] : around) beside = norm(conv(beside), training);
        return y.add(beside).relu();
    }
    std::int64_t side_after(std::int64_t side) const {
        for (const auto& step : path) side = step.first.side_after(side);
        return side;
    }
    std::int64_t channels() const { return path.back().first.weight.size(0); }
};

Net::~Net() = default;

Net::Net(const Plan& plan, std::int64_t in_channels, std::int64_t n_classes, dv::Parameters& weights)
    : stem_(std::make_unique<Block>()), imagenet_(plan.imagenet) {
    Maker make(plan, weights);
    std::int64_t in = plan.imagenet ? 64 : 16;
    Conv first = make.conv("conv1", in_channels, in, plan.imagenet ? 7 : 3, plan.imagenet ? 2 : 1);
    stem_->path.emplace_back(std::move(first), make.norm("bn1", in));
    const std::string around = plan.imagenet ? "downsample" : "skip";
    for (std::size_t s = 0; s < plan.blocks.size() && plan.blocks[s] > 0; ++s) {
        const std::int64_t width = (plan.imagenet ? 64 : 16) << s, out = plan.bottleneck ? 4 * width : width;
        stages_.emplace_back();
        for (std::int64_t b = 0; b < plan.blocks[s]; ++b) {
            const std::int64_t stride = s > 0 && b == 0 ? 2 : 1;
            const std::string name = "layer" + std::to_string(s + 1) + "." + std::to_string(b) + ".";
            Block block;
            const auto add = [&](int i, std::int64_t from, std::int64_t to, std::int64_t kernel, std::int64_t by) {
                Conv conv = make.conv(name + "conv" + std::to_string(i), from, to, kernel, by);
                block.path.emplace_back(std::move(conv), make.norm(name + "bn" + std::to_string(i), to));
            };
            if (plan.bottleneck) {
                add(1, in, width, 1, 1);
                add(2, width, width, 3, stride);
                add(3, width, out, 1, 1);
            } else {
                add(1, in, width, 3, stride);
                add(2, width, width, 3, 1);
            }
            if (stride != 1 || in != out) {
                Conv conv = make.conv(name + around + ".0", in, out, 1, stride);
                block.around.emplace_back(std::move(conv), make.norm(name + around + ".1", out));
            }
            stages_.back().push_back(std::move(block));
            in = out;
        }
    }
    const std::string head = plan.imagenet ? "fc" : "classifier";
    const double bound = 1.0 / std::sqrt(static_cast<double>(in));
    if (plan.imagenet) {
        weight_ = weights.add(head + ".weight", {n_classes, in}, dv::init::KaimingUniform{in});
    } else {
        weight_ = weights.add(head + ".weight", {n_classes, in}, dv::init::KaimingNormal{in});
    }
    bias_ = weights.add(head + ".bias", {n_classes}, dv::init::Uniform{bound});
}

Evaluation Net::operator()(const at::Tensor& frames, bool training) const {
    const auto& [conv, norm] = stem_->path.front();
    at::Tensor x = norm(conv(frames), training).relu();
    if (imagenet_) x = at::max_pool2d(x, 3, 2, 1);
    Evaluation out;
    for (const auto& stage : stages_) {
        for (const Block& block : stage) x = block(x, training);
        out.stages.push_back(x);
    }
    out.outputs = at::linear(x.mean({2, 3}), weight_, bias_);
    return out;
}

std::vector<std::array<std::int64_t, 3>> Net::grids(std::int64_t height, std::int64_t width) const {
    const auto stem = [&](std::int64_t side) {
        side = stem_->side_after(side);
        return imagenet_ ? (side - 1) / 2 + 1 : side;
    };
    std::array<std::int64_t, 3> grid{0, stem(height), stem(width)};
    std::vector<std::array<std::int64_t, 3>> out;
    for (const auto& stage : stages_) {
        for (const Block& block : stage)
            grid = {block.channels(), block.side_after(grid[1]), block.side_after(grid[2])};
        out.push_back(grid);
    }
    return out;
}

std::int64_t Net::n_features() const { return weight_.size(1); }

}  // namespace resnet
