#pragma once
/// The model behind rcnn and the presets: what `Settings` say, built and run.

#include "build_circuit.hpp"
#include "monitoring.hpp"

#include <dv/temporal/run.hpp>

namespace rcnn {

/// What is declared of each parameter; nested components stay unset.
void set_defaults(Settings& settings);

/// Base of the components. A component declares which of the settings a manifest may give; expand() sets the others.
class NetworkModel : public dv::Model, public Settings {
public:
    /// With the generic defaults; what a component declares is put over them.
    NetworkModel();

    void open() final;
    void build(const dv::DataFacts& facts) final;
    /// Between epochs, and after weights were loaded: the time constants are looked at.
    void train(bool on) final;
    dv::Presentation present(const dv::Batch& batch) const final;
    at::Tensor forward_sequence(const dv::Sequence& frames) final { return forward_monitored(frames, {}).outputs; }
    dv::Outcome forward_monitored(const dv::Sequence& frames, const std::vector<dv::Monitor>& monitors) final;
    dv::StepOutput training_step(const dv::Batch& batch, const dv::Loss& loss) final;
    std::vector<dv::LayerFacts> layers() const final { return facts_of_layers(network_.circuit); }
    void record(dv::temporal::Recorder* recorder) final { recorder_ = recorder; }
    void set_plan(dv::EnginePlan plan) final;
    std::string describe() const final;

protected:
    /// Before anything else: layers, connections and what else follows from what the manifest says.
    virtual void expand() {}

private:
    void restate(const std::string& name, double value);
    void check_trained_tau(const dv::temporal::Layer& layer) const;
    void warn_of_late_paths() const;
    dv::temporal::State starting_state(const dv::Sequence& frames);
    void settle(dv::temporal::State& state, const dv::Sequence& frames);
    std::uint64_t key_of(std::string_view what) const;

    Network network_;
    std::int64_t residual_ = 0, shown_timesteps_ = 1;
    std::uint64_t presentation_key_ = 0, dropout_key_ = 0;
    dv::temporal::Plan plan_ = dv::temporal::Plan::fast;
    dv::temporal::Recorder* recorder_ = nullptr;
    bool warned_of_unrest_ = false;
};

}  // namespace rcnn
