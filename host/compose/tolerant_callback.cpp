#include "compose/tolerant_callback.hpp"

#include <exception>

namespace dvhost::compose {

TolerantCallback::TolerantCallback(std::shared_ptr<loops::Callback> inner, std::int64_t max_errors, Warn warn)
    : inner_(std::move(inner)), max_errors_(max_errors), warn_(std::move(warn)) {}

void TolerantCallback::on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const loops::Scene& scene) {
    if (errors_in_row_ >= max_errors_) return;
    try {
        inner_->on_phase(phase, run, answer, scene);
        errors_in_row_ = 0;
    } catch (const std::exception& error) {
        has_failed_ = true;
        if (++errors_in_row_ == 1) warn_(error.what());
        if (errors_in_row_ == max_errors_) {
            warn_("it is switched off; training goes on, and the run will end with exit code 69");
        }
    }
}

}  // namespace dvhost::compose
