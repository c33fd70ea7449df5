#include "compose/recording_plan.hpp"

#include "manifest/manifest.hpp"
#include "registry/sha256.hpp"

#include <dv/error.hpp>

#include <dlfcn.h>
#include <algorithm>
#include <span>

namespace dvhost::compose {

recording::Settings settings_of(const RecorderKeys& keys) {
    return {.name = keys.name,
            .stages = keys.stages,
            .layers = keys.layers,
            .every = keys.steps.every,
            .from = keys.steps.from,
            .to = keys.steps.to,
            .reduce = keys.reduce,
            .dtype = keys.dtype == RecordedType::half ? at::kHalf : at::kFloat,
            .policy = keys.policy,
            .n_samples = keys.n_samples,
            .hdf5 = std::find(keys.format.begin(), keys.format.end(), "hdf5") != keys.format.end()};
}

namespace {

std::string delays_of(const manifest::Node& model) {
    std::string text;
    for (const char* key : {"t_feedforward", "t_recurrence", "t_feedback", "t_skip"}) {
        const manifest::Node* delay = model.find(key);
        if (delay == nullptr || !delay->is_number()) continue;
        text += (text.empty() ? "\"" : ", \"") + std::string(key) + "\": " + std::to_string(delay->as_number());
    }
    return "{" + text + "}";
}

std::string weights_hash(const dv::Model& model) {
    registry::Sha256 hash;
    for (const dv::NamedTensor& t : model.parameters()) {
        const at::Tensor values = t.tensor.detach().cpu().contiguous();
        hash.update(std::span(static_cast<const std::byte*>(values.const_data_ptr()), values.nbytes()));
    }
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte b : hash.digest()) {
        text += digits[std::to_integer<unsigned>(b) >> 4];
        text += digits[std::to_integer<unsigned>(b) & 0xf];
    }
    return text;
}

}  // namespace

std::map<std::string, std::string> provenance(const manifest::Node& manifest, const dv::Model& model) {
    const manifest::Node& table = *manifest.find("model");
    const std::string text = manifest::write(manifest, /*provenance=*/false);
    std::map<std::string, std::string> out{{"dvhost_version", DVHOST_VERSION},
                                           {"manifest_sha256", registry::sha256_text(std::as_bytes(std::span(text)))},
                                           {"weights_sha256", weights_hash(model)},
                                           {"model", table.find("type")->as_string()},
                                           {"delays", delays_of(table)}};
    if (const manifest::Node* solver = manifest::find_path(table, "solver.type")) out["solver"] = solver->as_string();
    if (const manifest::Node* seed = manifest::find_path(manifest, "run.seed"))
        out["seed"] = std::to_string(seed->as_int());
    return out;
}

void expect_end_of_test(const recording::Plan& plan) {
    const std::string what = "trainer.early_test_stop ends a test when its recorders are full, and ";
    if (!plan.any("test")) {
        throw dv::Error(what + "no [[recorder]] has \"test\" among its stages: add one, or bound the test with trainer.limit_test_batches");
    }
    for (const recording::Settings& s : plan.recorders) {
        const bool is_of_test = std::find(s.stages.begin(), s.stages.end(), "test") != s.stages.end();
        if (is_of_test && (s.policy != recording::Policy::fixed || s.n_samples < 0)) {
            throw dv::Error(what + "recorder '" + s.name + "' never is: give it policy = \"fixed\" and n_samples of 0 or more");
        }
    }
}

std::filesystem::path hdf5_module() {
    Dl_info info{};
    if (dladdr(reinterpret_cast<const void*>(&hdf5_module), &info) == 0) return {};
    return std::filesystem::path(info.dli_fname).parent_path() / "libdvhost_hdf5.so";
}

}  // namespace dvhost::compose
