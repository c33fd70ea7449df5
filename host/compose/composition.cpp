#include "compose/composition.hpp"

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/safetensors.hpp"
#include "compose/config_view.hpp"
#include "compose/device.hpp"
#include "compose/recording_plan.hpp"
#include "compose/run_folder.hpp"
#include "compose/training_set.hpp"
#include "compose/weighted_loss.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <fstream>
#include <mutex>

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

std::uint64_t seed_of(const manifest::Node& root) {
    return static_cast<std::uint64_t>(manifest::find_path(root, "run.seed")->as_int());
}

/// The generator that torch::nn modules draw their initial values from.
void seed_default_generator(std::uint64_t seed) {
    at::Generator generator = at::detail::getDefaultCPUGenerator();  // a handle
    const std::lock_guard lock(generator.mutex());
    generator.set_current_seed(seed);
}

loops::BatchLimit limit_of(const manifest::Node& trainer, const char* key) {
    const manifest::Node& value = *trainer.find(key);
    if (value.is_int()) return {.share = 1.0, .count = value.as_int()};
    return {.share = value.as_number(), .count = std::nullopt};
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary);
    out << text;
    out.close();
    if (!out) throw dv::IoError("cannot write " + file.string() + ": is the disk full?");
}

/// Whether a key was written by somebody, or is a default.
bool is_written(const manifest::Node& table, std::string_view key) {
    return table.find(key)->source().kind != manifest::Source::Kind::fallback;
}

}  // namespace

template <class Keys>
Keys Composition::keys_of(const manifest::Node& table) const {
    Keys keys;
    const dv_config config = config_view(table);
    const dv_host nobody{};  // none of the host's own keys is a nested component
    dv::detail::bind_table(nobody, config, config.root, keys);
    return keys;
}

Composition::Composition(Checked checked, registry::Registry& plugins, logging::Console& console, logging::HostLog& log,
                         Purpose purpose)
    : checked_(std::move(checked)), log_(log), services_(seed_of(checked_.manifest), console),
      boundary_([&log](const registry::PluginMessage& m) { log.log(m.level, m.from.component, m.text); },
                [this](const registry::ComponentRecord& who, std::string_view id, std::uint32_t version) {
                    return services_.find(who, id, version);
                }),
      assembler_(plugins, boundary_) {
    services_.set_actions(
        {.save_checkpoint = [this](const std::filesystem::path& file, bool weights) { save_checkpoint(file, weights); },
         .create_nested =
             [this](const registry::ComponentRecord& owner, std::string_view iface, const dv_node* table,
                    std::string_view name, dv_child& out) {
                 out = assembler_.create(node_behind(table), iface, owner.place + "." + std::string(name));
             },
         .destroy_nested = [this](dv_child& child) { assembler_.destroy(child); }});
    experiment_.seed = seed_of(checked_.manifest);
    experiment_.warn = [&log](const std::string& text) { log.warn(text); };
    if (purpose == Purpose::run) {
        const auto run = keys_of<RunKeys>(role("run"));
        run_dir_ = make_run_folder(run.dir.empty() ? std::filesystem::path("runs") / run.name : run.dir);
        services_.set_run_dir(run_dir_);
        log_.keep_in(run_dir_ / "dvhost.log");
        write_text(run_dir_ / "config.toml", manifest::write(checked_.manifest, /*provenance=*/true));
    }
    build_data_and_model();
    if (purpose == Purpose::describe) return;
    load_weights();
    build_training();
    build_recording();
    build_callbacks();
    build_log_thread();
    experiment_.predictions = run_dir_ / "predictions.npy";
    trainer_ = std::make_unique<loops::Trainer>(experiment_);
}

Composition::~Composition() = default;

void Composition::build_data_and_model() {
    const manifest::Node& data = role("data");
    const auto keys = keys_of<DataKeys>(data);
    experiment_.loader = {.batch_size = keys.batch_size,
                          .n_threads = keys.num_workers,
                          .prefetch = keys.prefetch,
                          .shuffle = keys.shuffle,
                          .drop_last = keys.drop_last};
    experiment_.data = assembler_.make<dv::DataModule>(data, "data");
    experiment_.data->prepare();

    seed_default_generator(experiment_.seed);
    experiment_.model = assembler_.make<dv::Model>(role("model"), "model");
    experiment_.model->build(experiment_.data->facts());
    experiment_.model->set_plan(keys_of<EngineKeys>(role("engine")).plan);
}

bool Composition::has_stage(std::string_view name) const {
    const auto stages = keys_of<RunKeys>(role("run")).stages;
    return std::find(stages.begin(), stages.end(), name) != stages.end();
}

/// The file's values are rounded once, to the run's own precision.
void Composition::load_weights() {
    const auto request = weights_request(keys_of<WeightsKeys>(role("weights")));
    if (!request) return;
    const bool full = keys_of<TrainerKeys>(role("trainer")).precision == Precision::full;
    for (dv::NamedTensor& t : experiment_.model->parameters()) {
        if (full && t.tensor.scalar_type() == at::kFloat) t.tensor.set_data(t.tensor.detach().to(at::kDouble));
    }
    loaded_ = checkpoint::load_weights(*experiment_.model, *request);
    const bool incomplete = !loaded_->missing.empty() || !loaded_->unexpected.empty();
    const std::string text = "weights from " + request->path.string() + ": " + loaded_->text();
    incomplete ? log_.warn(text) : log_.info(text);
}

void Composition::build_training() {
    const manifest::Node& root = checked_.manifest;
    experiment_.trainer = trainer_options();

    std::vector<WeightedLoss::Term> terms;
    if (const manifest::Node* losses = root.find("loss")) {
        for (const manifest::Node& table : losses->as_list()) {
            const std::string place = "loss." + std::to_string(terms.size());
            const std::string& type = table.find("type")->as_string();
            terms.push_back({assembler_.make<dv::Loss>(table, place), keys_of<LossKeys>(table).weight,
                             type.substr(type.rfind('.') + 1)});
        }
    }
    if (!terms.empty()) {  // to predict, none is needed
        const auto loss = std::make_shared<WeightedLoss>(std::move(terms),
                                                         boundary_.host_for({"dvhost", "dvhost.loss.weighted", "loss"}));
        experiment_.criteria = [loss] { return loss->last_terms(); };
        experiment_.loss = loss;
    }

    if (const manifest::Node* metrics = root.find("metric")) {
        std::size_t i = 0;
        for (const manifest::Node& table : metrics->as_list()) {
            const std::string place = "metric." + std::to_string(i++);
            experiment_.train_metrics.push_back(assembler_.make<dv::Metric>(table, place));
            experiment_.metrics.push_back(assembler_.make<dv::Metric>(table, place));
        }
    }
    if (const manifest::Node* schedule = root.find("schedule")) {
        experiment_.schedule = assembler_.make_schedule(*schedule, "schedule");
    }
    experiment_.strategy = assembler_.make<dv::Strategy>(role("strategy"), "strategy");
    experiment_.strategy->connect(choose_device(keys_of<TrainerKeys>(role("trainer")).accelerator));
    if (root.find("optimizer") != nullptr) build_optimizer();
}

void Composition::build_optimizer() {
    const manifest::Node& table = role("optimizer");
    const auto keys = keys_of<OptimizerKeys>(table);
    if (has_stage("fit")) {
        choose_trained(*experiment_.model, keys, loaded_ ? &*loaded_ : nullptr, keys_of<WeightsKeys>(role("weights")).trainable_rest,
                       experiment_.warn, [this](const std::string& text) { log_.info(text); });
    }
    optimizer_table_ = table;
    if (keys.lr_scaling) {
        manifest::Node* lr = optimizer_table_.find("lr");
        if (lr == nullptr || !lr->is_number()) throw dv::Error("optimizer.lr_scaling scales `lr`, and this optimizer has none");
        const std::int64_t samples = experiment_.loader.batch_size * experiment_.trainer.accumulate_grad_batches *
                                     experiment_.strategy->rank().world_size;
        const double scaled = lr->as_number() * lr_scale(*keys.lr_scaling, samples);
        log_.info("lr is " + std::to_string(scaled) + " for " + std::to_string(samples) + " samples per optimizer step (optimizer.lr_scaling)");
        *lr = manifest::Node(scaled, lr->source());
    }
    experiment_.optimizer = assembler_.make<dv::Optimizer>(optimizer_table_, "optimizer");
}

loops::TrainerOptions Composition::trainer_options() const {
    const manifest::Node& table = role("trainer");
    const auto keys = keys_of<TrainerKeys>(table);
    loops::TrainerOptions out;
    out.stop = {.max_epochs = keys.max_epochs,
                .min_epochs = keys.min_epochs,
                .max_steps = keys.max_steps,
                .min_steps = keys.min_steps,
                .max_seconds = keys.max_seconds > 0 ? keys.max_seconds : -1.0};
    // Who bounds steps only means steps: the default of one epoch then does not apply.
    if (is_written(table, "max_steps") && keys.max_steps >= 0 && !is_written(table, "max_epochs")) out.stop.max_epochs = -1;
    out.train_batches = limit_of(table, "limit_train_batches");
    out.val_batches = limit_of(table, "limit_val_batches");
    out.test_batches = limit_of(table, "limit_test_batches");
    out.predict_batches = limit_of(table, "limit_predict_batches");
    if (table.find("val_check_interval")->is_int()) {
        out.val_check_batches = table.find("val_check_interval")->as_int();
    } else {
        out.val_check_interval = keys.val_check_interval;
    }
    out.num_sanity_val_steps = keys.num_sanity_val_steps;
    out.check_val_every_n_epoch = keys.check_val_every_n_epoch;
    out.log_every_n_steps = keys.log_every_n_steps;
    out.accumulate_grad_batches = keys.accumulate_grad_batches;
    out.gradient_clip_val = keys.gradient_clip_val;
    out.gradient_clip_algorithm = keys.gradient_clip_algorithm == Clip::norm ? loops::ClipAlgorithm::norm : loops::ClipAlgorithm::value;
    out.on_nan = keys.on_nan == OnNan::stop   ? loops::OnNan::stop
                 : keys.on_nan == OnNan::skip ? loops::OnNan::skip
                                              : loops::OnNan::ignore;
    out.dtype = keys.precision == Precision::full ? at::kDouble : at::kFloat;
    return out;
}

void Composition::build_recording() {
    const manifest::Node* tables = checked_.manifest.find("recorder");
    if (tables == nullptr) return;
    recording::Plan& plan = experiment_.recording;
    for (const manifest::Node& table : tables->as_list()) {
        const std::string place = "recorder." + std::to_string(plan.recorders.size());
        plan.recorders.push_back(settings_of(keys_of<RecorderKeys>(table)));
        recording::expect_layers(plan.recorders.back(), experiment_.model->layers(), place);
    }
    plan.folder = run_dir_ / "responses";
    plan.hdf5_module = hdf5_module();
    plan.attributes = [this] { return provenance(checked_.manifest, *experiment_.model); };
    plan.info = [this](const std::string& text) { log_.info(text); };
    plan.warn = experiment_.warn;
    plan.seed = experiment_.seed;
}

void Composition::build_callbacks() {
    const manifest::Node* callbacks = checked_.manifest.find("callback");
    if (callbacks == nullptr) return;
    std::size_t i = 0;
    for (const manifest::Node& table : callbacks->as_list()) {
        const std::string place = "callback." + std::to_string(i++);
        const auto keys = keys_of<CallbackKeys>(table);
        try {
            auto callback = assembler_.make_callback(table, place);
            if (!keys.required) {
                tolerant_.push_back(std::make_shared<TolerantCallback>(
                    std::move(callback), keys.max_errors,
                    [this, place](const std::string& text) { log_.warn(place + ": " + text); }));
                callback = tolerant_.back();
            }
            experiment_.callbacks.push_back(std::move(callback));
        } catch (const CreateError& error) {
            if (keys.required) throw;
            left_out_.push_back(error.what());
            log_.warn(std::string(error.what()) + "; it is left out (required = false)");
        }
    }
}

void Composition::build_log_thread() {
    std::vector<logging::LoggerEntry> loggers;
    if (const manifest::Node* tables = checked_.manifest.find("logger")) {
        std::size_t i = 0;
        for (const manifest::Node& table : tables->as_list()) {
            const std::string place = "logger." + std::to_string(i++);
            const auto keys = keys_of<LoggerKeys>(table);
            try {
                loggers.push_back({assembler_.make_logger(table, place), table.find("type")->as_string() + " (" + place + ")",
                                   keys.required, static_cast<int>(keys.max_errors)});
            } catch (const CreateError& error) {
                if (keys.required || !is_written(table, "required")) throw;
                left_out_.push_back(error.what());
                log_.warn(std::string(error.what()) + "; it is left out (required = false)");
            }
        }
    }
    log_thread_ = std::make_unique<logging::LogThread>(std::move(loggers), experiment_.warn);
    experiment_.sink = log_thread_.get();
}

loops::RunSummary Composition::run() {
    const dv_config whole = config_view(checked_.manifest);
    log_thread_->hyperparameters(whole);
    std::vector<loops::StageKind> stages;
    for (const std::string& name : keys_of<RunKeys>(role("run")).stages) {
        stages.push_back(name == "fit"        ? loops::StageKind::fit
                         : name == "validate" ? loops::StageKind::validate
                         : name == "test"     ? loops::StageKind::test
                                              : loops::StageKind::predict);
    }
    try {
        trainer_->run(stages);
    } catch (const loops::Interrupted&) {
        log_thread_->finish("interrupted");
        throw;
    } catch (...) {
        log_thread_->finish("failed");
        throw;
    }
    save_trained();
    log_thread_->finish("success");
    return trainer_->summary();
}

/// What was trained, for other programs.
void Composition::save_trained() {
    if (!has_stage("fit") || !keys_of<TrainerKeys>(role("trainer")).enable_checkpointing) return;
    checkpoint::write_safetensors(run_dir_ / "trained.safetensors", experiment_.model->parameters(),
                                  {{"format", "pt"},
                                   {"dvhost_version", DVHOST_VERSION},
                                   {"model", role("model").find("type")->as_string()},
                                   {"global_step", std::to_string(trainer_->progress().global_step)}});
}

std::vector<std::string> Composition::losses() const {
    std::vector<std::string> out = left_out_;
    for (const logging::LoggerFailure& f : log_thread_->failures()) {
        out.push_back(f.label + (f.switched_off ? " was switched off" : " failed") + " and lost " +
                      std::to_string(f.lost_rows) + " rows: " + f.text);
    }
    for (const auto& callback : tolerant_) {
        if (callback->has_failed()) out.emplace_back("a callback with required = false failed; see the warnings above");
    }
    return out;
}

void Composition::save_checkpoint(const std::filesystem::path& file, bool weights_only) {
    if (!trainer_) throw dv::Error("a checkpoint was asked for before the run had begun");
    const checkpoint::Context context{.hyper_parameters = pickle_value(role("model")),
                                      .manifest = manifest::write(checked_.manifest, /*provenance=*/false),
                                      .seed = experiment_.seed};
    checkpoint::write_file(file, checkpoint::gather(experiment_, trainer_->progress(), context,
                                                    weights_only ? checkpoint::Content::weights_only
                                                                 : checkpoint::Content::everything));
}

}  // namespace dvhost::compose
