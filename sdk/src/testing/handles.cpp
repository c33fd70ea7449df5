#include <dv/testing/handles.hpp>

#include <dv/component.hpp>

#include <algorithm>
#include <cstddef>
#include <stdexcept>

namespace dv::testing {
namespace {

/// Throws what the component reported for `status`, and says so where it reported nothing.
void check(const Made& made, dv_status status) {
    if (status == DV_OK) return;
    Failure failure = made.owner().last_failure();
    if (failure.text.empty()) {
        failure.text = "component reported code " + std::to_string(status) + " without a message";
        failure.component = made.component().id;
    }
    throw ComponentError(status, failure.plugin, failure.component, failure.hook, failure.text);
}

/// Calls a slot of a table; a null slot is skipped.
template <class Slot, class... Arguments>
void call(const Made& made, Slot slot, Arguments... arguments) {
    if (!slot) return;
    made.owner().forget_failure();
    check(made, slot(made.object(), arguments...));
}

std::vector<dv_metric> lend(const Metrics& metrics) {
    std::vector<dv_metric> out;
    for (const auto& [name, value] : metrics) out.push_back({detail::borrow(name), value});
    return out;
}

}  // namespace

Made::Made(std::shared_ptr<Host> host, std::string plugin, const dv_component& component, Value table,
           std::string place)
    : host_(std::move(host)),
      component_(component),
      table_(std::move(table)),
      config_(config_of(table_)),
      seat_(host_->for_component(std::move(plugin), component.id, std::move(place))) {
    host_->forget_failure();
    check(*this, component_.create(seat_, &config_, &object_));
    if (!object_) throw std::logic_error(std::string(component.id) + " reported success but made no object");
}

Made::~Made() { component_.destroy(object_); }

// --- Logger
// -------------------------------------------------------------------------------------------------------------

void LoggerHandle::metrics(const Metrics& values, std::int64_t step, std::int64_t epoch, double wall_time) {
    const std::vector<dv_metric> lent = lend(values);
    const dv_row row{sizeof(dv_row), static_cast<std::uint32_t>(lent.size()), lent.data(), step, epoch, wall_time};
    call(*made_, made_->vtable<dv_logger_1>().metrics, &row);
}

void LoggerHandle::hyperparameters(const Value& manifest) {
    const dv_config config = config_of(manifest);
    call(*made_, made_->vtable<dv_logger_1>().hyperparameters, &config);
}

void LoggerHandle::text(std::string_view name, std::string_view text, std::int64_t step) {
    call(*made_, made_->vtable<dv_logger_1>().text, detail::borrow(name), detail::borrow(text), step);
}

void LoggerHandle::image(std::string_view name, const dv_image& image, std::int64_t step) {
    if (const auto& table = made_->vtable<dv_logger_1>(); DV_HAS(&table, image)) call(*made_, table.image, detail::borrow(name), &image, step);
}

void LoggerHandle::histogram(std::string_view name, const dv_histogram& histogram, std::int64_t step) {
    if (const auto& table = made_->vtable<dv_logger_1>(); DV_HAS(&table, histogram)) call(*made_, table.histogram, detail::borrow(name), &histogram, step);
}

void LoggerHandle::artifact(std::string_view name, std::string_view path) {
    call(*made_, made_->vtable<dv_logger_1>().artifact, detail::borrow(name), detail::borrow(path));
}

void LoggerHandle::flush() { call(*made_, made_->vtable<dv_logger_1>().flush); }

std::string LoggerHandle::position() {
    dv_str out{};
    if (const auto& table = made_->vtable<dv_logger_1>(); DV_HAS(&table, position)) call(*made_, table.position, &out);
    return std::string(detail::view(out));
}

void LoggerHandle::resume(std::int64_t rows, std::int64_t step) {
    const dv_resume from{sizeof(dv_resume), 0, rows, step};
    if (const auto& table = made_->vtable<dv_logger_1>(); DV_HAS(&table, resume)) call(*made_, table.resume, &from);
}

void LoggerHandle::finalize(std::string_view outcome) {
    call(*made_, made_->vtable<dv_logger_1>().finalize, detail::borrow(outcome));
}

// --- Callback
// -----------------------------------------------------------------------------------------------------------

void RunBuilder::put(Metrics& into, std::string_view name, double value) {
    const auto found = std::ranges::find(into, name, &Metrics::value_type::first);
    if (found == into.end()) {
        into.emplace_back(name, value);
    } else {
        found->second = value;
    }
}

dv_run RunBuilder::view() const {
    lent_metrics_ = lend(metrics_);
    lent_learning_rates_ = lend(learning_rates_);
    lent_momenta_ = lend(momenta_);
    lent_weight_decays_ = lend(weight_decays_);
    lent_shown_ = lend(shown_);
    dv_run run = run_;
    run.size = minor_0_ ? offsetof(dv_run, batches) : sizeof run;
    run.metrics = lent_metrics_.data();
    run.n_metrics = static_cast<std::uint32_t>(lent_metrics_.size());
    run.learning_rates = lent_learning_rates_.data();
    run.momenta = lent_momenta_.data();
    run.weight_decays = lent_weight_decays_.data();
    run.progress_bar = lent_shown_.data();
    run.n_progress_bar = static_cast<std::uint32_t>(lent_shown_.size());
    run.n_learning_rates = static_cast<std::uint32_t>(lent_learning_rates_.size());
    run.message = detail::borrow(message_);
    return run;
}

CallbackHandle::CallbackHandle(std::shared_ptr<Made> made)
    : made_(std::move(made)), phases_(made_->vtable<dv_callback_1>().phases(made_->object())) {}

bool CallbackHandle::monitors() const { return made_->vtable<dv_callback_1>().monitors != 0; }

AnswerLog CallbackHandle::phase(dv_phase phase, const RunBuilder& run) {
    return wants(phase) ? force_phase(phase, run.view()) : AnswerLog{};
}

AnswerLog CallbackHandle::force_phase(std::uint32_t phase, const dv_run& run) {
    AnswerSink answers(phase);
    call(*made_, made_->vtable<dv_callback_1>().on_phase, phase, &run, &answers.door());
    if (!made_->owner().holds_checkpoints) made_->owner().settle_checkpoints();
    return answers.take();
}

std::string CallbackHandle::state_key() const {
    dv_str out{};
    if (const auto& table = made_->vtable<dv_callback_1>(); DV_HAS(&table, state_key)) call(*made_, table.state_key, &out);
    return std::string(detail::view(out));
}

Config CallbackHandle::save_state() const {
    StateSink state;
    if (const auto& table = made_->vtable<dv_callback_1>(); DV_HAS(&table, save_state)) call(*made_, table.save_state, &state.door());
    return state.take();
}

void CallbackHandle::load_state(const Config& state) {
    const dv_config config = config_of(state);
    if (const auto& table = made_->vtable<dv_callback_1>(); DV_HAS(&table, load_state)) call(*made_, table.load_state, &config);
}

// --- Schedule
// -----------------------------------------------------------------------------------------------------------

Schedule::Interval ScheduleHandle::interval() const {
    const auto ask = made_->vtable<dv_schedule_1>().interval;
    return ask ? static_cast<Schedule::Interval>(ask(made_->object())) : Schedule::Interval::step;
}

namespace {

dv_schedule_point door(const SchedulePoint& at) {
    return {sizeof(dv_schedule_point), 0, at.step, at.epoch, at.total_steps, at.total_epochs, at.count, at.total};
}

}  // namespace

double ScheduleHandle::factor(const SchedulePoint& at) const {
    const dv_schedule_point point = door(at);
    double out = 0.0;
    call(*made_, made_->vtable<dv_schedule_1>().factor, &point, &out);
    return out;
}

double ScheduleHandle::momentum(const SchedulePoint& at) const {
    const dv_schedule_point point = door(at);
    double out = std::numeric_limits<double>::quiet_NaN();
    if (const auto& table = made_->vtable<dv_schedule_1>(); DV_HAS(&table, momentum)) call(*made_, table.momentum, &point, &out);
    return out;
}

bool ScheduleHandle::is_observing() const {
    const auto& table = made_->vtable<dv_schedule_1>();
    return DV_HAS(&table, observe) && table.observe;
}

void ScheduleHandle::observe(double value) {
    if (is_observing()) call(*made_, made_->vtable<dv_schedule_1>().observe, value);
}

Config ScheduleHandle::save_state() const {
    StateSink state;
    if (const auto& table = made_->vtable<dv_schedule_1>(); DV_HAS(&table, save_state)) call(*made_, table.save_state, &state.door());
    return state.take();
}

void ScheduleHandle::load_state(const Config& state) {
    const dv_config config = config_of(state);
    if (const auto& table = made_->vtable<dv_schedule_1>(); DV_HAS(&table, load_state)) call(*made_, table.load_state, &config);
}

}  // namespace dv::testing
