#pragma once
/// Components out of built plugins, for their tests:
///
///     dv::testing::Plugin plugin(DV_PLUGIN_UNDER_TEST);
///     auto solver = plugin.make<dv::Solver>("dynvision.solver.euler");                  // std::shared_ptr<dv::Solver>
///     auto csv = plugin.make<dv::Logger>("csv", {{"path", "out.csv"}});                 // LoggerHandle
///     auto stop = plugin.make<dv::Callback>("early_stopping", {{"monitor", "val/loss"}});
///     AnswerLog answer = stop.phase(DV_VALIDATION_END, RunBuilder().metric("val/loss", 0.5));
///
/// Parameters that are not given take the defaults of their declaration; values are checked as the host checks them.
/// Nested components are found in the plugin itself and in what with() added. Everything runs on the test's own thread.

#include <dv/callback.hpp>
#include <dv/logger.hpp>
#include <dv/schedule.hpp>
#include <dv/testing/config.hpp>
#include <dv/testing/handles.hpp>
#include <dv/testing/host.hpp>
#include <dv/testing/library.hpp>

#include <concepts>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dv::testing {

class Plugin {
public:
    /// Reads the plugin's notes; it is loaded when its first component is made. Throws std::runtime_error.
    explicit Plugin(std::filesystem::path file);

    /// The same plugins with a host of its own.
    Plugin with_new_host() const;

    /// Adds a further plugin, or all plugins of a folder, for nested components. They are loaded when one of theirs is
    /// made.
    Plugin& with(const std::filesystem::path& file_or_folder);

    Host& host();
    const std::filesystem::path& path() const;
    /// What the plugin says of its own components.
    const std::vector<ComponentNote>& notes() const;
    /// `id`: a full id, its last part, or empty when the plugin has one component. Throws std::invalid_argument with
    /// the ids there are.
    const ComponentNote& note(std::string_view id = {}) const;
    const dv_component& component(std::string_view id = {});

    /// An object. `place` keys its random draws; by default the name of its kind ("solver"). Throws dv::ComponentError
    /// when the component refuses, std::invalid_argument when `config` is not what it declares.
    std::shared_ptr<Made> create(std::string_view id, const Config& config = {}, std::string place = {});
    /// The same without looking at `config` first, for tests of a component's own refusals.
    std::shared_ptr<Made> create_unchecked(std::string_view id, const Config& config, std::string place = {});

    /// The object behind its C++ interface: std::shared_ptr<Kind> of a torch kind, a handle of a portable one. It may
    /// outlive this Plugin. Throws as create() does.
    template <class Kind>
    auto make(std::string_view id = {}, const Config& config = {}, std::string place = {}) {
        std::shared_ptr<Made> made = create(id, config, std::move(place));
        expect_iface(*made, Kind::dv_iface);
        if constexpr (std::same_as<Kind, Logger>) {
            return LoggerHandle(std::move(made));
        } else if constexpr (std::same_as<Kind, Callback>) {
            return CallbackHandle(std::move(made));
        } else if constexpr (std::same_as<Kind, Schedule>) {
            return ScheduleHandle(std::move(made));
        } else {
            dv_child child{};
            child.size = sizeof child;
            child.object = made->object();
            child.component = &made->component();
            child.host = &made->host();
            return Kind::dv_import(child, [made](dv_child&) {});
        }
    }

private:
    struct Shelf;  // the libraries
    struct State;  // a shelf and a host; every object made keeps it alive
    explicit Plugin(std::shared_ptr<Shelf> shelf);
    static void expect_iface(const Made& made, std::string_view iface);

    std::shared_ptr<State> state_;
};

}  // namespace dv::testing
