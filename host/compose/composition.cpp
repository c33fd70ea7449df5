#include "compose/composition.hpp"

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/pytorch_file.hpp"
#include "checkpoint/safetensors.hpp"
#include "compose/config_view.hpp"
#include "compose/device.hpp"
#include "compose/keys.hpp"
#include "compose/logger_set.hpp"
#include "compose/recording_plan.hpp"
#include "compose/run_folder.hpp"
#include "compose/trainer_options.hpp"
#include "compose/training_set.hpp"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <fstream>
#include <mutex>

namespace dvhost::compose {

namespace {

std::uint64_t seed_of(const manifest::Node& root) {
    return static_cast<std::uint64_t>(manifest::find_path(root, "run.seed")->as_int());
}

/// The generator that torch::nn modules draw their initial values from.
void seed_default_generator(std::uint64_t seed) {
    at::Generator generator = at::detail::getDefaultCPUGenerator();  // a handle
    const std::lock_guard lock(generator.mutex());
    generator.set_current_seed(seed);
}

void write_text(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary);
    out << text;
    out.close();
    if (!out) throw dv::IoError("cannot write " + file.string() + ": is the disk full?");
}

}  // namespace

Composition::Composition(Checked checked, registry::Registry& plugins, logging::Console& console, logging::HostLog& log,
                         Purpose purpose, const ResumeRequest& request)
    : checked_(std::move(checked)), log_(log), services_(seed_of(checked_.manifest), console),
      boundary_([&log](const registry::PluginMessage& m) { log.log(m.level, m.from.component, m.text); },
                [this](const registry::ComponentRecord& who, std::string_view id, std::uint32_t version) {
                    return services_.find(who, id, version);
                }),
      assembler_(plugins, boundary_) {
    services_.set_actions(
        {.save_checkpoint = [this](const std::filesystem::path& file, bool weights) { checkpoints_->save(file, weights); },
         .request_checkpoint = [this](const std::filesystem::path& file, bool weights) { checkpoints_->request(file, weights); },
         .remove_checkpoint = [this](const std::filesystem::path& file) { checkpoints_->remove(file); },
         .announce_checkpoints =
             [this](std::string best, std::string last) { checkpoints_->announce(std::move(best), std::move(last)); },
         .resumed_from = [this]() -> const std::string& { return checkpoints_->resumed_from(); },
         .create_nested =
             [this](const registry::ComponentRecord& owner, std::string_view iface, const dv_node* table,
                    std::string_view name, dv_child& out) {
                 out = assembler_.create(node_behind(table), iface, owner.place + "." + std::string(name));
             },
         .destroy_nested = [this](dv_child& child) { assembler_.destroy(child); }});
    experiment_.seed = seed_of(checked_.manifest);
    experiment_.warn = [&log](const std::string& text) { log.warn(text); };
    if (purpose != Purpose::describe) {
        open_run_folder(purpose, request, plugins, console);
        connect_strategy();
    }
    build_data_and_model();
    if (purpose == Purpose::describe) return;
    load_weights();  // also when a checkpoint follows: what the file supplies decides what is trained
    if (!start_.checkpoint.empty()) load_checkpoint();
    build_training(has_stage("fit") || purpose == Purpose::tune);
    if (purpose == Purpose::tune) return;
    build_recording();
    build_profiler();
    checkpoints_ = std::make_unique<Checkpoints>(experiment_, checkpoint_context(checked_.manifest, experiment_.seed),
                                                 keys_of<TrainerKeys>(role("trainer")).on_checkpoint_error == OnCheckpointError::stop,
                                                 [this] { log_thread_->flush(); });
    checkpoints_->set_index(run_dir_ / "checkpoints.toml");
    if (!start_.folder.empty()) checkpoints_->set_resumed_from(start_.checkpoint);
    build_callbacks();
    build_log_thread();
    experiment_.predictions = run_dir_ / "predictions.npy";
    trainer_ = std::make_unique<loops::Trainer>(experiment_);
    checkpoints_->attach(*trainer_);
    set_up();
}

/// Everybody is told that there is a run, then finds the state that it goes on from.
void Composition::set_up() {
    ending_log([&] { trainer_->setup(); });
    if (!resumed_) return;
    if (has_stage("fit")) {
        const bool partial = keys_of<TrainerKeys>(role("trainer")).resume_partial;
        checkpoint::check_complete(*resumed_, experiment_, partial);
        loops::RunState state = checkpoint::restore(*resumed_, experiment_, partial);
        if (!start_.folder.empty()) log_thread_->resume(state.rows, state.progress.windows);
        trainer_->resume(std::move(state));
        log_.info("training goes on from " + start_.checkpoint.string());
    } else {
        checkpoint::restore_parts(*resumed_, experiment_);
    }
    resumed_.reset();
}

void Composition::open_run_folder(Purpose purpose, const ResumeRequest& request, registry::Registry& plugins, logging::Console& console) {
    const auto run = keys_of<RunKeys>(role("run"));
    std::filesystem::path base = run.dir.empty() ? std::filesystem::path("runs") / run.name : run.dir;
    if (purpose == Purpose::tune) base /= "tune";  // no run to go on from
    start_ = start_point(request, base, has_stage("fit"), experiment_.warn);
    run_dir_ = start_.folder.empty() ? make_run_folder(base) : start_.folder;
    services_.set_run_dir(run_dir_);
    // What a killed process left in its spool comes first, so that loggers hold at least what the checkpoint counts.
    if (!start_.folder.empty()) deliver_what_is_left(run_dir_, "interrupted", plugins, console, log_);
    log_.keep_in(run_dir_ / "dvhost.log");
    write_text(run_dir_ / "config.toml", manifest::write(checked_.manifest, /*provenance=*/true));
}

/// The weights of the checkpoint; what else is in it comes when all parts are there.
void Composition::load_checkpoint() {
    std::size_t left_out = 0;
    resumed_ = checkpoint::read_pytorch_tree(start_.checkpoint, &left_out);
    if (left_out > 0) log_.warn(start_.checkpoint.string() + " holds " + std::to_string(left_out) + " values that are neither plain data nor tensors: they are left out");
    widen_model();
    // All of it, under its own names: what [weights] selects and translates is about another file.
    const checkpoint::WeightsReport report = checkpoint::load_weights(*experiment_.model, {.path = start_.checkpoint, .key = "state_dict"});
    log_.info("weights from " + start_.checkpoint.string() + ": " + report.text());
}

Composition::~Composition() = default;

/// First of all: it knows which rank this process is, and on which device.
void Composition::connect_strategy() {
    experiment_.strategy = assembler_.make<dv::Strategy>(role("strategy"), "strategy");
    experiment_.strategy->connect(choose_device(keys_of<TrainerKeys>(role("trainer")).accelerator));
}

void Composition::build_data_and_model() {
    const manifest::Node& data = role("data");
    const auto keys = keys_of<DataKeys>(data);
    experiment_.loader = {.batch_size = keys.batch_size,
                          .n_threads = keys.num_workers,
                          .prefetch = keys.prefetch,
                          .shuffle = keys.shuffle,
                          .drop_last = keys.drop_last,
                          .combine = keys.combine};
    experiment_.data = assembler_.make<dv::DataModule>(data, "data");
    experiment_.data_key = data.find("type")->as_string();
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

/// Before values come from a file: they are rounded once, to the run's own precision.
void Composition::widen_model() {
    if (keys_of<TrainerKeys>(role("trainer")).precision != loops::Precision::full) return;
    for (dv::NamedTensor& t : experiment_.model->parameters()) {
        if (t.tensor.scalar_type() == at::kFloat) t.tensor.set_data(t.tensor.detach().to(at::kDouble));
    }
}

void Composition::load_weights() {
    const auto request = weights_request(keys_of<WeightsKeys>(role("weights")));
    if (!request) return;
    widen_model();
    loaded_ = checkpoint::load_weights(*experiment_.model, *request);
    const bool incomplete = !loaded_->missing.empty() || !loaded_->unexpected.empty();
    const std::string text = "weights from " + request->path.string() + ": " + loaded_->text();
    incomplete ? log_.warn(text) : log_.info(text);
}

loops::TrainerOptions Composition::trainer_options() const {
    return compose::trainer_options(role("trainer"), keys_of<TrainerKeys>(role("trainer")));
}

void Composition::build_recording() {
    const manifest::Node* tables = checked_.manifest.find("recorder");
    recording::Plan& plan = experiment_.recording;
    for (const manifest::Node& table : tables != nullptr ? tables->as_list() : manifest::Node::List{}) {
        const std::string place = "recorder." + std::to_string(plan.recorders.size());
        plan.recorders.push_back(settings_of(keys_of<RecorderKeys>(table)));
        recording::expect_layers(plan.recorders.back(), experiment_.model->layers(), place);
    }
    if (experiment_.trainer.early_test_stop && has_stage("test")) expect_end_of_test(plan);
    plan.folder = run_dir_ / "responses";
    plan.hdf5_module = hdf5_module();
    plan.attributes = [this] { return provenance(checked_.manifest, *experiment_.model); };
    plan.info = [this](const std::string& text) { log_.info(text); };
    plan.warn = experiment_.warn;
    plan.seed = experiment_.seed;
}

void Composition::build_profiler() {
    const auto id = [&](const char* name) { return role(name).find("type")->as_string(); };
    const loops::TrainerOptions& options = experiment_.trainer;
    profile_ = {.kind = keys_of<TrainerKeys>(role("trainer")).profiler,
                .parts = {id("model"), id("strategy")},
                .folder = run_dir_,
                .stage = has_stage("fit") ? ProfiledStage::fit : has_stage("predict") ? ProfiledStage::predict : ProfiledStage::evaluation,
                .is_short = options.fast_dev_run || (options.stop.max_steps >= 0 && options.stop.max_steps < 5),
                .info = [this](const std::string& text) { log_.info(text); },
                .warn = experiment_.warn};
    experiment_.profiler = make_profiler(profile_);
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
    const auto trainer = keys_of<TrainerKeys>(role("trainer"));
    const manifest::Node* tables = checked_.manifest.find("logger");
    if (tables != nullptr && trainer.logger && !trainer.barebones && trainer.fast_dev_run == 0) {
        std::size_t i = 0;
        for (const manifest::Node& table : tables->as_list()) {
            const std::string place = "logger." + std::to_string(i++);
            const auto keys = keys_of<LoggerKeys>(table);
            try {
                loggers.push_back({assembler_.make_logger(table, place), table.find("type")->as_string() + " (" + place + ")",
                                   keys.required, static_cast<int>(keys.max_errors), place});
            } catch (const CreateError& error) {
                if (keys.required || !is_written(table, "required")) throw;
                left_out_.push_back(error.what());
                log_.warn(std::string(error.what()) + "; it is left out (required = false)");
            }
        }
    }
    const auto keys = keys_of<LoggingKeys>(role("logging"));
    log_thread_ = std::make_unique<logging::LogThread>(
        std::move(loggers), experiment_.warn,
        logging::SpoolOptions{run_dir_ / ".dvspool", keys.on_full, static_cast<std::size_t>(keys.spool_mb)});
    experiment_.sink = log_thread_.get();
}

loops::RunSummary Composition::run() {
    const dv_config whole = config_view(checked_.manifest);  // the log thread's until it has finished
    if (keys_of<TrainerKeys>(role("trainer")).enable_autolog_hparams) log_thread_->hyperparameters(whole);
    std::vector<loops::StageKind> stages;
    for (const std::string& name : keys_of<RunKeys>(role("run")).stages) {
        stages.push_back(name == "fit"        ? loops::StageKind::fit
                         : name == "validate" ? loops::StageKind::validate
                         : name == "test"     ? loops::StageKind::test
                                              : loops::StageKind::predict);
    }
    ending_log([&] {
        const ProfileEnd profile(experiment_.profiler, profile_);
        trainer_->run(stages);
    });
    checkpoints_->finish();
    save_trained();
    finish_log("success");
    return trainer_->summary();
}

/// Whatever stops `body` is also what the loggers are told.
template <class Body>
void Composition::ending_log(Body&& body) {
    try {
        body();
    } catch (const loops::Interrupted&) {
        finish_log("interrupted");
        throw;
    } catch (...) {
        finish_log("failed");
        throw;
    }
}

/// Ctrl-C ends the wait, not the process: what is not handed over stays in the spool, and the run says so.
void Composition::finish_log(const std::string& outcome) {
    const loops::SignalScope signals("\ndvhost: not waiting for the loggers any longer (again: ending at once)\n");
    log_thread_->finish(outcome, logging::Patience(keys_of<LoggingKeys>(role("logging")).finish_timeout,
                                                   [] { return loops::received_signal() != 0; }));
    if (log_thread_->is_stuck()) stopped_by_ = loops::received_signal();
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
        out.push_back(f.line(run_dir_));
    }
    for (const std::string& failure : checkpoints_->finish()) out.push_back(failure);
    for (const auto& callback : tolerant_) {
        if (callback->has_failed()) out.emplace_back("a callback with required = false failed; see the warnings above");
    }
    return out;
}

}  // namespace dvhost::compose
