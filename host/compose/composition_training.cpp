// What a composition needs to score and to train: losses, metrics, optimizers, schedules.

#include "compose/composition.hpp"
#include "compose/keys.hpp"
#include "compose/training_set.hpp"
#include "compose/weighted_loss.hpp"

namespace dvhost::compose {

void Composition::build_training(bool trains) {
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
    if (!trains) return;
    build_optimizers();
    build_schedules();
}

/// A table that may be given once or several times.
std::vector<const manifest::Node*> Composition::tables_of(const char* name) const {
    std::vector<const manifest::Node*> out;
    const manifest::Node* node = checked_.manifest.find(name);
    if (node == nullptr) return out;
    if (!node->is_list()) return {node};
    for (const manifest::Node& table : node->as_list()) out.push_back(&table);
    return out;
}

void Composition::build_schedules() {
    const auto tables = tables_of("schedule");
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const std::string place = tables.size() == 1 ? "schedule" : "schedule." + std::to_string(i);
        const auto keys = keys_of<ScheduleKeys>(*tables[i]);
        const auto schedule = assembler_.make_schedule(*tables[i], place);
        const auto refuse = [&](const std::string& why) { throw dv::Error(place + ": " + why); };
        if (schedule->observes_metric() && keys.monitor.empty()) refuse("it follows a metric: name one with 'monitor', e.g. monitor = \"val/loss\"");
        if (!schedule->observes_metric() && !keys.monitor.empty()) refuse("'monitor' is given, but this schedule follows no metric");
        if (keys.optimizer >= static_cast<std::int64_t>(experiment_.optimizers.size())) {
            refuse("'optimizer' is " + std::to_string(keys.optimizer) + ", and there are " + std::to_string(experiment_.optimizers.size()) + " [[optimizer]] tables");
        }
        using Interval = dv::Schedule::Interval;
        const Interval interval = keys.interval == ScheduleKeys::Interval::own
                                      ? schedule->interval()
                                      : static_cast<Interval>(static_cast<int>(keys.interval) - 1);
        experiment_.schedules.push_back({schedule, keys.name, interval, keys.frequency, keys.monitor, keys.strict, static_cast<std::size_t>(keys.optimizer)});
    }
}

void Composition::build_optimizers() {
    const auto tables = tables_of("optimizer");
    for (std::size_t i = 0; i < tables.size(); ++i) {
        experiment_.optimizers.push_back(build_optimizer(*tables[i], tables.size() == 1 ? "optimizer" : "optimizer." + std::to_string(i)));
    }
}

std::shared_ptr<dv::Optimizer> Composition::build_optimizer(const manifest::Node& table, const std::string& place) {
    const auto keys = keys_of<OptimizerKeys>(table);
    if (has_stage("fit")) {
        choose_trained(*experiment_.model, keys, loaded_ ? &*loaded_ : nullptr, keys_of<WeightsKeys>(role("weights")).trainable_rest,
                       experiment_.warn, [this](const std::string& text) { log_.info(text); });
    }
    experiment_.optimized.push_back(keys.parameters);
    manifest::Node& own = optimizer_tables_.emplace_back(table);
    if (keys.lr_scaling) {
        manifest::Node* lr = own.find("lr");
        if (lr == nullptr || !lr->is_number()) throw dv::Error(place + ".lr_scaling scales `lr`, and this optimizer has none");
        const std::int64_t samples = experiment_.loader.batch_size * experiment_.trainer.accumulate_in(0) * experiment_.strategy->rank().world_size;
        const double scaled = lr->as_number() * lr_scale(*keys.lr_scaling, samples);
        log_.info("lr is " + std::to_string(scaled) + " for " + std::to_string(samples) + " samples per optimizer step (" + place + ".lr_scaling)");
        *lr = manifest::Node(scaled, lr->source());
    }
    return assembler_.make<dv::Optimizer>(own, place);
}

}  // namespace dvhost::compose
