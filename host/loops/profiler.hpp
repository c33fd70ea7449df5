#pragma once
/// Where a run spends its time or memory. Without a profiler a scope costs one comparison.
///
///     const ProfileScope scope(experiment.profiler, Profiler::optimizer_step);

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dvhost::loops {

/// Whose hooks the actions are, for their names.
struct ProfiledParts {
    std::string model, strategy;  ///< ids
};

/// Scopes are begun and ended on the training thread, the last begun first. An action that runs inside another counts in both.
class Profiler {
public:
    using Action = std::uint32_t;
    /// The loops' own; all others are asked for by name.
    enum Region : Action {
        run_training_epoch,
        run_training_batch,
        setup_train_dataloader,
        train_next,
        val_next,
        test_next,
        predict_next,
        training_step,
        validation_step,
        predict_step,
        to_device,
        backward,
        zero_grad,
        optimizer_step,
        save_checkpoint,
        n_regions
    };

    explicit Profiler(const ProfiledParts& parts);
    virtual ~Profiler();
    Profiler(const Profiler&) = delete;
    Profiler& operator=(const Profiler&) = delete;

    /// The action of this name; a new one the first time.
    Action action(const std::string& name);
    const std::string& name(Action action) const { return names_[action]; }
    const ProfiledParts& parts() const { return parts_; }

    virtual void begin(Action action) = 0;
    virtual void end() noexcept = 0;
    /// What has been seen, as a table for people.
    virtual std::string report() const = 0;
    /// The run is over: no scope is begun any more. Files besides the table are written. Throws dv::IoError.
    virtual void finish() {}

protected:
    /// Actions so far.
    std::size_t n_actions() const { return names_.size(); }

private:
    ProfiledParts parts_;
    std::vector<std::string> names_;
};

class ProfileScope {
public:
    ProfileScope(const std::shared_ptr<Profiler>& profiler, Profiler::Action action) : profiler_(profiler.get()) {
        if (profiler_ != nullptr) [[unlikely]]
            profiler_->begin(action);
    }
    ~ProfileScope() {
        if (profiler_ != nullptr) [[unlikely]]
            profiler_->end();
    }
    ProfileScope(const ProfileScope&) = delete;
    ProfileScope& operator=(const ProfileScope&) = delete;

private:
    Profiler* profiler_;
};

/// "simple": how often and how long each action runs.
class TimeProfiler : public Profiler {
public:
    explicit TimeProfiler(const ProfiledParts& parts);
    void begin(Action action) override;
    void end() noexcept override;
    /// Action, mean duration, number of calls, total time, share of the time since this object was made; the longest first.
    std::string report() const override;

protected:
    struct Open {
        Action action;
        std::int64_t start;  ///< monotonic [ns]
    };
    const std::vector<Open>& open() const { return open_; }
    std::int64_t begun_at() const { return begun_at_; }

private:
    struct Total {
        std::int64_t calls = 0, nanoseconds = 0;
    };
    std::vector<Open> open_;
    std::vector<Total> totals_;
    std::int64_t begun_at_;
};

/// Monotonic [ns].
std::int64_t now_ns();

/// Columns under their titles: the first to the left, numbers to the right.
std::string profile_table(const std::vector<std::string>& titles, const std::vector<std::vector<std::string>>& rows);

}  // namespace dvhost::loops
