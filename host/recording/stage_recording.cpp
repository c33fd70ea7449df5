#include "recording/stage_recording.hpp"

#include <dv/error.hpp>

#include <algorithm>
#include <charconv>

namespace dvhost::recording {

namespace {

bool is_of(const Settings& settings, const std::string& stage) {
    return std::find(settings.stages.begin(), settings.stages.end(), stage) != settings.stages.end();
}

std::string number(double value) {
    char digits[32];
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

const char* text_of(Policy policy) {
    return policy == Policy::fixed ? "fixed" : policy == Policy::cyclic ? "cyclic" : "reservoir";
}

const char* text_of(Reduce reduce) {
    switch (reduce) {
        case Reduce::none: return "none";
        case Reduce::channel_mean: return "channel_mean";
        case Reduce::space_mean: return "space_mean";
        case Reduce::layer: break;
    }
    return "layer";
}

}  // namespace

bool Plan::any(const std::string& stage) const {
    return std::any_of(recorders.begin(), recorders.end(), [&](const Settings& s) { return is_of(s, stage); });
}

bool StageRecording::Fan::wants(std::size_t layer, std::int64_t timestep) const {
    bool any = false;
    for (const auto& r : recorders) any = r->wants(layer, timestep) || any;  // each is asked: it counts the steps
    return any;
}

void StageRecording::Fan::record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) {
    for (const auto& r : recorders) {
        if (r->wants(layer, timestep)) r->record(layer, timestep, response);
    }
}

StageRecording::StageRecording(const Plan& plan, const std::string& stage, dv::Model& model, std::int64_t n_samples,
                               std::map<std::string, std::string> more)
    : plan_(plan), stage_(stage), model_(model), more_(std::move(more)), layers_(model.layers()) {
    for (const Settings& s : plan.recorders) {
        if (!is_of(s, stage)) continue;
        expect_layers(s, layers_, "recorder '" + s.name + "'");
        fan_.recorders.push_back(std::make_unique<ResponseRecorder>(s, layers_, n_samples, plan.seed, plan.info,
                                                                    plan.folder / (s.name + "_" + stage + ".partial")));
    }
}

StageRecording::~StageRecording() {
    if (is_finished_) return;
    try {
        model_.record(nullptr);
        write(/*is_complete=*/false);
    } catch (const std::exception& problem) {  // an error is under way already
        plan_.warn(std::string("while ending a recording: ") + problem.what());
    }
}

void StageRecording::begin_batch(const dv::Batch& batch) {
    for (const auto& r : fan_.recorders) r->begin_batch(batch.size());
    model_.record(&fan_);
}

void StageRecording::end_batch(const dv::Batch& batch, const at::Tensor& outputs, const at::Tensor& labels) {
    model_.record(nullptr);
    if (!outputs.defined())
        throw dv::Error("recorder '" + fan_.recorders.front()->settings().name + "' records the " + stage_ +
                        " stage, where this model shows no outputs: take it out of the recorder's stages");
    for (const auto& r : fan_.recorders) r->end_batch(outputs, labels, batch.index);
}

bool StageRecording::is_full() const {
    return std::all_of(fan_.recorders.begin(), fan_.recorders.end(), [](const auto& r) { return r->is_full(); });
}

void StageRecording::finish() {
    is_finished_ = true;
    write(/*is_complete=*/true);
}

void StageRecording::write(bool is_complete) const {
    for (const auto& r : fan_.recorders) {
        const Settings& s = r->settings();
        ArrayFile content = r->content();
        if (content.arrays.empty()) {
            plan_.warn("recorder '" + s.name + "' kept nothing in the " + stage_ +
                       " stage: no step or no sample was chosen");
            continue;
        }
        content.attributes = attributes_of(*r, is_complete);
        const std::filesystem::path base = plan_.folder / (s.name + "_" + stage_);
        const std::filesystem::path npz = base.string() + ".npz", h5 = base.string() + ".h5";
        write_npz(npz, content);
        if (s.hdf5) write_hdf5(h5, content, plan_.hdf5_module);
        r->discard_files();
        plan_.info("recorder '" + s.name + "': " + std::to_string(r->n_kept()) + " of " + std::to_string(r->n_seen()) +
                   " presentations in " + npz.string() + (s.hdf5 ? " and " + h5.filename().string() : ""));
    }
}

std::map<std::string, std::string> StageRecording::attributes_of(const ResponseRecorder& recorder,
                                                                 bool is_complete) const {
    std::map<std::string, std::string> out = plan_.attributes();
    out.insert(more_.begin(), more_.end());
    const Settings& s = recorder.settings();
    out["stage"] = stage_;
    out["policy"] = text_of(s.policy);
    out["reduce"] = text_of(s.reduce);
    out["n_presentations_seen"] = std::to_string(recorder.n_seen());
    out["complete"] = is_complete ? "true" : "false";
    out["dt_ms"] = number(layers_.front().dt);
    out["time_convention"] =
        "a response of time step t is that at the end of [time_bin_start, time_bin_end), in ms from the first step";
    out["dimension_order"] =
        "presentation, time_bin, then channel, y, x of the layer; C order (the last varies fastest)";
    return out;
}

}  // namespace dvhost::recording
