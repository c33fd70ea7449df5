#pragma once
/// A checked manifest made into a run: parts created, children first, in the run's folder.

#include "checkpoint/weights.hpp"
#include "compose/assembler.hpp"
#include "compose/checkpoints.hpp"
#include "compose/check.hpp"
#include "compose/profiling.hpp"
#include "compose/resume.hpp"
#include "compose/roles.hpp"
#include "compose/tolerant_callback.hpp"
#include "logging/host_log.hpp"
#include "logging/log_thread.hpp"
#include "loops/interrupt.hpp"
#include "loops/trainer.hpp"

#include <filesystem>
#include <memory>

namespace dvhost::compose {

enum class Purpose {
    run,      ///< a run folder, loggers, callbacks
    tune,     ///< a run folder and what trains; nobody watches or logs
    describe  ///< data facts and model only; nothing is written
};

class Composition {
public:
    /// Creates everything. Throws CreateError, dv::Error (build failed, data missing), registry::Refusal.
    Composition(Checked checked, registry::Registry& plugins, logging::Console& console, logging::HostLog& log, Purpose purpose,
                const ResumeRequest& request = {});
    ~Composition();
    Composition(const Composition&) = delete;
    Composition& operator=(const Composition&) = delete;

    /// Where the stage "predict" writes; the run folder's predictions.npy unless set here, before run().
    void set_predictions(std::filesystem::path file) { experiment_.predictions = std::move(file); }
    const std::filesystem::path& predictions() const { return experiment_.predictions; }

    /// Runs the manifest's stages; loggers are finished whatever happens. Throws what stopped it.
    loops::RunSummary run();
    /// After run(): what was lost on the way; empty when all went well.
    std::vector<std::string> losses() const;
    /// After run(), also when it threw: a logger does not come back, and taking this object apart would wait for it.
    bool has_stuck_logger() const { return log_thread_->is_stuck(); }
    /// After run(): the signal that ended the wait for such a logger; 0: none.
    int stopped_by() const { return stopped_by_; }

    const std::filesystem::path& run_dir() const { return run_dir_; }
    const manifest::Node& manifest() const { return checked_.manifest; }
    dv::Model& model() { return *experiment_.model; }
    dv::DataFacts facts() const { return experiment_.data->facts(); }
    /// Of Purpose::tune: all that trains, and nothing in motion.
    loops::Experiment& experiment() { return experiment_; }

private:
    void connect_strategy();
    void build_data_and_model();
    void widen_model();
    void load_weights();
    void build_training(bool trains);
    void build_schedules();
    void build_optimizers();
    std::shared_ptr<dv::Optimizer> build_optimizer(const manifest::Node& table, const std::string& place);
    void open_run_folder(Purpose purpose, const ResumeRequest& request, registry::Registry& plugins, logging::Console& console);
    void load_checkpoint();
    void set_up();
    template <class Body>
    void ending_log(Body&& body);
    std::vector<const manifest::Node*> tables_of(const char* name) const;
    void build_recording();
    void build_profiler();
    void build_callbacks();
    void build_log_thread();
    loops::TrainerOptions trainer_options() const;
    bool has_stage(std::string_view name) const;
    void save_trained();
    void finish_log(const std::string& outcome);
    const manifest::Node& role(const char* name) const { return *checked_.manifest.find(name); }
    // Destroyed in reverse order: loops first, then parts (loggers last among them), then what they lean on.
    Checked checked_;
    logging::HostLog& log_;
    std::filesystem::path run_dir_;
    Services services_;
    registry::Boundary boundary_;
    Assembler assembler_;
    std::unique_ptr<logging::LogThread> log_thread_;
    std::vector<std::shared_ptr<TolerantCallback>> tolerant_;
    std::vector<std::string> left_out_;
    std::optional<checkpoint::WeightsReport> loaded_;
    std::deque<manifest::Node> optimizer_tables_;  // with scaled learning rates
    StartPoint start_;
    std::optional<checkpoint::PickleValue> resumed_;  // what start_ names
    ProfileRequest profile_;
    int stopped_by_ = 0;
    loops::Experiment experiment_;
    std::unique_ptr<loops::Trainer> trainer_;
    std::unique_ptr<Checkpoints> checkpoints_;
};

}  // namespace dvhost::compose
