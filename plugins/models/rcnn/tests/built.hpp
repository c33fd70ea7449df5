#pragma once
/// Small networks of two layers, built, with the host that they talk to.

#include "dyrcnn.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/rand.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace built {

using dv::testing::Config;
using dv::testing::list;
using dyrcnn::both;
using dyrcnn::connections;
using dyrcnn::Edges;
using dyrcnn::with;

inline constexpr dv::DataFacts kData{.n_frames = 1, .channels = 1, .height = 8, .width = 8, .n_classes = 3};

inline Config layer(const char* name, int channels, const Config& more = {}) {
    return with({{"name", name}, {"conv", Config{{"channels", channels}}}}, more);
}

/// Two small layers, V1 and V4.
inline Config small(const Config& changes = {}) {
    return with({{"n_timesteps", 4}, {"layer", list(layer("V1", 2), layer("V4", 3))}}, changes);
}

/// A model and the host that it talks to.
struct Built {
    dv::testing::Plugin plugin = dyrcnn::plugin();
    std::shared_ptr<dv::Model> model;

    explicit Built(const Config& config, const dv::DataFacts& facts = kData)
        : model(plugin.make<dv::Model>("rcnn", config)) {
        model->build(facts);
    }
    std::vector<std::string> names() const {
        std::vector<std::string> out;
        for (const dv::NamedTensor& p : model->parameters()) out.push_back(p.name);
        return out;
    }
    dv::NamedTensor parameter(const std::string& name) const {
        for (const dv::NamedTensor& p : model->parameters()) {
            if (p.name == name) return p;
        }
        ADD_FAILURE() << "no parameter " << name;
        return {};
    }
    std::string warnings() { return plugin.host().log_text(DV_LOG_WARNING); }
};

/// What the model says when it refuses to be made or built; empty when it does not.
inline std::string refusal(const Config& config, const dv::DataFacts& facts = kData) {
    try {
        Built built(config, facts);
    } catch (const dv::ComponentError& error) {
        EXPECT_EQ(error.component, "dynvision.model.rcnn");
        return error.text;
    }
    return "";
}

inline dv::Sequence noise(std::int64_t batch, std::int64_t n_frames) {
    return dv::Sequence::of(at::rand({batch, n_frames, 1, 8, 8}, at::detail::createCPUGenerator(7)));
}

}  // namespace built
