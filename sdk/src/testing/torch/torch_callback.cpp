#include <dv/testing/torch/callback.hpp>

namespace dv::testing {

std::string FakeTraining::group_of(std::string_view parameter) const {
    const auto found = groups.find(parameter);
    return found == groups.end() ? "regular" : found->second;
}

TorchCallbackHandle::TorchCallbackHandle(std::shared_ptr<TorchCallback> callback)
    : callback_(std::move(callback)),
      proxy_(dynamic_cast<TorchCallbackProxy&>(*callback_)),
      training_(std::make_shared<FakeTraining>()),
      phases_(callback_->phases()) {}

AnswerLog TorchCallbackHandle::phase(dv_phase phase, const RunBuilder& run) {
    return wants(phase) ? force_phase(phase, run.view()) : AnswerLog{};
}

AnswerLog TorchCallbackHandle::force_phase(std::uint32_t phase, const dv_run& run) {
    AnswerSink answers(phase);
    callback_->on_phase(phase, run, answers.door(), *training_,
                        {batch ? &*batch : nullptr, output ? &*output : nullptr});
    return answers.take();
}

Config TorchCallbackHandle::save_state() const {
    StateSink state;
    StateWriter writer(state.door());
    proxy_.save_state(writer);
    return state.take();
}

void TorchCallbackHandle::load_state(const Config& state) {
    const dv_config view = config_of(state);
    proxy_.load_state(StateReader(view));
}

std::vector<NamedTensor> TorchCallbackHandle::save_tensors() const {
    std::vector<NamedTensor> kept = callback_->save_tensors();
    for (NamedTensor& t : kept) t.tensor = t.tensor.detach().clone();
    return kept;
}

}  // namespace dv::testing
