// A datamodule says what its samples look like and reads one at a time. Threads, order, batches, memory and resuming
// belong to the host's loader.
#include <dv/torch/datamodule.hpp>

#include <algorithm>
#include <cmath>

namespace {

/// What every sample has in common.
struct @CLASS_NAME@Scene {
    std::int64_t size = 0, n_classes = 0;
    double noise = 0;
    std::uint64_t seed = 0;
};

/// One split: `count` samples that start at `first` in one long row, so that no two splits share any.
class @CLASS_NAME@Source final : public dv::Source {
public:
    @CLASS_NAME@Source(@CLASS_NAME@Scene scene, std::int64_t first, std::int64_t count)
        : scene_(scene), first_(first), count_(count) {}
    std::int64_t size() const override { return count_; }

    // Called from several threads at a time: const, and no state. `random` is keyed by run seed, sample and epoch: use
    // it for what may change from epoch to epoch. What must not change is keyed by the sample alone.
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        if (index < 0 || index >= count_) {
            throw dv::Error("sample " + std::to_string(index) + " was asked for, and there are " +
                            std::to_string(count_));
        }
        const auto sample = static_cast<std::uint64_t>(first_ + index);
        const std::int64_t label = static_cast<std::int64_t>(sample) % scene_.n_classes;
        dv::Random fixed(scene_.seed, sample, 0, dv::Purpose::synthesize);
        // The class is the column that the spot is in; its row is free.
        const double column = (static_cast<double>(label) + 0.5) * static_cast<double>(scene_.size) /
                              static_cast<double>(scene_.n_classes);
        const double row = fixed.uniform() * static_cast<double>(scene_.size);
        for (std::int64_t y = 0; y < scene_.size; ++y) {
            for (std::int64_t x = 0; x < scene_.size; ++x) {
                const double distance =
                    std::hypot(static_cast<double>(x) + 0.5 - column, static_cast<double>(y) + 0.5 - row);
                const double value = std::exp(-distance * distance) + scene_.noise * (random.uniform() - 0.5);
                slot.frames[static_cast<std::size_t>(y * scene_.size + x)] = static_cast<float>(value);
            }
        }
        *slot.label = label;
    }

private:
    @CLASS_NAME@Scene scene_;
    std::int64_t first_, count_;
};

/// Images of one bright spot; the class says in which column it is. Needs no files.
struct @CLASS_NAME@ final : dv::DataModule {
    std::int64_t size = 0, n_classes = 0, n_train = 0, n_val = 0;
    double noise = 0;
    std::int64_t seed = 0;
    static constexpr auto params =
        dv::schema(dv::p("n_train", &@CLASS_NAME@::n_train, 256, "training samples", dv::at_least{1}),
                   dv::p("n_val", &@CLASS_NAME@::n_val, 64, "validation samples; 0: no such split", dv::at_least{0}),
                   dv::p("n_classes", &@CLASS_NAME@::n_classes, 4, "columns", dv::range{1, 1000}),
                   dv::p("size", &@CLASS_NAME@::size, 16, "rows and columns of an image", dv::range{1, 1024}),
                   dv::p("noise", &@CLASS_NAME@::noise, 0.2,
                         "width of the uniform noise, new in every epoch; the spot's height is 1", dv::at_least{0}),
                   dv::p("seed", &@CLASS_NAME@::seed, 0, "which data; apart from the run's seed, so that runs share it",
                         dv::at_least{0}));

    // What no single parameter's range can say is checked here, before anything else is done.
    void open() override {
        if (n_classes > size)
            throw dv::ParameterError("n_classes", "must not be more than size: the image has no more columns");
    }
    // prepare() would read headers or whole small files; here there is nothing to read.
    dv::DataFacts facts() const override {
        return {.n_frames = 1, .channels = 1, .height = size, .width = size, .n_classes = n_classes};
    }
    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        const @CLASS_NAME@Scene shown{size, n_classes, noise, static_cast<std::uint64_t>(seed)};
        if (split == dv::Split::train) return std::make_unique<@CLASS_NAME@Source>(shown, 0, n_train);
        if (split == dv::Split::val && n_val > 0) return std::make_unique<@CLASS_NAME@Source>(shown, n_train, n_val);
        return nullptr;
    }
};

}  // namespace

DV_COMPONENT(@CLASS_NAME@, "@ID@", "Images of a bright spot; the class is the column it is in");
