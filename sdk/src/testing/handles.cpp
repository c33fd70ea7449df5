#include <dv/testing/handles.hpp>

#include <dv/component.hpp>

#include <algorithm>
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

void LoggerHandle::artifact(std::string_view name, std::string_view path) {
    call(*made_, made_->vtable<dv_logger_1>().artifact, detail::borrow(name), detail::borrow(path));
}

void LoggerHandle::flush() { call(*made_, made_->vtable<dv_logger_1>().flush); }

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
    dv_run run = run_;
    run.size = sizeof run;
    run.metrics = lent_metrics_.data();
    run.n_metrics = static_cast<std::uint32_t>(lent_metrics_.size());
    run.learning_rates = lent_learning_rates_.data();
    run.n_learning_rates = static_cast<std::uint32_t>(lent_learning_rates_.size());
    run.message = detail::borrow(message_);
    return run;
}

std::optional<double> AnswerLog::value(std::string_view name) const {
    const auto found = std::find_if(logged.rbegin(), logged.rend(), [&](const auto& m) { return m.first == name; });
    return found == logged.rend() ? std::nullopt : std::optional(found->second);
}

CallbackHandle::CallbackHandle(std::shared_ptr<Made> made)
    : made_(std::move(made)), phases_(made_->vtable<dv_callback_1>().phases(made_->object())) {}

bool CallbackHandle::monitors() const { return made_->vtable<dv_callback_1>().monitors != 0; }

AnswerLog CallbackHandle::phase(dv_phase phase, const RunBuilder& run) {
    return wants(phase) ? force_phase(phase, run.view()) : AnswerLog{};
}

AnswerLog CallbackHandle::force_phase(std::uint32_t phase, const dv_run& run) {
    AnswerLog answers;
    const dv_answer answer{sizeof(dv_answer), 0, &answers,
                           [](void* self, dv_str name, double value) {
                               static_cast<AnswerLog*>(self)->logged.emplace_back(detail::view(name), value);
                           },
                           [](void* self, dv_str reason) {
                               auto& stop = static_cast<AnswerLog*>(self)->stop_reason;
                               if (!stop) stop = std::string(detail::view(reason));
                           }};
    call(*made_, made_->vtable<dv_callback_1>().on_phase, phase, &run, &answer);
    return answers;
}

// --- Schedule
// -----------------------------------------------------------------------------------------------------------

Schedule::Interval ScheduleHandle::interval() const {
    const auto ask = made_->vtable<dv_schedule_1>().interval;
    return ask ? static_cast<Schedule::Interval>(ask(made_->object())) : Schedule::Interval::step;
}

double ScheduleHandle::factor(const SchedulePoint& at) const {
    const dv_schedule_point point{sizeof point, 0, at.step, at.epoch, at.total_steps, at.total_epochs};
    double out = 0.0;
    call(*made_, made_->vtable<dv_schedule_1>().factor, &point, &out);
    return out;
}

}  // namespace dv::testing
