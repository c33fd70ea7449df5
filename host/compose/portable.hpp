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
    void artifact(std::string_view name, std::string_view path) override;
    void flush() override;
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

private:
    std::unique_ptr<Instance> instance_;
    dv_schedule_1 table_;
};

class PortableCallback final : public loops::Callback {
public:
    PortableCallback(std::unique_ptr<Instance> instance, const dv_callback_1& table);
    std::uint64_t phases() const override;
    bool monitors() const override { return table_.monitors != 0; }
    void on_phase(std::uint32_t phase, const dv_run& run, const dv_answer& answer) override;

private:
    std::unique_ptr<Instance> instance_;
    dv_callback_1 table_;
};

}  // namespace dvhost::compose
