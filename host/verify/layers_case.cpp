#include "verify/kinds.hpp"

#include <ATen/core/grad_mode.h>

namespace dvhost::verify {

namespace {

/// The mean of |response| over all but time, per layer.
class Means final : public dv::temporal::Recorder {
public:
    Means(std::size_t n_layers, std::int64_t n_timesteps)
        : means_(n_layers, Values(static_cast<std::size_t>(n_timesteps))) {}
    bool wants(std::size_t, std::int64_t) const override { return true; }
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override {
        if (timestep < 0 || !response.defined()) return;  // idle steps are not asked for; undefined: absent
        means_.at(layer).at(static_cast<std::size_t>(timestep)) = response.abs().mean().item<double>();
    }
    const std::vector<Values>& all() const { return means_; }

private:
    std::vector<Values> means_;
};

}  // namespace

Run read_layers(TableReader& reader) {
    const ModelCase spec = read_filled_model(reader, 1);
    return [spec](Workshop& workshop, const Setting& setting) {
        const at::NoGradGuard no_grad;
        const auto model = spec.made(workshop, setting);
        model->train(false);
        const std::vector<dv::LayerFacts> layers = model->layers();
        Means means(layers.size(), spec.n_timesteps);
        model->record(&means);
        const at::Tensor outputs = model->forward_sequence(spec.sequence(setting));
        model->record(nullptr);
        Findings out;
        for (std::size_t l = 0; l < layers.size(); ++l) out.add(layers[l].name, means.all()[l]);
        out.add("classifier", outputs.abs().mean(at::IntArrayRef{0, 2}));
        return out;
    };
}

}  // namespace dvhost::verify
