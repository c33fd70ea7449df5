/// Components that fail while running: every failure has plugin, component, hook and text.

#include "hostile.hpp"

namespace dvhost::hostile {
namespace {

using dv::ComponentError;

/// A configuration without keys.
dv_config empty_config() {
    return {sizeof(dv_config),
            0,
            nullptr,
            [](const dv_node*) { return std::int32_t{DV_KIND_TABLE}; },
            [](const dv_node*, dv_str) -> const dv_node* { return nullptr; },
            [](const dv_node*) { return std::uint64_t{0}; },
            [](const dv_node*, std::uint64_t) -> const dv_node* { return nullptr; },
            [](const dv_node*, std::uint64_t) {
                return dv_str{"", 0};
            },
            nullptr,
            nullptr,
            nullptr,
            nullptr,
            nullptr};
}

class HostileRun : public HostileTest {
protected:
    HostileRun() {
        std::filesystem::copy_file(THROWING_PLUGIN, folder / "throws.so");
        scan();
    }
    const dv_host& host_of(const std::string& type) {
        const ComponentInfo* c = plugins->find("dv.logger", type).component;
        return boundary.host_for({plugins->plugin_of(*c).id, c->id, "logger.0"});
    }
    ComponentError failure(const std::function<void()>& body) {
        try {
            body();
        } catch (const ComponentError& error) {
            return error;
        }
        throw std::logic_error("it succeeded");
    }
    ComponentError create_failure(const std::string& type) {
        const dv_component& component = load(type);
        const dv_config config = empty_config();
        return failure([&] { registry::create_object(host_of(type), component, config); });
    }
};

/// A living logger of the throwing plugin.
struct Living {
    Living(const dv_component& c, const dv_host& h) : component(c), host(h) {
        const dv_config config = empty_config();
        object = registry::create_object(host, component, config);
    }
    ~Living() { component.destroy(object); }
    Living(const Living&) = delete;
    Living& operator=(const Living&) = delete;

    void metrics() const {
        const dv_row row{sizeof(dv_row), 0, nullptr, 0, 0, 0.0};
        registry::call(host, component.id, "metrics", [&] { return table().metrics(object, &row); });
    }
    void flush() const {
        registry::call(host, component.id, "flush", [&] { return table().flush(object); });
    }
    void finalize() const {
        registry::call(host, component.id, "finalize", [&] { return table().finalize(object, {"success", 7}); });
    }
    const dv_logger_1& table() const { return *static_cast<const dv_logger_1*>(component.vtable); }

    const dv_component& component;
    const dv_host& host;
    void* object = nullptr;
};

TEST_F(HostileRun, WhatOpenThrowsArrivesWithItsText) {
    const ComponentError error = create_failure("throws_in_open");
    EXPECT_EQ(error.plugin, "hostile.throws");
    EXPECT_EQ(error.component, "hostile.logger.throws_in_open");
    EXPECT_EQ(error.hook, "create");
    EXPECT_EQ(error.text, "cannot write /no/such/place");
    EXPECT_EQ(error.status, DV_FAILED);
    EXPECT_EQ(create_failure("refuses").text, "'level' must be even");
    EXPECT_EQ(create_failure("refuses").status, DV_BAD_PARAMETER);
    expect_good_one_works();
}

TEST_F(HostileRun, WhatAHookThrowsArrivesWithItsHook) {
    const Living logger(load("throws_in_hook"), host_of("throws_in_hook"));
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(failure([&] { logger.metrics(); }).text, "disk full");
    EXPECT_EQ(failure([&] { logger.metrics(); }).hook, "metrics");
    EXPECT_EQ(failure([&] { logger.flush(); }).text, "unknown exception");
    EXPECT_EQ(failure([&] { logger.flush(); }).status, DV_UNKNOWN);
    EXPECT_EQ(failure([&] { logger.finalize(); }).status, DV_IO);
    expect_good_one_works();
    const Living fine(load("works"), host_of("works"));
    EXPECT_NO_THROW(fine.metrics());
}

TEST_F(HostileRun, ACodeWithoutTextGetsOne) {
    put("fails_silently");
    scan();
    const Living logger(load("fails_silently"), host_of("fails_silently"));
    const ComponentError error = failure([&] { logger.metrics(); });
    EXPECT_EQ(error.text, "component reported code 42 without a message");
    EXPECT_EQ(error.component, "hostile.logger.fails_silently");
    EXPECT_EQ(error.status, 42);
}

TEST_F(HostileRun, SuccessWithoutAnObjectIsAFailure) {
    put("creates_null");
    scan();
    EXPECT_EQ(create_failure("creates_null").text, "factory reported success but returned null");
    expect_good_one_works();
}

TEST_F(HostileRun, ACrashNamesThePluginTheHookAndTheStep) {
    const auto crash = [&](auto hook) {
        registry::install_crash_handlers();
        registry::set_breadcrumb_step(1000);
        const Living logger(load("dies_in_hook"), host_of("dies_in_hook"));
        hook(logger);
    };
    EXPECT_EXIT(
        crash([](const Living& l) { l.metrics(); }), ::testing::ExitedWithCode(70),
        "dvhost: crash \\(terminate\\) in plugin hostile.throws, component hostile.logger.dies_in_hook, hook metrics, "
        "step 1000: against my own promise");
    EXPECT_EXIT(crash([](const Living& l) { l.flush(); }), ::testing::ExitedWithCode(70),
                "dvhost: crash \\(SIGSEGV\\) in plugin hostile.throws, component hostile.logger.dies_in_hook, hook "
                "flush, step 1000");
}

TEST_F(HostileRun, ACrashWhileLoadingNamesThePlugin) {
    const auto crash = [&] {
        put("crashes_on_load");
        scan();
        registry::install_crash_handlers();
        load("crashes_on_load");
    };
    EXPECT_EXIT(crash(), ::testing::ExitedWithCode(70),
                "dvhost: crash \\(SIGABRT\\) in plugin hostile.crashes_on_load, hook load");
}

}  // namespace
}  // namespace dvhost::hostile
