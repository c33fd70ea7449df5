#pragma once
/// A checkpoint callback and the files that it leaves.

#include "fit.hpp"

#include <dv/testing/load.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace checkpoint::testing {

namespace fs = std::filesystem;
using dv::testing::CallbackHandle;
using dv::testing::Config;
using dv::testing::Plugin;
using dv::testing::RunBuilder;

using Files = std::set<std::string>;

using Files = std::set<std::string>;

class CheckpointTest : public ::testing::Test {
protected:
    Plugin plugin{DV_PLUGIN_UNDER_TEST};

    fs::path folder() { return plugin.host().run_dir() / "checkpoints"; }

    /// The files below a folder, without ".ckpt".
    static Files files_in(const fs::path& root) {
        Files files;
        if (!fs::exists(root)) return files;
        for (const auto& entry : fs::recursive_directory_iterator(root)) {
            if (!entry.is_regular_file() || entry.path().extension() == ".toml") continue;
            const std::string name = entry.path().lexically_relative(root).string();
            EXPECT_TRUE(name.ends_with(".ckpt")) << name;
            files.insert(name.substr(0, name.size() - 5));
        }
        return files;
    }

    /// What a fit leaves.
    Files left(const Config& config, const Fit& fit = {}) {
        fs::remove_all(folder());
        auto callback = plugin.make<dv::Callback>("checkpoint", config);
        Runner(callback, plugin.host(), fit).run();
        const Files files = files_in(folder());
        EXPECT_EQ(left_on_a_first_host(config, fit), files) << "a host of minor 0 comes to another end";
        return files;
    }

    Files left_on_a_first_host(const Config& config, const Fit& fit) {
        Plugin other = plugin.with_new_host();
        other.host().minor = 0;
        auto callback = other.make<dv::Callback>("checkpoint", config);
        Runner(callback, other.host(), fit).run();
        return files_in(other.host().run_dir() / "checkpoints");
    }

    /// Everything that was ever written since the host began, in order.
    std::vector<std::string> written() {
        std::vector<std::string> names;
        for (const auto& saved : plugin.host().checkpoints()) names.push_back(saved.path.stem().string());
        return names;
    }

    std::string refusal(const Config& config) {
        try {
            plugin.make<dv::Callback>("checkpoint", config);
        } catch (const dv::ComponentError& error) {
            EXPECT_EQ(error.code(), DV_BAD_PARAMETER) << error.text;
            return error.text;
        }
        return "";
    }
};

}  // namespace checkpoint::testing
