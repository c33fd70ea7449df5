#pragma once
/// The bad plugins, each in a folder beside good ones.

#include "registry/boundary.hpp"
#include "registry/registry.hpp"

#include "temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace dvhost::hostile {

using registry::Boundary;
using registry::ComponentInfo;
using registry::Refusal;
using registry::Registry;
using registry::ScanEntry;

inline std::filesystem::path raw_plugin(const std::string& name) {
    return std::filesystem::path(RAW_PLUGINS) / (name + ".so");
}

/// A folder that holds a good plugin and what a test puts beside it.
class HostileTest : public ::testing::Test {
protected:
    testing::TemporaryFolder folder;
    Boundary boundary{nullptr, nullptr};
    std::optional<Registry> plugins;

    HostileTest() { put("good"); }

    std::filesystem::path put(const std::string& name) {
        const auto to = folder / (name + ".so");
        std::filesystem::copy_file(raw_plugin(name), to);
        return to;
    }
    Registry& scan() {
        plugins.emplace(Registry::scan({{folder.path(), "--plugin-path"}}));
        return *plugins;
    }

    const ScanEntry& entry(const std::string& file) {
        for (const ScanEntry& e : plugins->entries()) {
            if (e.path == folder / file) return e;
        }
        throw std::logic_error("no entry for " + file);
    }

    const dv_component& load(const std::string& type) {
        const ComponentInfo* component = plugins->find("dv.logger", type).component;
        if (!component) throw std::logic_error("no logger " + type);
        return plugins->load(*component, boundary.host_for({plugins->plugin_of(*component).id, "", ""}));
    }

    /// The refusal of a raw plugin when it is loaded; the good plugin beside it still works.
    Refusal refusal_of(const std::string& name) {
        if (!std::filesystem::exists(folder / (name + ".so"))) put(name);
        scan();
        std::optional<Refusal> refusal;
        try {
            load(name);
        } catch (const Refusal& found) {
            refusal = found;
        }
        expect_good_one_works();
        if (!refusal) throw std::logic_error(name + " was loaded");
        EXPECT_EQ(refusal->file, (folder / (name + ".so")).string());
        return *refusal;
    }

    void expect_good_one_works() {
        if (!plugins) scan();
        const dv_component& component = load("good");
        const dv_host& host = boundary.host_for({"hostile.good", "hostile.logger.good", "logger.0"});
        const dv_config config{};
        void* logger = registry::create_object(host, component, config);
        const auto* table = static_cast<const dv_logger_1*>(component.vtable);
        const dv_metric metric{{"loss", 4}, 1.5};
        const dv_row row{sizeof(dv_row), 1, &metric, 0, 0, 0.0};
        EXPECT_NO_THROW(registry::call(host, component.id, "metrics", [&] { return table->metrics(logger, &row); }));
        component.destroy(logger);
    }
};

}  // namespace dvhost::hostile
