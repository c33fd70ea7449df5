// Datamodules that break one promise each; the suite must notice. `Ramps` breaks none.
#include <dv/torch/datamodule.hpp>

#include <atomic>
#include <thread>

namespace {

constexpr std::int64_t kSize = 40, kClasses = 4;

/// Sample i is a ramp that starts at i, plus a little noise.
struct Ramp : dv::Source {
    std::int64_t size() const override { return kSize; }
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        check(index);
        for (std::size_t i = 0; i < slot.frames.size(); ++i) {
            slot.frames[i] = static_cast<float>(index) + static_cast<float>(i) + random.uniform();
        }
        *slot.label = index % kClasses;
    }
    virtual void check(std::int64_t index) const {
        if (index < 0 || index >= kSize) {
            throw dv::Error("sample " + std::to_string(index) + " was asked for, there are " + std::to_string(kSize));
        }
    }
};

template <class Samples>
struct Of : dv::DataModule {
    dv::DataFacts facts() const override {
        return {.n_frames = 2, .channels = 1, .height = 3, .width = 4, .n_classes = kClasses};
    }
    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        if (split == dv::Split::predict) return nullptr;
        return std::make_unique<Samples>();
    }
};

struct Ramps final : Of<Ramp> {};
DV_COMPONENT(Ramps, "test.datamodule.ramps", "Breaks no promise");

struct Growing final : Of<Ramp> {
    mutable std::int64_t calls = 0;
    dv::DataFacts facts() const override {
        dv::DataFacts now = Of::facts();
        now.n_classes += calls++;
        return now;
    }
};
DV_COMPONENT(Growing, "test.datamodule.growing", "Says something else each time");

struct Closed final : Of<Ramp> {
    std::unique_ptr<dv::Source> source(dv::Split) const override { return nullptr; }
};
DV_COMPONENT(Closed, "test.datamodule.closed", "Opens no split");

struct PartialRamp final : Ramp {
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        Ramp::read(index, random, {slot.frames.first(slot.frames.size() - 1), slot.label});
    }
};
struct Partial final : Of<PartialRamp> {};
DV_COMPONENT(Partial, "test.datamodule.partial", "Leaves the last value unwritten");

struct OverRamp final : Ramp {
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        Ramp::read(index, random, {{slot.frames.data(), slot.frames.size() + 1}, slot.label});
    }
};
struct Over final : Of<OverRamp> {};
DV_COMPONENT(Over, "test.datamodule.over", "Writes one value too many");

struct UnlabelledRamp final : Ramp {
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        std::int64_t lost = 0;
        Ramp::read(index, random, {slot.frames, &lost});
    }
};
struct Unlabelled final : Of<UnlabelledRamp> {};
DV_COMPONENT(Unlabelled, "test.datamodule.unlabelled", "Does not write the label");

struct OffByOneRamp final : Ramp {
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        Ramp::read(index, random, slot);
        ++*slot.label;
    }
};
struct OffByOne final : Of<OffByOneRamp> {};
DV_COMPONENT(OffByOne, "test.datamodule.off_by_one", "Counts classes from 1");

struct CountingRamp final : Ramp {
    mutable std::atomic<int> reads = 0;
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        Ramp::read(index, random, slot);
        slot.frames[0] += static_cast<float>(++reads);
    }
};
struct Counting final : Of<CountingRamp> {};
DV_COMPONENT(Counting, "test.datamodule.counting", "Depends on how often it was read");

struct FirstEpochRamp final : Ramp {
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        dv::Random expected(61, static_cast<std::uint64_t>(index), 0, dv::Purpose::augment);
        dv::Random copy = random;
        if (copy.bits() != expected.bits()) throw dv::Error("only the first epoch can be read");
        Ramp::read(index, random, slot);
    }
};
struct FirstEpoch final : Of<FirstEpochRamp> {};
DV_COMPONENT(FirstEpoch, "test.datamodule.first_epoch", "Cannot be read in the second epoch");

struct OneThreadRamp final : Ramp {
    const std::thread::id owner = std::this_thread::get_id();
    void read(std::int64_t index, dv::Random random, dv::SampleSlot slot) const override {
        Ramp::read(index, random, slot);
        if (std::this_thread::get_id() != owner) slot.frames[0] = 0.0f;
    }
};
struct OneThread final : Of<OneThreadRamp> {};
DV_COMPONENT(OneThread, "test.datamodule.one_thread", "Reads something else in another thread");

struct EndlessRamp final : Ramp {
    void check(std::int64_t) const override {}
};
struct Endless final : Of<EndlessRamp> {};
DV_COMPONENT(Endless, "test.datamodule.endless", "Reads samples that there are not");

}  // namespace
