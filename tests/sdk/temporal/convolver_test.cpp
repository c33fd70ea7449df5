// The fast plan's convolutions against ATen's: results, and gradients by input, weight and bias.

#include "../../../sdk/src/temporal/fast/convolver.hpp"

#include <dv/random.hpp>

#include "fixtures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>

#include <gtest/gtest.h>

namespace {

using namespace dv::temporal;
using dv::temporal::fast::Convolver;
using fixtures::noise;

struct Geometry {
    std::int64_t images, in, out, height, width, kernel, stride, padding;
};

std::string text(const Geometry& g) {
    return std::to_string(g.images) + " images, " + std::to_string(g.in) + " -> " + std::to_string(g.out) +
           " channels, " + std::to_string(g.height) + " x " + std::to_string(g.width) + ", kernel " +
           std::to_string(g.kernel) + ", stride " + std::to_string(g.stride) + ", padding " + std::to_string(g.padding);
}

class Case {
public:
    Case(const Geometry& g, at::ScalarType type, std::uint64_t seed) : random_(seed, 0, 0, dv::Purpose::synthesize) {
        grid_ = {g.in, g.height, g.width};
        x_ = made({g.images, g.in, g.height, g.width}, 1.0, type).detach().contiguous(at::MemoryFormat::ChannelsLast);
        x_.requires_grad_(true);
        convolution_.weight = made({g.out, g.in, g.kernel, g.kernel}, 1.0 / static_cast<double>(g.kernel), type);
        convolution_.bias = made({g.out}, 0.5, type);
        convolution_.stride = g.stride;
        convolution_.padding = g.padding;
    }
    bool suits() const { return Convolver::suits(convolution_, x_.scalar_type()); }

    /// The largest difference of result and gradients, each relative to the largest expected value.
    double error() {
        const at::Tensor expected =
            at::conv2d(x_.to(at::kDouble), convolution_.weight.to(at::kDouble), convolution_.bias.to(at::kDouble),
                       convolution_.stride, convolution_.padding);
        const at::Tensor direction = noise(expected.sizes(), random_);
        const auto wanted = gradients(expected.mul(direction).sum());
        const at::Tensor found = fast::convolved(x_, convolution_, std::make_shared<Convolver>(convolution_, grid_));
        const auto given = gradients(found.mul(direction.to(found.scalar_type())).sum());
        double worst = relative(found, expected);
        for (std::size_t i = 0; i < wanted.size(); ++i) worst = std::max(worst, relative(given[i], wanted[i]));
        return worst;
    }

private:
    at::Tensor made(at::IntArrayRef sizes, double scale, at::ScalarType type) {
        return noise(sizes, random_, scale).to(type).requires_grad_(true);
    }
    std::vector<at::Tensor> gradients(const at::Tensor& loss) {
        const std::vector<at::Tensor> of{x_, convolution_.weight, convolution_.bias};
        for (const at::Tensor& tensor : of) tensor.mutable_grad().reset();
        loss.backward();
        std::vector<at::Tensor> out;
        for (const at::Tensor& tensor : of) out.push_back(tensor.grad().to(at::kDouble).clone());
        return out;
    }
    static double relative(const at::Tensor& a, const at::Tensor& b) {
        return (a.to(at::kDouble).sub(b).abs().max().item<double>()) / std::max(1e-30, b.abs().max().item<double>());
    }

    dv::Random random_;
    Grid grid_;
    at::Tensor x_;
    Convolution convolution_;
};

TEST(Convolver, IsExactInDoubleForAnyGeometry) {
    dv::Random random(7, 0, 0, dv::Purpose::synthesize);
    const auto between = [&](std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(high - low + 1)));
    };
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Geometry g{between(1, 9), between(8, 40),        between(1, 60), between(1, 9),
                   between(1, 9), 2 * between(0, 2) + 1, between(1, 3),  0};
        g.padding = between(0, g.kernel / 2);
        if (g.height + 2 * g.padding < g.kernel || g.width + 2 * g.padding < g.kernel) continue;
        Case c(g, at::kDouble, seed);
        if (!c.suits()) GTEST_SKIP() << "this processor has no AVX-512";
        EXPECT_LT(c.error(), 1e-13) << text(g);
    }
}

TEST(Convolver, WinogradKeepsFiveDigitsInFloat) {
    for (const Geometry& g : {Geometry{24, 36, 36, 8, 8, 3, 1, 1}, Geometry{30, 64, 48, 4, 4, 3, 1, 1},
                              Geometry{5, 17, 40, 13, 10, 3, 1, 1}, Geometry{9, 32, 64, 6, 6, 5, 1, 2},
                              Geometry{7, 40, 16, 7, 9, 5, 1, 2}}) {
        Case c(g, at::kFloat, 3);
        if (!c.suits()) GTEST_SKIP() << "this processor has no AVX-512";
        EXPECT_LT(c.error(), 1e-5) << text(g);
    }
}

TEST(Convolver, LeavesFewChannelsAndGroupsToATen) {
    Convolution few{noise({4, 3, 3, 3}, *std::make_unique<dv::Random>(1, 0, 0, dv::Purpose::synthesize)), {}, 1, 1, 1};
    EXPECT_FALSE(Convolver::suits(few, at::kDouble));
    Convolution grouped{
        noise({8, 8, 3, 3}, *std::make_unique<dv::Random>(1, 0, 0, dv::Purpose::synthesize)), {}, 1, 1, 2};
    EXPECT_FALSE(Convolver::suits(grouped, at::kDouble));
}

}  // namespace
