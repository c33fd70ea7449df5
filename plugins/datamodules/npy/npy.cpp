#include "split.hpp"

#include <dv/torch/datamodule.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace {

using dv::npy_data::LabelledFrames;

/// A split as the loader reads it.
class Samples final : public dv::Source {
public:
    Samples(const LabelledFrames& from, double scale, std::int64_t n_labels)
        : from_(from), scale_(scale), n_labels_(n_labels) {}
    std::int64_t size() const override { return from_.size(); }
    void read(std::int64_t index, dv::Random, dv::SampleSlot slot) const override {
        if (index < 0 || index >= size()) {
            throw dv::Error("there is no sample " + std::to_string(index) + " in " + from_.file().string() +
                            ": it has " + std::to_string(size()) + ", counted from 0");
        }
        from_.read_frames(index, scale_, slot.frames);
        from_.read_labels(index, {slot.label, static_cast<std::size_t>(n_labels_)});
    }

private:
    const LabelledFrames& from_;
    double scale_;
    std::int64_t n_labels_;
};

/// Frames from NumPy's .npy files, memory-mapped: [sample, channel, y, x] or [sample, time, channel, y, x].
struct Npy final : dv::DataModule {
    std::filesystem::path train, val, test, predict, train_labels, val_labels, test_labels;
    std::optional<std::int64_t> n_classes;
    std::optional<double> scale;
    static constexpr auto params =
        dv::schema(dv::p("train", &Npy::train, "", "file of training frames; empty: no such split"),
                   dv::p("train_labels", &Npy::train_labels, "", "file of their labels; empty: none"),
                   dv::p("val", &Npy::val, "", "file of validation frames; empty: no such split"),
                   dv::p("val_labels", &Npy::val_labels, "", "file of their labels; empty: none"),
                   dv::p("test", &Npy::test, "", "file of test frames; empty: no such split"),
                   dv::p("test_labels", &Npy::test_labels, "", "file of their labels; empty: none"),
                   dv::p("predict", &Npy::predict, "", "file of frames to predict; empty: the test frames"),
                   dv::p("n_classes", &Npy::n_classes, dv::unset,
                         "number of classes; unset: one more than the largest label", dv::at_least{1}),
                   dv::p("scale", &Npy::scale, dv::unset, "factor on every value; unset: 1/255 for uint8, else 1"));

    void prepare() override {
        open_split(dv::Split::train, "train", train, train_labels);
        open_split(dv::Split::val, "val", val, val_labels);
        open_split(dv::Split::test, "test", test, test_labels);
        open_split(dv::Split::predict, "predict", predict, {});
        if (std::none_of(splits_.begin(), splits_.end(), [](const auto& s) { return s.has_value(); })) {
            throw dv::ParameterError("train",
                                     "is empty, and so are val, test and predict: name at least one file of frames");
        }
        gather_facts();
    }

    dv::DataFacts facts() const override { return facts_; }

    std::unique_ptr<dv::Source> source(dv::Split split) const override {
        const auto& opened =
            splits_[index_of(split == dv::Split::predict && !splits_[index_of(split)] ? dv::Split::test : split)];
        if (!opened) return nullptr;
        return std::make_unique<Samples>(*opened, scale.value_or(opened->is_bytes() ? 1.0 / 255.0 : 1.0),
                                         facts_.n_labels);
    }

private:
    static std::size_t index_of(dv::Split split) { return static_cast<std::size_t>(split); }

    void open_split(dv::Split split, const char* name, const std::filesystem::path& frames,
                    const std::filesystem::path& labels) {
        if (frames.empty() && !labels.empty()) {
            throw dv::ParameterError(
                std::string(name) + "_labels",
                "is given without '" + std::string(name) + "': name the file of frames that they belong to");
        }
        if (!frames.empty()) splits_[index_of(split)].emplace(name, frames, labels);
    }

    /// What all files agree on.
    void gather_facts() {
        const LabelledFrames* first = nullptr;
        for (const auto& split : splits_) {
            if (!split) continue;
            const dv::DataFacts f = split->facts();
            if (first == nullptr) {
                first = &*split;
                facts_ = f;
            } else if (!same_frames(f, facts_)) {
                throw dv::IoError(split->file().string() + " has samples of " + text_of(f) + ", but " +
                                  first->file().string() + " of " + text_of(facts_) +
                                  " [time, channel, y, x]: all splits must agree");
            }
            facts_.n_classes = std::max(facts_.n_classes, f.n_classes);
            facts_.n_labels = std::max(facts_.n_labels, f.n_labels);
        }
        if (!n_classes) return;
        if (*n_classes < facts_.n_classes) {
            throw dv::ParameterError("n_classes", "is " + std::to_string(*n_classes) + ", but there is a label " +
                                                      std::to_string(facts_.n_classes - 1) + ": it must be at least " +
                                                      std::to_string(facts_.n_classes));
        }
        facts_.n_classes = *n_classes;
    }

    static bool same_frames(const dv::DataFacts& a, const dv::DataFacts& b) {
        return a.n_frames == b.n_frames && a.channels == b.channels && a.height == b.height && a.width == b.width;
    }
    static std::string text_of(const dv::DataFacts& f) {
        return dv::npy::text_of({f.n_frames, f.channels, f.height, f.width});
    }

    std::array<std::optional<LabelledFrames>, 4> splits_;  // by dv::Split
    dv::DataFacts facts_;
};

}  // namespace

DV_COMPONENT(Npy, "dvhost.datamodule.npy", "Frames and labels from NumPy's .npy files");
