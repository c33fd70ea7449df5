#include <dv/schedule.hpp>

#include <algorithm>
#include <limits>

namespace {

enum class Mode { min, max };
enum class Threshold { rel, abs };

/// Multiplies by `factor` whenever the metric has not become better for more than `patience` observations. PyTorch's
/// ReduceLROnPlateau, whose min_lr is min_factor * base_lr and whose eps is a share of base_lr too.
struct Plateau final : dv::Schedule {
    static constexpr bool observes = true;

    Mode mode = Mode::min;
    double drop = 0;
    std::int64_t patience = 0, cooldown = 0;
    double threshold = 0, min_factor = 0, eps = 0;
    Threshold threshold_mode = Threshold::rel;
    static constexpr auto params = dv::schema(
        dv::p("mode", &Plateau::mode, Mode::min, "whether less of the metric is better, or more",
              dv::choices{"min", "max"}),
        dv::p("factor", &Plateau::drop, 0.1, "what each reduction multiplies by", dv::at_least{0.0}, dv::below{1.0}),
        dv::p("patience", &Plateau::patience, 10, "observations without a better value that are borne",
              dv::at_least{0}),
        dv::p("threshold", &Plateau::threshold, 1e-4, "how much better counts as better", dv::at_least{0.0}),
        dv::p("threshold_mode", &Plateau::threshold_mode, Threshold::rel,
              "whether threshold is a share of the best value, or a difference", dv::choices{"rel", "abs"}),
        dv::p("cooldown", &Plateau::cooldown, 0, "observations after a reduction that are not held against it",
              dv::at_least{0}),
        dv::p("min_factor", &Plateau::min_factor, 0.0, "never below this share of the base learning rates",
              dv::range{0.0, 1.0}),
        dv::p("eps", &Plateau::eps, 1e-8,
              "a reduction by no more than this share of the base learning rates is left out", dv::at_least{0.0}));

    void open() override { best_ = mode == Mode::min ? kInfinity : -kInfinity; }

    void observe(double value) override {
        if (is_better(value)) {
            best_ = value;
            num_bad_epochs_ = 0;
        } else {
            ++num_bad_epochs_;
        }
        if (cooldown_counter_ > 0) {
            --cooldown_counter_;
            num_bad_epochs_ = 0;
        }
        if (num_bad_epochs_ > patience) {
            reduce();
            cooldown_counter_ = cooldown;
            num_bad_epochs_ = 0;
        }
    }
    double factor(const dv_schedule_point&) const override { return scale_; }

    /// PyTorch's names. What is reduced there is the optimizer's rate; here it is `scale`.
    void save_state(dv::StateWriter& out) const override {
        out.put("best", best_);
        out.put("num_bad_epochs", num_bad_epochs_);
        out.put("cooldown_counter", cooldown_counter_);
        out.put("scale", scale_);
    }
    void load_state(const dv::StateReader& state) override {
        best_ = state.get<double>("best").value_or(best_);
        num_bad_epochs_ = state.get<std::int64_t>("num_bad_epochs").value_or(0);
        cooldown_counter_ = state.get<std::int64_t>("cooldown_counter").value_or(0);
        scale_ = state.get<double>("scale").value_or(1.0);
    }

private:
    static constexpr double kInfinity = std::numeric_limits<double>::infinity();

    /// Not-a-number is never better.
    bool is_better(double value) const {
        const double margin = threshold_mode == Threshold::abs ? threshold : 0.0;
        const double share = threshold_mode == Threshold::rel ? threshold : 0.0;
        return mode == Mode::min ? value < best_ * (1.0 - share) - margin : value > best_ * (1.0 + share) + margin;
    }
    void reduce() {
        const double reduced = std::max(scale_ * drop, min_factor);
        if (scale_ - reduced > eps) scale_ = reduced;
    }

    double best_ = 0, scale_ = 1.0;
    std::int64_t num_bad_epochs_ = 0, cooldown_counter_ = 0;
};

}  // namespace
DV_COMPONENT(Plateau, "dvhost.schedule.plateau", "Reduces the learning rates when a metric stops becoming better");
