#pragma once
/// A callback that a run can do without.

#include "loops/callback.hpp"

#include <functional>
#include <memory>

namespace dvhost::compose {

/// Swallows failures of `inner`, with a warning each time they begin, and stops asking it after `max_errors` in a row.
class TolerantCallback final : public loops::Callback {
public:
    using Warn = std::function<void(const std::string&)>;
    TolerantCallback(std::shared_ptr<loops::Callback> inner, std::int64_t max_errors, Warn warn);
    std::uint64_t phases() const override { return inner_->phases(); }
    bool monitors() const override { return inner_->monitors(); }
    bool takes_tensors() const override { return inner_->takes_tensors(); }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const loops::Scene& scene) override;
    std::string state_key() const override { return inner_->state_key(); }
    void save_state(const dv_state_out& out) const override { inner_->save_state(out); }
    void load_state(const dv_config& state) override { inner_->load_state(state); }
    std::vector<dv::NamedTensor> save_tensors() const override { return inner_->save_tensors(); }
    void load_tensors(std::span<const dv::NamedTensor> tensors) override { inner_->load_tensors(tensors); }
    bool has_failed() const { return has_failed_; }

private:
    std::shared_ptr<loops::Callback> inner_;
    std::int64_t max_errors_;
    std::int64_t errors_in_row_ = 0;
    bool has_failed_ = false;
    Warn warn_;
};

}  // namespace dvhost::compose
