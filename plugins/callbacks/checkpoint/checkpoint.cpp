#include "file_name.hpp"
#include "metric_names.hpp"
#include "number_text.hpp"
#include "ranking.hpp"
#include "record.hpp"
#include "state_key.hpp"
#include "text_file.hpp"
#include "watch_rule.hpp"
#include "writer.hpp"

#include <dv/callback.hpp>

#include <optional>
#include <string>
#include <utility>

namespace {

using callbacks::shown;
using checkpoint::Mode;
using When = checkpoint::Writer::When;

enum class LastAs { file, link };

/// Saves the run's state at chosen moments and keeps the best files. Lightning's ModelCheckpoint, with one
/// correction: a file gets a score only from a metric that was computed on its own weights.
struct Checkpoint final : dv::Callback,
                          dv::OnFitStart,
                          dv::OnFitEnd,
                          dv::OnTrainBatchStart,
                          dv::OnTrainBatchEnd,
                          dv::OnTrainEpochEnd,
                          dv::OnValidationStart,
                          dv::OnValidationEnd,
                          dv::OnTrainEnd,
                          dv::OnException,
                          dv::OnTeardown {
    static constexpr bool monitors = true;

    std::string dirpath, filename, last_name;
    std::optional<std::string> monitor;
    Mode mode = Mode::min;
    std::int64_t save_top_k = 0;
    bool save_last = false, save_on_exception = false, save_weights_only = false, write_index = false;
    LastAs save_last_as = LastAs::file;
    std::optional<std::int64_t> every_n_epochs, every_n_train_steps;
    std::optional<double> train_time_interval;
    std::optional<bool> save_on_train_epoch_end;
    bool auto_insert_metric_name = true, enable_version_counter = true, verbose = false;
    static constexpr auto params = dv::schema(
        dv::p("dirpath", &Checkpoint::dirpath, "checkpoints", "folder of the files, seen from the run's folder"),
        dv::p("filename", &Checkpoint::filename, "{epoch}-{step}",
              "template of a file's name: {name} or {name:format}, format [0][width][.precision][d, e, f or g]"),
        dv::p("monitor", &Checkpoint::monitor, dv::unset,
              "metric that tells the best files; absent: the newest are best"),
        dv::p("mode", &Checkpoint::mode, Mode::min, "whether lower or higher is better", dv::choices("min", "max")),
        dv::p("save_top_k", &Checkpoint::save_top_k, 1, "how many of the best files to keep; -1 all, 0 none",
              dv::at_least{-1}),
        dv::p("save_last", &Checkpoint::save_last, false, "keep the newest state as well, in a file of its own"),
        dv::p("save_last_as", &Checkpoint::save_last_as, LastAs::file,
              "what that file is: one of its own, or a link to the newest of the others", dv::choices("file", "link")),
        dv::p("last_name", &Checkpoint::last_name, "last", "template of that file's name"),
        dv::p("save_on_exception", &Checkpoint::save_on_exception, false, "save when the run fails"),
        dv::p("save_weights_only", &Checkpoint::save_weights_only, false,
              "the model's weights without what resuming needs"),
        dv::p("every_n_epochs", &Checkpoint::every_n_epochs, dv::unset,
              "epochs between saves; 0 off; absent: 1, or 0 when one of the next two is given", dv::at_least{0}),
        dv::p("every_n_train_steps", &Checkpoint::every_n_train_steps, dv::unset,
              "optimizer steps between saves; 0 or absent: off", dv::at_least{0}),
        dv::p("train_time_interval", &Checkpoint::train_time_interval, dv::unset, "time between saves; absent: off",
              dv::unit{"s"}, dv::above{0.0}),
        dv::p("save_on_train_epoch_end", &Checkpoint::save_on_train_epoch_end, dv::unset,
              "save by epochs when a training epoch ends (true) or a validation (false); absent: after each "
              "validation, or each epoch without any"),
        dv::p("auto_insert_metric_name", &Checkpoint::auto_insert_metric_name, true,
              "write fields as name=value; with false only the value"),
        dv::p("enable_version_counter", &Checkpoint::enable_version_counter, true,
              "a name that is taken gets -v1, -v2, ...; with false the file is replaced"),
        dv::p("write_index", &Checkpoint::write_index, false,
              "list the files that are kept, with their scores, in best_k_models.toml beside them"),
        dv::p("verbose", &Checkpoint::verbose, false, "a log line for each decision"));

    void open() override {
        check_triggers();
        const auto fields = auto_insert_metric_name ? checkpoint::NameTemplate::Fields::name_value
                                                    : checkpoint::NameTemplate::Fields::value;
        name_.emplace(checkpoint::name_template("filename", filename, fields));
        last_.emplace(checkpoint::name_template("last_name", last_name, fields));
        ranking_.emplace(mode, save_top_k);
        rule_.set(save_on_train_epoch_end);
        clock_ = extension<dv_clock_1>(DV_EXT_CLOCK);
        if (train_time_interval && !clock_) {
            throw dv::ParameterError("train_time_interval", "needs a clock, and this host offers none (dv.clock/1)");
        }
    }

    void on_fit_start(const dv::RunView& run, dv::Answer&) override {
        rule_.fit_start(run);
        if (run.fast_dev_run()) return;
        if (save_top_k != 0 && writer().holds_files() && writer().resumed_from().empty()) {
            warn("the checkpoint folder " + writer().folder().string() + " is not empty; its files stay");
        }
        if (save_last && save_last_as == LastAs::link) writer().expect_links();
        interval_start_ = now();
        if (loaded_) tell_host();
    }
    void on_fit_end(const dv::RunView&, dv::Answer&) override { rule_.fit_end(); }
    void on_teardown(const dv::RunView&, dv::Answer&) override {
        if (writer_) writer_->settle(true);
    }

    /// A step's save that waited for a validation has waited in vain: the next step would change its weights.
    void on_train_batch_start(const dv::RunView& run, dv::Answer&) override {
        if (writer_) writer_->settle();
        save_what_waits(run);
    }

    void on_train_batch_end(const dv::RunView& run, dv::Answer&) override {
        rule_.train_batch_end(run);
        if (!rule_.in_fit(run)) return;
        if (!due_by_step(run) && !due_by_time()) return;
        waits_ = true;
        interval_start_ = now();
        if (!may_be_validated(run)) save_what_waits(run);
    }

    void on_validation_start(const dv::RunView& run, dv::Answer&) override {
        was_known_ = !monitor || value(run, *monitor).has_value();
    }
    void on_validation_end(const dv::RunView& run, dv::Answer&) override {
        if (monitor && !was_known_ && value(run, *monitor)) from_validation_ = true;
        if (!rule_.in_fit(run)) return;
        validated_at_ = run->global_step;
        validated_ = true;
        const bool moment = rule_.validation_end(run);
        save_what_waits(run);
        if (moment && due_by_epoch(run)) save(run, Unscored::refused);
    }

    void on_train_epoch_end(const dv::RunView& run, dv::Answer&) override {
        if (!rule_.in_fit(run)) return;
        save_what_waits(run);
        // An epoch that was cut short, by max_steps or a stop, has no validation to wait for.
        const bool cut_short = !save_on_train_epoch_end && !rule_.epoch_complete() && validated_at_ != run->global_step;
        const bool moment = rule_.train_epoch_end(run);
        if ((moment || cut_short) && due_by_epoch(run)) save(run, cut_short ? Unscored::allowed : Unscored::refused);
    }

    void on_train_end(const dv::RunView& run, dv::Answer&) override {
        if (!rule_.in_fit(run)) return;
        save_what_waits(run);
        if (save_last && !saved_step_) write_last(run, save_last_as), tell_host();
        writer().settle();
        if (const auto* best = ranking_->best(); best && best->score) {
            info("best checkpoint: " + best->path.string() + " (" + *monitor + " = " + shown(*best->score) + ")");
        }
    }

    void on_exception(const dv::RunView& run, dv::Answer&) override {
        if (!rule_.in_fit(run)) return;
        const bool interrupted = run.message().starts_with("interrupted");  // by the user, who loses nothing
        if (!save_on_exception && !interrupted) return save_what_waits(run);
        when_ = When::now;
        if (save_on_exception) write(run, free_path(run, nullptr));
        write_last(run, LastAs::file);
        tell_host();
    }

    std::string state_key() const override {
        return callbacks::state_key(
            "ModelCheckpoint", {{"monitor", callbacks::python_optional(monitor)},
                                {"mode", mode == Mode::min ? "'min'" : "'max'"},
                                {"every_n_train_steps", std::to_string(steps_)},
                                {"every_n_epochs", std::to_string(epochs_)},
                                {"train_time_interval",
                                 train_time_interval ? callbacks::python_timedelta(*train_time_interval) : "None"}});
    }

    void save_state(dv::StateWriter& out) const override {
        checkpoint::Record r;
        r.monitor = monitor;
        r.dirpath = writer_ ? writer_->folder().string() : std::string();
        r.best_model_path = best_path().string();
        r.last_model_path = last_path_.string();
        r.best_model_score = ranking_->best() ? ranking_->best()->score : inherited_score_;
        r.current_score = current_score_;
        r.files = ranking_->files();
        r.saved_step = saved_step_, r.validated_at = validated_at_;
        r.from_validation = from_validation_, r.waits = waits_;
        r.write(out);
    }

    /// Of a run in another folder only the best file is taken over: the others are not ours to remove.
    void load_state(const dv::StateReader& state) override {
        const checkpoint::Record r = checkpoint::Record::read(state);
        loaded_ = true;
        inherited_ = r.best_model_path;
        inherited_score_ = r.best_model_score;
        if (r.dirpath != writer().folder().string()) {
            warn("the checkpoint is of a run with its files in '" + r.dirpath + "', these go to '" +
                 writer().folder().string() + "': only best_model_path is taken over");
            return;
        }
        ranking_.emplace(mode, save_top_k, r.files);
        current_score_ = r.current_score;
        last_path_ = r.last_model_path;
        saved_step_ = r.saved_step, validated_at_ = r.validated_at;
        from_validation_ = r.from_validation, waits_ = r.waits;
    }

private:
    // --- Arguments

    void check_triggers() {
        const int given =
            (every_n_epochs.value_or(0) > 0) + (every_n_train_steps.value_or(0) > 0) + train_time_interval.has_value();
        if (given > 1) {
            throw dv::ParameterError("every_n_epochs",
                                     "and 'every_n_train_steps' and 'train_time_interval' exclude each "
                                     "other; give one of them, or a callback for each");
        }
        if (!monitor && save_top_k > 1) {
            throw dv::ParameterError("save_top_k", "is " + std::to_string(save_top_k) +
                                                       ", and without 'monitor' nothing tells "
                                                       "the best files; give 'monitor', or -1, 0 or 1");
        }
        if (monitor && monitor->empty())
            throw dv::ParameterError("monitor", "is empty; give the name of a metric or leave it out");
        const bool by_epoch = every_n_train_steps.value_or(0) == 0 && !train_time_interval;
        epochs_ = every_n_epochs.value_or(by_epoch ? 1 : 0);
        steps_ = every_n_train_steps.value_or(0);
    }

    // --- Moments

    bool due_by_step(const dv::RunView& run) const {
        return steps_ > 0 && run->global_step > 0 && run->global_step % steps_ == 0 && saved_step_ != run->global_step;
    }
    bool due_by_time() const { return train_time_interval && now() - interval_start_ >= *train_time_interval; }
    bool due_by_epoch(const dv::RunView& run) const { return epochs_ > 0 && (run->epoch + 1) % epochs_ == 0; }

    /// Whether a validation may follow that gives these weights their score.
    bool may_be_validated(const dv::RunView& run) const {
        return monitor && run->has_validation != 0 && (from_validation_ || !value(run, *monitor));
    }

    void save_what_waits(const dv::RunView& run) {
        if (std::exchange(waits_, false)) save(run, Unscored::allowed);
    }

    // --- Decisions

    /// A metric, or epoch or step.
    static std::optional<double> value(const dv::RunView& run, std::string_view name) {
        if (name == "epoch") return static_cast<double>(run->epoch);
        if (name == "step") return static_cast<double>(run->global_step);
        return run.metric(name);
    }

    /// Whether a file may be written whose score is not known.
    enum class Unscored { allowed, refused };

    void save(const dv::RunView& run, Unscored unscored) {
        if (saved_step_ == run->global_step) return;
        const bool missing = monitor && !value(run, *monitor);
        std::optional<checkpoint::Ranking::File> gone;
        if (missing && (validated_ || unscored == Unscored::refused)) {
            report_missing(run);
        } else {
            gone = save_if_good(run);
        }
        if (save_last) write_last(run, save_last_as);
        if (gone && !ranking_->holds(gone->path)) writer().remove(gone->path);
        tell_host();
    }

    /// Gives the file that has to go for it.
    std::optional<checkpoint::Ranking::File> save_if_good(const dv::RunView& run) {
        const std::optional<double> score = current_score_ = this->score(run);
        const bool keep = ranking_->would_keep(score);
        if (verbose) tell(run, score, keep);
        if (!keep) return std::nullopt;
        const auto path = free_path(run, ranking_->displaced());
        auto gone = ranking_->add({path, score});  // first: the file is to hold that it is one of the best
        newest_ = path;
        write(run, path);
        return gone;
    }

    /// The monitored value, if it was computed on the weights there are now.
    std::optional<double> score(const dv::RunView& run) const {
        if (!monitor) return std::nullopt;
        if (from_validation_ && validated_at_ != run->global_step) return std::nullopt;
        return value(run, *monitor);
    }

    void report_missing(const dv::RunView& run) {
        const dv::ParameterError error(
            "monitor",
            "is '" + *monitor + "', and the run has no metric of that name; it has: " + callbacks::metric_names(run));
        if (validated_) throw error;
        if (!warned_) warn(std::string(error.what()) + ". Nothing is saved before it is there.");
        warned_ = true;
    }

    void tell(const dv::RunView& run, std::optional<double> score, bool keep) const {
        std::string text = "epoch " + std::to_string(run->epoch) + ", step " + std::to_string(run->global_step) + ": ";
        if (monitor) text += *monitor + (score ? " = " + shown(*score) : " is not known") + ", ";
        info(text + (keep ? "saved" : "not among the best " + std::to_string(save_top_k)));
    }

    // --- Files

    std::filesystem::path free_path(const dv::RunView& run, const checkpoint::Ranking::File* replaced) {
        return free_path(name_->fill(lookup(run)), replaced ? replaced->path : std::filesystem::path());
    }
    std::filesystem::path free_path(const std::string& name, const std::filesystem::path& own) {
        return enable_version_counter ? writer().free_path(name, own) : writer().path(name);
    }

    static checkpoint::Lookup lookup(const dv::RunView& run) {
        return [&run](std::string_view name) -> std::optional<checkpoint::FieldValue> {
            if (name == "epoch") return run->epoch;
            if (name == "step") return run->global_step;
            return run.metric(name);
        };
    }

    void write(const dv::RunView& run, const std::filesystem::path& path) {
        saved_step_ = run->global_step;
        writer().save(path, when_);
    }

    void write_last(const dv::RunView& run, LastAs as) {
        const auto path = free_path(last_->fill(lookup(run)), last_path_);
        const auto former = std::exchange(last_path_, path);
        if (as == LastAs::link && newest_) {
            writer().link(path, *newest_);
            writer().settle();
        } else {
            write(run, path);
        }
        if (!former.empty() && former != path) writer().remove(former);
    }

    std::filesystem::path best_path() const { return ranking_->best() ? ranking_->best()->path : inherited_; }

    void tell_host() {
        writer().announce(best_path(), last_path_);
        if (write_index)
            callbacks::replace_text(writer().folder() / "best_k_models.toml", index_text(ranking_->files()));
    }

    checkpoint::Writer& writer() {
        if (!writer_) {
            writer_.emplace(
                *this, dirpath,
                save_weights_only ? checkpoint::Writer::Content::weights : checkpoint::Writer::Content::everything);
        }
        return *writer_;
    }

    double now() const { return clock_ ? clock_->monotonic(clock_->self) : 0.0; }

    std::optional<checkpoint::NameTemplate> name_, last_;
    std::optional<checkpoint::Ranking> ranking_;
    std::optional<checkpoint::Writer> writer_;
    callbacks::WatchRule rule_;
    std::int64_t epochs_ = 1, steps_ = 0;  // between saves; 0: never
    When when_ = When::later;
    std::filesystem::path last_path_;
    std::optional<std::filesystem::path> newest_;  // of the files that are kept
    std::filesystem::path inherited_;              // best file of the run that this one goes on from
    std::optional<double> inherited_score_, current_score_;
    bool loaded_ = false, validated_ = false;   // in this process
    std::optional<std::int64_t> saved_step_;    // global_step of the newest file
    std::optional<std::int64_t> validated_at_;  // global_step of the newest validation
    const dv_clock_1* clock_ = nullptr;
    double interval_start_ = 0.0;   // [s] of train_time_interval
    bool waits_ = false;            // a save by step or time waits for a validation
    bool was_known_ = false;        // the monitored metric, before the validation in hand
    bool from_validation_ = false;  // the monitored metric comes from validations
    bool warned_ = false;
};

}  // namespace
DV_COMPONENT(Checkpoint, "dvhost.callback.checkpoint", "Saves the run's state and keeps the best files");
