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
void PortableLogger::image(std::string_view name, const dv_image& image, std::int64_t step) {
    if (table_.image == nullptr) return;
    instance_->call("image", [&] { return table_.image(instance_->object(), borrow(name), &image, step); });
}
void PortableLogger::histogram(std::string_view name, const dv_histogram& histogram, std::int64_t step) {
    if (table_.histogram == nullptr) return;
    instance_->call("histogram", [&] { return table_.histogram(instance_->object(), borrow(name), &histogram, step); });
}
void PortableLogger::artifact(std::string_view name, std::string_view path) {
    if (table_.artifact == nullptr) return;
    instance_->call("artifact", [&] { return table_.artifact(instance_->object(), borrow(name), borrow(path)); });
}
void PortableLogger::flush() {
    if (table_.flush == nullptr) return;
    instance_->call("flush", [&] { return table_.flush(instance_->object()); });
}
std::string PortableLogger::position() {
    if (table_.position == nullptr) return {};
    dv_str out{};
    instance_->call("position", [&] { return table_.position(instance_->object(), &out); });
    return {out.p, out.n};
}
void PortableLogger::resume(const dv_resume& from) {
    if (table_.resume == nullptr) return;
    instance_->call("resume", [&] { return table_.resume(instance_->object(), &from); });
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
    const std::uint32_t given = table_.interval != nullptr ? table_.interval(instance_->object()) : std::uint32_t{DV_INTERVAL_STEP};
    return given <= DV_INTERVAL_SAMPLES ? static_cast<Interval>(given) : Interval::step;
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

void PortableCallback::on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const loops::Scene&) {
    instance_->call(dv::detail::phase_hook_name(phase), [&] { return table_.on_phase(instance_->object(), phase, &run, &answer); });
}

std::string PortableCallback::state_key() const {
    dv_str key{};
    if (table_.state_key != nullptr) instance_->call("state_key", [&] { return table_.state_key(instance_->object(), &key); });
    return key.n > 0 ? std::string(key.p, key.n) : std::string(instance_->id());
}

void PortableCallback::save_state(const dv_state_out& out) const {
    if (table_.save_state == nullptr) return;
    instance_->call("save_state", [&] { return table_.save_state(instance_->object(), &out); });
}

void PortableCallback::load_state(const dv_config& state) {
    if (table_.load_state == nullptr) return;
    instance_->call("load_state", [&] { return table_.load_state(instance_->object(), &state); });
}

double PortableSchedule::momentum(const dv_schedule_point& at) const {
    double out = std::numeric_limits<double>::quiet_NaN();
    if (table_.momentum != nullptr) instance_->call("momentum", [&] { return table_.momentum(instance_->object(), &at, &out); });
    return out;
}

void PortableSchedule::observe(double value) {
    instance_->call("observe", [&] { return table_.observe(instance_->object(), value); });
}

void PortableSchedule::save_state(dv::StateWriter& out) const {
    if (table_.save_state == nullptr) return;
    instance_->call("save_state", [&] { return table_.save_state(instance_->object(), &out.raw()); });
}

void PortableSchedule::load_state(const dv::StateReader& state) {
    if (table_.load_state == nullptr) return;
    instance_->call("load_state", [&] { return table_.load_state(instance_->object(), &state.raw()); });
}

TensorCallback::TensorCallback(std::shared_ptr<dv::TorchCallback> callback, std::string id)
    : callback_(std::move(callback)), id_(std::move(id)) {}

std::string TensorCallback::state_key() const {
    const std::string key = callback_->state_key();
    return key.empty() ? id_ : key;
}

void TensorCallback::save_state(const dv_state_out& out) const {
    dv::StateWriter writer(out);
    callback_->save_state(writer);
}

void TensorCallback::load_state(const dv_config& state) { callback_->load_state(dv::StateReader(state)); }

}  // namespace dvhost::compose
