#include "compose/checkpoints.hpp"

#include "manifest/manifest.hpp"
#include "manifest/text.hpp"

#include <algorithm>

namespace dvhost::compose {

namespace {

/// A table of the manifest as a value for a checkpoint.
checkpoint::PickleValue pickle_value(const manifest::Node& node) {
    using checkpoint::PickleValue;
    if (node.is_bool()) return {node.as_bool()};
    if (node.is_int()) return {node.as_int()};
    if (node.is_float()) return {node.as_number()};
    if (node.is_string()) return {node.as_string()};
    if (node.is_list()) {
        PickleValue::List list;
        for (const manifest::Node& item : node.as_list()) list.push_back(pickle_value(item));
        return {std::move(list)};
    }
    PickleValue::Pairs pairs;
    for (const manifest::Member& member : node.as_table()) {
        pairs.emplace_back(PickleValue{member.key}, pickle_value(member.value));
    }
    return {PickleValue::Dict{std::move(pairs)}};
}

}  // namespace

Checkpoints::Checkpoints(loops::Experiment& experiment, checkpoint::Context context, bool stop_on_error, std::function<void()> on_disk)
    : experiment_(experiment), context_(std::move(context)), stop_on_error_(stop_on_error), saver_(std::move(on_disk)) {}

void Checkpoints::attach(loops::Trainer& trainer) {
    trainer_ = &trainer;
    experiment_.before_change = [this] { saver_.wait_copied(); };
    experiment_.after_phase = [this] { after_phase(); };
}

void Checkpoints::save(const std::filesystem::path& file, bool weights_only) {
    if (trainer_ == nullptr) throw dv::Error("a checkpoint was asked for before the run had begun");
    saver_.drain();
    taken(weights_only, [&](checkpoint::PickleValue value) { checkpoint::write_file(file, value); });
}

/// Optimizer and weights change in a step alone.
std::vector<at::Tensor> Checkpoints::steady() const {
    std::vector<at::Tensor> out;
    for (const dv::NamedTensor& t : experiment_.model->parameters()) {
        if (t.trainable) out.push_back(t.tensor);
    }
    for (const auto& optimizer : experiment_.optimizers) {
        for (const dv::OptimizerState& s : optimizer->state()) out.push_back(s.tensor);
    }
    return out;
}

/// Callbacks may put other values in place for a checkpoint, and take them back; until then nobody else reads the tensors.
void Checkpoints::taken(bool weights_only, const std::function<void(checkpoint::PickleValue)>& use) {
    const loops::ProfileScope scope(experiment_.profiler, loops::Profiler::save_checkpoint);
    taking_ = true;
    const auto content = weights_only ? checkpoint::Content::weights_only : checkpoint::Content::everything;
    try {
        trainer_->tell(DV_SAVE_CHECKPOINT);
        use(checkpoint::gather(experiment_, trainer_->checkpoint(), context_, content));
        if (trainer_->wants(DV_CHECKPOINT_TAKEN)) saver_.wait_copied();
        trainer_->tell(DV_CHECKPOINT_TAKEN);
    } catch (...) {
        taking_ = false;
        throw;
    }
    taking_ = false;
}

void Checkpoints::after_phase() {
    if (taking_) return;
    report();
    for (Wish& wish : std::exchange(asked_, {})) {
        if (auto* remove = std::get_if<Remove>(&wish)) {
            saver_.remove(std::move(remove->file));
            continue;
        }
        if (auto* names = std::get_if<Announce>(&wish)) {
            if (index_.empty()) continue;
            saver_.write_text(index_, "# The checkpoints of this run.\nbest = " + manifest::toml_string(names->best) +
                                          "\nlast = " + manifest::toml_string(names->last) + "\n");
            continue;
        }
        Save& asked = std::get<Save>(wish);
        taken(asked.weights_only, [&](checkpoint::PickleValue value) { saver_.write(std::move(asked.file), std::move(value), steady()); });
    }
}

void Checkpoints::report() {
    for (std::string& failure : saver_.take_failures()) {
        failures_.push_back("a checkpoint was not written: " + failure);
        if (stop_on_error_) throw dv::IoError(failures_.back());
        experiment_.warn(failures_.back() + "; the former file is untouched, training goes on (trainer.on_checkpoint_error)");
    }
}

const std::vector<std::string>& Checkpoints::finish() {
    saver_.drain();
    for (std::string& failure : saver_.take_failures()) failures_.push_back("a checkpoint was not written: " + failure);
    return failures_;
}

checkpoint::Context checkpoint_context(const manifest::Node& manifest, std::uint64_t seed) {
    return {.hyper_parameters = pickle_value(*manifest.find("model")),
            .data_hyper_parameters = pickle_value(*manifest.find("data")),
            .manifest = manifest::write(manifest, /*provenance=*/false),
            .seed = seed};
}

CheckpointIndex read_index(const std::filesystem::path& file) {
    CheckpointIndex out;
    if (!std::filesystem::is_regular_file(file)) return out;
    const manifest::Node root = manifest::load({{file}, {}});
    const auto text = [&](const char* key) {
        const manifest::Node* node = root.find(key);
        return node != nullptr && node->is_string() ? node->as_string() : std::string();
    };
    return {text("best"), text("last")};
}

}  // namespace dvhost::compose
