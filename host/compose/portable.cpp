#include "compose/portable.hpp"

namespace dvhost::compose {

namespace {

dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

/// A required slot of a portable table.
template <class Slot>
Slot needed(Slot slot, const Instance& instance, const char* name) {
    if (slot == nullptr) {
        throw dv::Error(std::string(instance.id()) + " has no '" + name + "' function, which its interface requires");
    }
    return slot;
}

const char* phase_name(std::uint32_t phase) {
    static constexpr const char* names[DV_N_PHASES] = {
        "on_setup",           "on_fit_start",        "on_sanity_check_start",     "on_sanity_check_end",
        "on_train_start",     "on_train_epoch_start", "on_train_batch_start",     "on_before_zero_grad",
        "on_before_backward", "on_after_backward",   "on_before_optimizer_step",  "on_train_batch_end",
        "on_train_epoch_end", "on_validation_start", "on_validation_epoch_start", "on_validation_batch_start",
        "on_validation_batch_end", "on_validation_epoch_end", "on_validation_end", "on_test_start",
        "on_test_epoch_start", "on_test_batch_start", "on_test_batch_end",        "on_test_epoch_end",
        "on_test_end",        "on_predict_start",    "on_predict_epoch_start",    "on_predict_batch_start",
        "on_predict_batch_end", "on_predict_epoch_end", "on_predict_end",         "on_train_end",
        "on_fit_end",         "on_exception",        "on_teardown"};
    return phase < DV_N_PHASES ? names[phase] : "on_phase";
}

}  // namespace

Instance::~Instance() {
    if (component_->destroy == nullptr) return;
    const dv::detail::HookScope scope(host_, "destroy");
    component_->destroy(object_);
}

PortableLogger::PortableLogger(std::unique_ptr<Instance> instance, const dv_logger_1& table)
    : instance_(std::move(instance)), table_(table) {
    needed(table_.metrics, *instance_, "metrics");
}

void PortableLogger::metrics(const dv::Row& row) {
    const dv_row out{sizeof(dv_row), static_cast<std::uint32_t>(row.metrics.size()), row.metrics.data(), row.step, row.epoch,
                     row.wall_time};
    instance_->call("metrics", [&] { return table_.metrics(instance_->object(), &out); });
}
void PortableLogger::hyperparameters(const dv_config& manifest) {
    if (table_.hyperparameters == nullptr) return;
    instance_->call("hyperparameters", [&] { return table_.hyperparameters(instance_->object(), &manifest); });
}
void PortableLogger::text(std::string_view name, std::string_view text, std::int64_t step) {
    if (table_.text == nullptr) return;
    instance_->call("text", [&] { return table_.text(instance_->object(), borrow(name), borrow(text), step); });
}
void PortableLogger::artifact(std::string_view name, std::string_view path) {
    if (table_.artifact == nullptr) return;
    instance_->call("artifact", [&] { return table_.artifact(instance_->object(), borrow(name), borrow(path)); });
}
void PortableLogger::flush() {
    if (table_.flush == nullptr) return;
    instance_->call("flush", [&] { return table_.flush(instance_->object()); });
}
void PortableLogger::finalize(std::string_view outcome) {
    if (table_.finalize == nullptr) return;
    instance_->call("finalize", [&] { return table_.finalize(instance_->object(), borrow(outcome)); });
}

PortableSchedule::PortableSchedule(std::unique_ptr<Instance> instance, const dv_schedule_1& table)
    : instance_(std::move(instance)), table_(table) {
    needed(table_.factor, *instance_, "factor");
}

dv::Schedule::Interval PortableSchedule::interval() const {
    const bool by_epoch = table_.interval != nullptr && table_.interval(instance_->object()) == DV_INTERVAL_EPOCH;
    return by_epoch ? Interval::epoch : Interval::step;
}

double PortableSchedule::factor(const dv_schedule_point& at) const {
    double out = 1.0;
    instance_->call("factor", [&] { return table_.factor(instance_->object(), &at, &out); });
    return out;
}

PortableCallback::PortableCallback(std::unique_ptr<Instance> instance, const dv_callback_1& table)
    : instance_(std::move(instance)), table_(table) {
    needed(table_.phases, *instance_, "phases");
    needed(table_.on_phase, *instance_, "on_phase");
}

std::uint64_t PortableCallback::phases() const { return table_.phases(instance_->object()); }

void PortableCallback::on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) {
    instance_->call(phase_name(phase), [&] { return table_.on_phase(instance_->object(), phase, &run, &answer); });
}

}  // namespace dvhost::compose
