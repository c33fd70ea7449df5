#include "patterns.hpp"

#include <dv/torch/datamodule.hpp>

#include <cmath>
#include <string>

namespace {

using dv::synthetic::Patterns;

/// How a sample is made of its class's pattern.
struct Recipe {
    std::int64_t n_frames = 1;
    float noise = 0.0f;       ///< standard deviation
    float difficulty = 0.0f;  ///< share of another class's pattern
    bool fresh_noise = false;
    std::uint64_t key = 0;
};

/// One split: samples `first` to `first + size` of an endless numbered stream.
class Samples final : public dv::Source {
public:
    Samples(const Patterns& patterns, const Recipe& recipe, std::int64_t first, std::int64_t size, bool is_training)
        : patterns_(patterns), recipe_(recipe), first_(first), size_(size), is_training_(is_training) {}
    std::int64_t size() const override { return size_; }

    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        if (index < 0 || index >= size_) {
            throw dv::Error("there is no sample " + std::to_string(index) + ": this split has " +
                            std::to_string(size_) + ", counted from 0");
        }
        const auto sample = static_cast<std::uint64_t>(first_ + index);
        const std::int64_t label = index % patterns_.n_classes();
        const std::int64_t other = other_class(label, dv::Random(recipe_.key, sample, 0, dv::Purpose::synthesize));
        const std::size_t n = patterns_.of(label).size();
        for (std::int64_t frame = 0; frame < recipe_.n_frames; ++frame) {
            dv::Random keyed(recipe_.key, sample, static_cast<std::uint32_t>(1 + frame), dv::Purpose::synthesize);
            dv::Random& noise = recipe_.fresh_noise && is_training_ ? random : keyed;
            draw(patterns_.of(label), patterns_.of(other), frame, noise,
                 slot.frames.subspan(static_cast<std::size_t>(frame) * n, n));
        }
        *slot.label = label;
    }

private:
    std::int64_t other_class(std::int64_t label, dv::Random random) const {
        const auto n = static_cast<std::uint32_t>(patterns_.n_classes());
        return n == 1 ? label : (label + 1 + random.below(n - 1)) % n;
    }
    /// One frame, shifted to the right by as many pixels as it is frames from the first, around the edge.
    void draw(std::span<const float> pattern, std::span<const float> other, std::int64_t frame, dv::Random& noise,
              std::span<float> out) const {
        const float half_width = recipe_.noise * std::sqrt(3.0f);  // of a uniform distribution with this deviation
        const auto width = static_cast<std::size_t>(patterns_.size().width);
        const std::size_t shift = static_cast<std::size_t>(frame) % width;
        for (std::size_t row = 0; row < pattern.size(); row += width) {
            for (std::size_t x = 0; x < width; ++x) {
                const std::size_t i = row + (x >= shift ? x - shift : x + width - shift);
                const float clean = pattern[i] * (1.0f - recipe_.difficulty) + other[i] * recipe_.difficulty;
                out[row + x] = clean + half_width * (2.0f * noise.uniform() - 1.0f);
            }
        }
    }

    const Patterns& patterns_;
    Recipe recipe_;
    std::int64_t first_, size_;
    bool is_training_;
};

/// Made-up images: each class is a smooth random pattern, each sample its class's pattern with some of another class's and
/// noise on top. Needs no files and is learned by a small network within seconds.
struct Synthetic final : dv::DataModule {
    std::int64_t n_train = 0, n_val = 0, n_test = 0, n_classes = 1;
    std::int64_t channels = 1, height = 1, width = 1, n_frames = 1;
    double noise = 0.0, difficulty = 0.0;
    bool fresh_noise = false;
    std::int64_t seed = 0;
    static constexpr auto params = dv::schema(
        dv::p("n_train", &Synthetic::n_train, 1024, "training samples", dv::at_least{1.0}),
        dv::p("n_val", &Synthetic::n_val, 256, "validation samples; 0: no such split", dv::at_least{0.0}),
        dv::p("n_test", &Synthetic::n_test, 256, "test samples; 0: no such split", dv::at_least{0.0}),
        dv::p("n_classes", &Synthetic::n_classes, 10, "classes, equally frequent in each split", dv::at_least{1.0}),
        dv::p("channels", &Synthetic::channels, 1, "channels", dv::at_least{1.0}),
        dv::p("height", &Synthetic::height, 28, "rows", dv::at_least{1.0}, dv::unit{"pixels"}),
        dv::p("width", &Synthetic::width, 28, "columns", dv::at_least{1.0}, dv::unit{"pixels"}),
        dv::p("n_frames", &Synthetic::n_frames, 1,
              "frames; from frame to frame the pattern moves one pixel to the right", dv::at_least{1.0}),
        dv::p("noise", &Synthetic::noise, 0.5, "standard deviation of the noise on each value; the patterns' is 1",
              dv::at_least{0.0}),
        dv::p("difficulty", &Synthetic::difficulty, 0.0,
              "share of another class's pattern in each sample; 0.5 hides the class", dv::range{0.0, 0.5}),
        dv::p(
            "fresh_noise", &Synthetic::fresh_noise, false,
            "new noise on the training samples in every epoch, from the run's seed; otherwise a sample never changes"),
        dv::p("seed", &Synthetic::seed, 0,
              "which data: patterns, noise; apart from the run's seed, so that runs share it"));

    void prepare() override {
        recipe_ = {n_frames, static_cast<float>(noise), static_cast<float>(difficulty), fresh_noise,
                   dv::derive_key(static_cast<std::uint64_t>(seed), "synthetic.samples")};
        patterns_ = Patterns(n_classes, {channels, height, width},
                             dv::derive_key(static_cast<std::uint64_t>(seed), "synthetic.patterns"));
    }
    dv::DataFacts facts() const override { return {n_frames, channels, height, width, n_classes}; }
    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        switch (split) {
            case dv::Split::train: return samples(0, n_train, true);
            case dv::Split::val: return samples(n_train, n_val, false);
            case dv::Split::test:
            case dv::Split::predict: return samples(n_train + n_val, n_test, false);
        }
        return nullptr;
    }

private:
    std::unique_ptr<dv::Source> samples(std::int64_t first, std::int64_t size, bool is_training) const {
        return size == 0 ? nullptr : std::make_unique<Samples>(patterns_, recipe_, first, size, is_training);
    }
    Patterns patterns_;
    Recipe recipe_;
};

}  // namespace

DV_COMPONENT(Synthetic, "dvhost.datamodule.synthetic", "Made-up images: a smooth random pattern per class, and noise");
