#pragma once
/// What a manifest says of the parts that layers are made of: convolutions, pools, norms, biases, gains, adaptation.

#include <dv/component.hpp>
#include <dv/temporal/circuit.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rcnn {

struct ConvSettings {
    std::int64_t channels = 0, kernel = 3, stride = 1;
    std::optional<std::int64_t> padding;
    bool bias = true;

    static constexpr auto params =
        dv::schema(dv::p("channels", &ConvSettings::channels, 1, "output channels", dv::at_least{1}, dv::required),
                   dv::p("kernel", &ConvSettings::kernel, 3, "side of the kernel", dv::at_least{1}),
                   dv::p("stride", &ConvSettings::stride, 1, "stride", dv::at_least{1}),
                   dv::p("padding", &ConvSettings::padding, dv::unset, "zeros around the input; unset: kernel / 2",
                         dv::at_least{0}),
                   dv::p("bias", &ConvSettings::bias, true, "add a trained constant per channel"));
};

struct PoolSettings {
    dv::temporal::Pool::Kind type = dv::temporal::Pool::Kind::max;
    std::int64_t kernel = 2;
    std::optional<std::int64_t> stride;
    std::int64_t padding = 0;

    static constexpr auto params =
        dv::schema(dv::p("type", &PoolSettings::type, dv::temporal::Pool::Kind::max,
                         "largest or mean value of the window", dv::choices("max", "average")),
                   dv::p("kernel", &PoolSettings::kernel, 2, "side of the window", dv::at_least{1}),
                   dv::p("stride", &PoolSettings::stride, dv::unset, "stride; unset: the kernel", dv::at_least{1}),
                   dv::p("padding", &PoolSettings::padding, 0, "positions around the input", dv::at_least{0}));
};

enum class Nonlinearity { relu, identity };
inline constexpr dv::choices kNonlinearities("relu", "identity");

struct NormSettings {
    enum class Type { group, divisive, average_to, none };
    Type type = Type::group;
    std::int64_t groups = 32, size = 1, window = 1;
    double epsilon = 1e-5, exponent = 2.0, sigma = 1.0, maximum = 1.0;

    static constexpr auto params = dv::schema(
        dv::p("type", &NormSettings::type, Type::group,
              "group: zero mean and unit variance within groups of channels, then a trained scale and shift; divisive: "
              "maximum x^n / (sigma^n + mean of x^n over all channels and the window); average_to: mean values on a "
              "grid of size x "
              "size",
              dv::choices("group", "divisive", "average_to", "none")),
        dv::p("groups", &NormSettings::groups, 32, "group: number of groups", dv::at_least{1}),
        dv::p("epsilon", &NormSettings::epsilon, 1e-5, "group: added to the variance", dv::above{0}),
        dv::p("exponent", &NormSettings::exponent, 2.0, "divisive: n", dv::at_least{1}),
        dv::p("sigma", &NormSettings::sigma, 1.0, "divisive: drive at half of the maximum", dv::above{0}),
        dv::p("maximum", &NormSettings::maximum, 1.0, "divisive: what large drives tend to", dv::above{0}),
        dv::p("window", &NormSettings::window, 1, "divisive: side of the window around a unit, odd", dv::at_least{1}),
        dv::p("size", &NormSettings::size, 1, "average_to: side of the grid", dv::at_least{1}));
};

struct BiasSettings {
    enum class Type { spatial, feature, scalar, none };
    Type type = Type::spatial;
    bool trainable = true, allow_null_input = true;

    static constexpr auto params = dv::schema(
        dv::p("type", &BiasSettings::type, Type::spatial, "one constant per unit, per channel, for the layer, or none",
              dv::choices("spatial", "feature", "scalar", "none")),
        dv::p("trainable", &BiasSettings::trainable, true, "train it; false: it stays as loaded, 0 at first"),
        dv::p("allow_null_input", &BiasSettings::allow_null_input, true,
              "where no signal has arrived the bias stands alone; false: that is an error"));
};

struct GainSettings {
    double beta = 1.0;
    std::vector<double> tuning;
    bool trainable = false;

    static constexpr auto params = dv::schema(
        dv::p("beta", &GainSettings::beta, 1.0, "strength: x is multiplied by 1 + beta · tuning of its channel"),
        dv::p("tuning", &GainSettings::tuning, dv::empty, "one value per channel; empty: 0 at first"),
        dv::p("trainable", &GainSettings::trainable, false, "train the tuning"));
};

struct AdaptationSettings {
    double alpha = 0.96, beta = 0.7;
    bool divisive = false, per_channel = false, trainable = false;

    static constexpr auto params = dv::schema(
        dv::p("alpha", &AdaptationSettings::alpha, 0.96, "share of the fatigue s that is left after a step",
              dv::range{0, 1}),
        dv::p("beta", &AdaptationSettings::beta, 0.7, "strength of the fatigue"),
        dv::p("divisive", &AdaptationSettings::divisive, false, "x / (1 + beta s) instead of x - beta s"),
        dv::p("per_channel", &AdaptationSettings::per_channel, false, "an alpha and a beta for each channel"),
        dv::p("trainable", &AdaptationSettings::trainable, false, "train alpha and beta"));
};

}  // namespace rcnn
