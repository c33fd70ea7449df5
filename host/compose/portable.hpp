#pragma once
/// Portable components as C++ objects: each call goes through the component's C table, leaves a breadcrumb, and throws
/// dv::ComponentError for a status that is not DV_OK. A slot that an older plugin lacks takes its documented default.

#include "loops/callback.hpp"
#include "registry/boundary.hpp"
#include "registry/door.hpp"

#include <dv/logger.hpp>
#include <dv/schedule.hpp>

namespace dvhost::compose {

/// A created component and how to give it back.
class Instance {
public:
    Instance(const dv_component& component, const dv_host& host, void* object)
        : component_(&component), host_(&host), object_(object) {}
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    void* object() const { return object_; }
    const dv_host& host() const { return *host_; }
    std::string_view id() const { return component_->id; }

    template <class Function>
    void call(const char* hook, Function&& function) const {
        registry::call(*host_, id(), hook, function);
    }

private:
    const dv_component* component_;
    const dv_host* host_;
    void* object_;
};

class PortableLogger final : public dv::Logger {
public:
    explicit PortableLogger(std::unique_ptr<Instance> instance, const dv_logger_1& table);
    void metrics(const dv::Row& row) override;
    void hyperparameters(const dv_config& manifest) override;
    void text(std::string_view name, std::string_view text, std::int64_t step) override;
    void image(std::string_view name, const dv_image& image, std::int64_t step) override;
    void histogram(std::string_view name, const dv_histogram& histogram, std::int64_t step) override;
    void artifact(std::string_view name, std::string_view path) override;
    void flush() override;
    std::string position() override;
    void resume(const dv_resume& from) override;
    void finalize(std::string_view outcome) override;

private:
    std::unique_ptr<Instance> instance_;
    dv_logger_1 table_;
};

class PortableSchedule final : public dv::Schedule {
public:
    PortableSchedule(std::unique_ptr<Instance> instance, const dv_schedule_1& table);
    Interval interval() const override;
    double factor(const dv_schedule_point& at) const override;
    double momentum(const dv_schedule_point& at) const override;
    /// Whether it follows a metric.
    bool observes_metric() const { return table_.observe != nullptr; }
    void observe(double value) override;
    void save_state(dv::StateWriter& out) const override;
    void load_state(const dv::StateReader& state) override;

private:
    std::unique_ptr<Instance> instance_;
    dv_schedule_1 table_;
};

class PortableCallback final : public loops::Callback {
public:
    PortableCallback(std::unique_ptr<Instance> instance, const dv_callback_1& table);
    std::uint64_t phases() const override;
    bool monitors() const override { return table_.monitors != 0; }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const loops::Scene& scene) override;
    std::string state_key() const override;
    void save_state(const dv_state_out& out) const override;
    void load_state(const dv_config& state) override;

private:
    std::unique_ptr<Instance> instance_;
    dv_callback_1 table_;
};

/// A callback that takes tensors.
class TensorCallback final : public loops::Callback {
public:
    /// `id` is under which its state lies unless it says otherwise.
    TensorCallback(std::shared_ptr<dv::TorchCallback> callback, std::string id);
    std::uint64_t phases() const override { return callback_->phases(); }
    bool monitors() const override { return callback_->monitors(); }
    bool takes_tensors() const override { return true; }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer, const loops::Scene& scene) override {
        callback_->on_phase(phase, run, answer, scene.training, scene.step);
    }
    std::string state_key() const override;
    void save_state(const dv_state_out& out) const override;
    void load_state(const dv_config& state) override;
    std::vector<dv::NamedTensor> save_tensors() const override { return callback_->save_tensors(); }
    void load_tensors(std::span<const dv::NamedTensor> tensors) override { callback_->load_tensors(tensors); }

private:
    std::shared_ptr<dv::TorchCallback> callback_;
    std::string id_;
};

}  // namespace dvhost::compose
