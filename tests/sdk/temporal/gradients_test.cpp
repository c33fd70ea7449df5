// Every hand-written backward against finite differences, in double.

#include "../../../sdk/src/temporal/fast/recurrent_scan.hpp"

#include "fixtures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>

#include <gtest/gtest.h>

#include <functional>

namespace {

using namespace dv::temporal;
using namespace dv::temporal::fast;
using fixtures::noise;

/// The largest difference between the gradients of `f` and central differences, relative to the largest gradient of each input.
double worst(const std::vector<at::Tensor>& inputs, const std::function<at::Tensor()>& f) {
    constexpr double kStep = 1e-6;
    for (const at::Tensor& x : inputs) x.mutable_grad().reset();
    f().backward();
    const at::NoGradGuard no_gradient;
    double out = 0.0;
    for (const at::Tensor& x : inputs) {
        if (!x.grad().defined()) return 1.0;
        const at::Tensor gradient = x.grad().contiguous();
        const double scale = std::max(1e-3, gradient.abs().max().item<double>());
        const at::Tensor flat = x.view({-1});
        const std::int64_t stride = std::max<std::int64_t>(1, flat.numel() / 40);
        for (std::int64_t i = 0; i < flat.numel(); i += stride) {
            const double at = flat[i].item<double>();
            flat[i].fill_(at + kStep);
            const double above = f().item<double>();
            flat[i].fill_(at - kStep);
            const double below = f().item<double>();
            flat[i].fill_(at);
            const double expected = (above - below) / (2 * kStep);
            out = std::max(out, std::abs(gradient.view({-1})[i].item<double>() - expected) / scale);
        }
    }
    return out;
}

class HandWrittenBackward : public testing::Test {
protected:
    dv::Random random{11, 0, 0, dv::Purpose::synthesize};
    at::Tensor parameter(at::IntArrayRef sizes, double scale = 1.0) {
        return noise(sizes, random, scale).requires_grad_(true);
    }
    at::Tensor constant(double value) { return at::full({}, value, at::kDouble).requires_grad_(true); }

    /// Two samples of 3 × 4 × 5 over 7 steps: a film, and two rows of which one comes late.
    RecurrentScan scan() {
        RecurrentScan s;
        s.batch = 2;
        s.n_steps = 7;
        s.grid = {3, 4, 5};
        s.layout = c10::MemoryFormat::ChannelsLast;
        s.options = at::TensorOptions(at::kDouble);
        s.drives = {{film, {0, 1, 2, 3, 4, 5, 6}, 0}, {still, {-1, -1, 0, 0, 1, 1, 0}, 0}};
        s.recurrence = Convolution{weight, bias, 1, 1, 1};
        s.lag = 3;
        s.history = history;
        s.rule.c0 = c0.item<double>();
        s.rule.c1 = c1.item<double>();
        s.c0 = c0;
        s.c1 = c1;
        return s;
    }
    at::Tensor film = parameter({14, 3, 4, 5}), still = parameter({4, 3, 4, 5});
    at::Tensor weight = parameter({3, 3, 3, 3}, 0.2), bias = parameter({3}, 0.3), history = parameter({4, 3, 4, 5});
    at::Tensor c0 = constant(0.7), c1 = constant(0.4);
    std::vector<at::Tensor> inputs{film, still, weight, bias, history, c0, c1};
    at::Tensor direction = noise({14, 3, 4, 5}, random);
};

TEST_F(HandWrittenBackward, OfALinearScan) {
    EXPECT_LT(worst(inputs, [&] { return recurrent_scan(scan()).activity.mul(direction).sum(); }), 1e-7);
}

TEST_F(HandWrittenBackward, OfARectifiedScan) {
    EXPECT_LT(worst(inputs,
                    [&] {
                        RecurrentScan s = scan();
                        s.rule.rectify = true;
                        return recurrent_scan(std::move(s)).activity.mul(direction).sum();
                    }),
              1e-6);
}

TEST_F(HandWrittenBackward, OfAScanWithARectifiedDrive) {
    EXPECT_LT(worst(inputs,
                    [&] {
                        RecurrentScan s = scan();
                        s.rule.rectify_drive = true;
                        return recurrent_scan(std::move(s)).activity.mul(direction).sum();
                    }),
              1e-6);
}

TEST_F(HandWrittenBackward, OfAScanWithAPowerWhoseConstantsAreTrained) {
    const at::Tensor gain = constant(0.8), exponent = constant(1.5);
    inputs.push_back(gain);
    inputs.push_back(exponent);
    EXPECT_LT(worst(inputs,
                    [&] {
                        RecurrentScan s = scan();
                        s.rule.power = Power{gain.item<double>(), exponent.item<double>()};
                        s.gain = gain;
                        s.exponent = exponent;
                        return recurrent_scan(std::move(s)).activity.mul(direction).sum();
                    }),
              1e-5);
}

TEST_F(HandWrittenBackward, OfAStillImageAreSummedBlockByBlock) {
    EXPECT_LT(worst({still, weight, bias, history},
                    [&] {
                        RecurrentScan s = scan();
                        s.drives.erase(s.drives.begin());
                        s.rule.rectify = true;
                        return recurrent_scan(std::move(s)).activity.mul(direction).sum();
                    }),
              1e-6);
}

TEST_F(HandWrittenBackward, ThroughReaders) {
    EXPECT_LT(worst(inputs,
                    [&] {
                        RecurrentScan s = scan();
                        s.readers = {Reader::max_pool(Pool{Pool::Kind::max, 3, 2, 1}, s.grid),
                                     Reader::resize(s.grid, {3, 2, 3}), Reader::resize(s.grid, {3, 6, 5})};
                        const ScanResult result = recurrent_scan(std::move(s));
                        at::Tensor loss = result.activity.mul(direction).sum();
                        for (const at::Tensor& reading : result.readings) loss = loss.add(reading.sin().sum());
                        return loss;
                    }),
              1e-6);
}

TEST_F(HandWrittenBackward, ThroughReadersAlone) {
    EXPECT_LT(worst({film, weight},
                    [&] {
                        RecurrentScan s = scan();
                        s.readers = {Reader::max_pool(Pool{Pool::Kind::max, 2, 2, 0}, s.grid)};
                        return recurrent_scan(std::move(s)).readings.front().sin().sum();
                    }),
              1e-6);
}

TEST_F(HandWrittenBackward, OfAConvolution) {
    const at::Tensor x = parameter({2, 9, 5, 4}).detach().contiguous(at::MemoryFormat::ChannelsLast).contiguous();
    const at::Tensor image = x.requires_grad_(true), kernel = parameter({5, 9, 3, 3}, 0.3), shift = parameter({5});
    for (const std::int64_t stride : {1, 2}) {
        const Convolution convolution{kernel, shift, stride, 1, 1};
        if (!Convolver::suits(convolution, at::kDouble)) GTEST_SKIP() << "this processor has no AVX-512";
        EXPECT_LT(worst({image, kernel, shift},
                        [&] {
                            return convolved(image, convolution,
                                             std::make_shared<Convolver>(convolution, Grid{9, 5, 4}))
                                .sin()
                                .sum();
                        }),
                  1e-7)
            << "stride " << stride;
    }
}

TEST_F(HandWrittenBackward, BFloat16IsTheFloatResultRounded) {
    const auto in = [&](at::ScalarType type) {
        RecurrentScan s = scan();
        s.options = at::TensorOptions(type);
        for (Drive& drive : s.drives) drive.values = drive.values.detach().to(at::kBFloat16).to(type);
        s.recurrence->weight = weight.detach().to(at::kBFloat16).to(type);
        s.recurrence->bias = bias.detach().to(at::kBFloat16).to(type);
        s.history = history.detach().to(at::kBFloat16).to(type);
        s.rule.rectify = true;
        s.c0.reset();
        s.c1.reset();
        return recurrent_scan(std::move(s)).activity.to(at::kDouble);
    };
    const at::Tensor expected = in(at::kFloat);
    EXPECT_LT(fixtures::difference(in(at::kBFloat16), expected), 0.03);
}

}  // namespace
