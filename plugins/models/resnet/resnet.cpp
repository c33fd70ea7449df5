#include "architecture.hpp"
#include "presentation.hpp"
#include "preset.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <map>

namespace resnet {
namespace {

using rcnn::setting;

/// A residual network without time of its own: every step's answer is that of its frame. A frame that is shown at
/// several steps is evaluated once. Source: He, Zhang, Ren & Sun (2016), arXiv:1512.03385.
struct Resnet : dv::Model, rcnn::Settings {
    static constexpr auto params =
        std::tuple(setting<"n_timesteps">(), setting<"dt">(), setting<"data_presentation_pattern">(),
                   setting<"pattern">(), setting<"shuffle_presentation_pattern">(), setting<"loss_reaction_time">(),
                   setting<"non_label_index">(), setting<"non_input_value">(), setting<"compat">());

    explicit Resnet(const Plan& plan) : plan_(plan) { rcnn::set_defaults(*this); }

    void open() override {
        if (!pattern.empty()) data_presentation_pattern = rcnn::digits(pattern);
    }

    void build(const dv::DataFacts& facts) override {
        if (facts.n_classes < 1)
            throw dv::Error("a residual network reads out classes, but the data has no labels to count them by");
        rcnn::check_presentation(*this, facts, *this);
        facts_ = facts;
        net_ = std::make_unique<Net>(plan_, facts.channels, facts.n_classes, weights);
        if (!shuffle_presentation_pattern) return;
        const auto* rng = extension<dv_rng_1>(DV_EXT_RNG);
        if (!rng) throw dv::Error("shuffled patterns are drawn from " DV_EXT_RNG ", which this host does not offer");
        key_ = rng->derive(rng->self, dv::detail::borrow("present"));
    }

    void train(bool on) override { training_ = on; }
    void record(dv::temporal::Recorder* recorder) override { recorder_ = recorder; }

    std::vector<dv::LayerFacts> layers() const override {
        std::vector<dv::LayerFacts> out;
        for (const auto& [channels, height, width] : net_->grids(facts_.height, facts_.width)) {
            out.push_back({"layer" + std::to_string(out.size() + 1), channels, height, width, dt});
        }
        return out;
    }

    dv::Presentation present(const dv::Batch& batch) const override { return rcnn::present(*this, 0, key_, batch); }

    at::Tensor forward_sequence(const dv::Sequence& frames) override { return forward_monitored(frames, {}).outputs; }

    dv::Outcome forward_monitored(const dv::Sequence& frames, const std::vector<dv::Monitor>& monitors) override {
        const Distinct distinct(frames);
        const Evaluation found = (*net_)(distinct.frames(), training_);
        dv::Outcome out{distinct.over_time(found.outputs), {}};
        if (recorder_) hand_over(distinct, found);
        for (std::size_t m = 0; m < monitors.size(); ++m) {
            if (monitors[m].operation != "record") {
                throw dv::Error("a loss monitors operation '" + monitors[m].operation +
                                "', and the stages of a residual network have 'record' only");
            }
            for (std::size_t l = 0; l < found.stages.size(); ++l) {
                const std::string name = "layer" + std::to_string(l + 1);
                if (dv::matches(monitors[m].layers, name))
                    out.activity.push_back({m, name, distinct.over_time(found.stages[l])});
            }
        }
        return out;
    }

    std::string describe() const override {
        std::string text = std::string(plan_.name) + " of frames " + std::to_string(facts_.channels) + " x " +
                           std::to_string(facts_.height) + " x " + std::to_string(facts_.width) +
                           ", each evaluated once however long it is shown\n";
        for (const dv::LayerFacts& l : layers()) {
            text += l.name + ": " + std::to_string(l.channels) + " x " + std::to_string(l.height) + " x " +
                    std::to_string(l.width) + "\n";
        }
        return text + "readout: mean of each channel, linear " + std::to_string(net_->n_features()) + " -> " +
               std::to_string(facts_.n_classes) + "\nall: " + std::to_string(weights.count()) + " parameters\n";
    }

private:
    /// The frames that a schedule names, one after the other in a batch.
    class Distinct {
    public:
        explicit Distinct(const dv::Sequence& sequence) : batch_(sequence.batch()) {
            std::map<std::int32_t, std::int64_t> places;
            for (std::int64_t t = 0; t < sequence.n_timesteps(); ++t) {
                const auto [place, is_new] = places.try_emplace(sequence.schedule[static_cast<std::size_t>(t)],
                                                                static_cast<std::int64_t>(frames_.size()));
                if (is_new) frames_.push_back(sequence.frame_at(t));
                steps_.push_back(place->second);
            }
        }
        at::Tensor frames() const { return frames_.size() == 1 ? frames_.front() : at::cat(frames_, 0); }
        /// [frame · batch, ...] to [batch, time, ...].
        at::Tensor over_time(const at::Tensor& values) const {
            const at::Tensor by_frame = values.unflatten(0, {static_cast<std::int64_t>(frames_.size()), batch_});
            const at::Tensor steps = at::tensor(steps_, at::kLong).to(values.device());
            return by_frame.index_select(0, steps).transpose(0, 1);
        }
        at::Tensor at_step(const at::Tensor& values, std::int64_t t) const {
            return values.narrow(0, steps_[static_cast<std::size_t>(t)] * batch_, batch_);
        }
        std::int64_t n_timesteps() const { return static_cast<std::int64_t>(steps_.size()); }

    private:
        std::int64_t batch_;
        std::vector<at::Tensor> frames_;
        std::vector<std::int64_t> steps_;
    };

    void hand_over(const Distinct& distinct, const Evaluation& found) const {
        for (std::size_t l = 0; l < found.stages.size(); ++l) {
            for (std::int64_t t = 0; t < distinct.n_timesteps(); ++t) {
                if (recorder_->wants(l, t)) recorder_->record(l, t, distinct.at_step(found.stages[l], t).detach());
            }
        }
    }

    const Plan& plan_;
    dv::DataFacts facts_;
    std::unique_ptr<Net> net_;
    bool training_ = false;
    std::uint64_t key_ = 0;
    dv::temporal::Recorder* recorder_ = nullptr;
};

template <const Plan& plan>
struct Variant final : Resnet {
    Variant() : Resnet(plan) {}
};

}  // namespace
}  // namespace resnet

DV_COMPONENT(resnet::Variant<resnet::kResnet18>, "dynvision.model.resnet18",
             "torchvision's ResNet-18, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet34>, "dynvision.model.resnet34",
             "torchvision's ResNet-34, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet50>, "dynvision.model.resnet50",
             "torchvision's ResNet-50, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet101>, "dynvision.model.resnet101",
             "torchvision's ResNet-101, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet152>, "dynvision.model.resnet152",
             "torchvision's ResNet-152, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet20>, "dynvision.model.resnet20",
             "Residual network for CIFAR with 3 blocks per stage, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet32>, "dynvision.model.resnet32",
             "Residual network for CIFAR with 5 blocks per stage, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet44>, "dynvision.model.resnet44",
             "Residual network for CIFAR with 7 blocks per stage, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet56>, "dynvision.model.resnet56",
             "Residual network for CIFAR with 9 blocks per stage, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet110>, "dynvision.model.resnet110",
             "Residual network for CIFAR with 18 blocks per stage, applied to every frame");
DV_COMPONENT(resnet::Variant<resnet::kResnet1202>, "dynvision.model.resnet1202",
             "Residual network for CIFAR with 200 blocks per stage, applied to every frame");
