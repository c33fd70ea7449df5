#include "checkpoint/run_keys.hpp"

#include <dv/error.hpp>

namespace dvhost::checkpoint {

namespace {

using Pairs = PickleValue::Pairs;
using loops::Moment;

PickleValue text(std::string s) { return {std::move(s)}; }
PickleValue integer(std::int64_t v) { return {v}; }
PickleValue dict(Pairs items) { return {PickleValue::Dict{std::move(items)}}; }

template <class... Entries>
PickleValue table(Entries&&... entries) {
    Pairs out;
    (out.emplace_back(text(entries.first), std::move(entries.second)), ...);
    return dict(std::move(out));
}
std::pair<const char*, PickleValue> entry(const char* name, PickleValue value) { return {name, std::move(value)}; }

/// Lightning's counters of one kind of thing.
struct Counters {
    std::int64_t ready, started, processed, completed;
};

PickleValue four(const Counters& c) {
    return table(entry("ready", integer(c.ready)), entry("completed", integer(c.completed)), entry("started", integer(c.started)),
                 entry("processed", integer(c.processed)));
}
PickleValue two(std::int64_t n) { return table(entry("ready", integer(n)), entry("completed", integer(n))); }
PickleValue progress(const Counters& total, const Counters& current) {
    return table(entry("total", four(total)), entry("current", four(current)));
}
PickleValue batches(const Counters& total, const Counters& current, bool is_last) {
    return table(entry("total", four(total)), entry("current", four(current)), entry("is_last_batch", PickleValue{is_last}));
}
PickleValue steps(std::int64_t total, std::int64_t current) { return table(entry("total", two(total)), entry("current", two(current))); }

PickleValue evaluation(std::int64_t n) {
    const Counters c{n, n, n, n};
    return table(entry("state_dict", dict({})), entry("batch_progress", batches(c, c, n > 0)));
}

PickleValue numbers(const std::vector<std::pair<std::string, double>>& values) {
    Pairs out;
    for (const auto& [name, value] : values) out.emplace_back(text(name), PickleValue{value});
    return dict(std::move(out));
}
PickleValue tensors(const std::vector<dv::NamedTensor>& values) {
    Pairs out;
    for (const dv::NamedTensor& t : values) out.emplace_back(text(t.name), PickleValue{t.tensor});
    return dict(std::move(out));
}

// ---- Reading -----------------------------------------------------------------------------------------------------------------

const PickleValue* at(const PickleValue& root, std::initializer_list<const char*> path) {
    const PickleValue* value = &root;
    for (const char* key : path) {
        value = value ? value->find(std::string_view(key)) : nullptr;
    }
    return value;
}

std::int64_t int_at(const PickleValue& root, std::initializer_list<const char*> path, std::int64_t otherwise) {
    const PickleValue* value = at(root, path);
    const auto* number = value ? value->as<std::int64_t>() : nullptr;
    return number ? *number : otherwise;
}
double number_at(const PickleValue& root, std::initializer_list<const char*> path, double otherwise) {
    const PickleValue* value = at(root, path);
    if (value == nullptr) return otherwise;
    if (const auto* i = value->as<std::int64_t>()) return static_cast<double>(*i);
    const auto* d = value->as<double>();
    return d ? *d : otherwise;
}
bool flag_at(const PickleValue& root, std::initializer_list<const char*> path) {
    const PickleValue* value = at(root, path);
    const auto* b = value ? value->as<bool>() : nullptr;
    return b && *b;
}

std::vector<std::pair<std::string, double>> numbers_in(const PickleValue* value) {
    std::vector<std::pair<std::string, double>> out;
    if (value == nullptr || value->pairs() == nullptr) return out;
    for (const auto& [key, held] : *value->pairs()) {
        if (key.as<std::string>() && held.as<double>()) out.emplace_back(*key.as<std::string>(), *held.as<double>());
    }
    return out;
}
std::vector<dv::NamedTensor> tensors_in(const PickleValue* value) {
    std::vector<dv::NamedTensor> out;
    if (value == nullptr || value->pairs() == nullptr) return out;
    for (const auto& [key, held] : *value->pairs()) {
        if (key.as<std::string>() && held.as<at::Tensor>()) out.push_back({*key.as<std::string>(), *held.as<at::Tensor>(), false});
    }
    return out;
}

/// The place of a run of which only Lightning's counters are known.
loops::Progress from_lightning(const PickleValue& file) {
    const PickleValue* fit = at(file, {"loops", "fit_loop"});
    const auto need = [&](std::initializer_list<const char*> path, const char* name) -> const PickleValue& {
        const PickleValue* found = fit ? at(*fit, path) : nullptr;
        if (found == nullptr) {
            throw dv::Error(std::string("the checkpoint has no '") + name + "', without which nobody can say where training was; "
                            "trainer.resume_partial = true begins at epoch 0 with its weights and optimizer state");
        }
        return *found;
    };
    const PickleValue& epochs = need({"epoch_progress"}, "loops.fit_loop.epoch_progress");
    const PickleValue& steps = need({"epoch_loop.automatic_optimization.optim_progress"},
                                    "loops.fit_loop.epoch_loop.automatic_optimization.optim_progress");
    const PickleValue& batch = need({"epoch_loop.batch_progress"}, "loops.fit_loop.epoch_loop.batch_progress");
    loops::Progress out;
    out.epoch = int_at(epochs, {"total", "completed"}, 0);
    out.global_step = int_at(steps, {"optimizer", "step", "total", "completed"}, 0) +
                      int_at(*fit, {"epoch_loop.manual_optimization.optim_step_progress", "total", "completed"}, 0);
    out.optimizer_calls = out.global_step;
    out.windows = int_at(*fit, {"epoch_loop.state_dict", "_batches_that_stepped"}, out.global_step);
    out.batches = int_at(batch, {"total", "ready"}, 0);
    out.batch_idx = int_at(batch, {"current", "ready"}, 0);
    if (int_at(epochs, {"total", "processed"}, 0) > out.epoch) {
        out.moment = Moment::epoch_end;
    } else if (int_at(epochs, {"total", "started"}, 0) > out.epoch) {
        out.moment = int_at(batch, {"current", "completed"}, 0) < out.batch_idx ? Moment::batch_end : Moment::checked;
        // Saved in on_train_batch_end: the reference counts the step of that batch when it goes on.
        if (out.moment == Moment::batch_end && out.windows < out.global_step) ++out.windows;
    } else {
        out.moment = Moment::epoch_begin;
        out.batch_idx = 0;
    }
    return out;
}

}  // namespace

PickleValue lightning_loops(const loops::RunState& state, bool optimizes_itself) {
    const loops::Progress& p = state.progress;
    const std::int64_t e = p.epoch;
    const bool begun = p.moment == Moment::batch_end || p.moment == Moment::checked, ended = p.moment == Moment::epoch_end;
    const std::int64_t taken = e + (begun || ended ? 1 : 0), processed = e + (ended ? 1 : 0);
    const Counters epochs{taken, taken, processed, e};
    // The batch in hand is complete only when its last hook is.
    const std::int64_t open = p.moment == Moment::batch_end ? 1 : 0;
    const std::int64_t n = p.moment == Moment::epoch_begin || p.moment == Moment::fit_end ? (p.batches > 0 ? state.n_batches : 0) : p.batch_idx;
    const Counters all{p.batches, p.batches, p.batches, p.batches - open}, now{n, n, n, n - open};
    const std::int64_t automatic = optimizes_itself ? 0 : p.global_step, manual = optimizes_itself ? p.optimizer_calls : 0;
    std::int64_t stepped = p.windows;
    if (open != 0 && !state.accumulating) --stepped;  // counted behind the batch's last hook
    std::int64_t changed = 0;
    for (const loops::ScheduleSet::State& s : state.schedules) changed += s.count;

    Pairs fit;
    fit.emplace_back(text("state_dict"), dict({}));
    fit.emplace_back(text("epoch_loop.state_dict"), table(entry("_batches_that_stepped", integer(stepped))));
    fit.emplace_back(text("epoch_loop.batch_progress"), batches(all, now, n >= state.n_batches));
    fit.emplace_back(text("epoch_loop.scheduler_progress"), steps(changed, changed));
    fit.emplace_back(text("epoch_loop.automatic_optimization.state_dict"), dict({}));
    fit.emplace_back(text("epoch_loop.automatic_optimization.optim_progress"),
                     table(entry("optimizer", table(entry("step", steps(automatic, automatic)),
                                                    entry("zero_grad", table(entry("total", table(entry("ready", integer(automatic)),
                                                                                                  entry("completed", integer(automatic)),
                                                                                                  entry("started", integer(automatic)))),
                                                                             entry("current", table(entry("ready", integer(automatic)),
                                                                                                    entry("completed", integer(automatic)),
                                                                                                    entry("started", integer(automatic))))))))));
    fit.emplace_back(text("epoch_loop.manual_optimization.state_dict"), dict({}));
    fit.emplace_back(text("epoch_loop.manual_optimization.optim_step_progress"), steps(manual, manual));
    fit.emplace_back(text("epoch_loop.val_loop.state_dict"), dict({}));
    const Counters val{p.val_batches, p.val_batches, p.val_batches, p.val_batches};
    fit.emplace_back(text("epoch_loop.val_loop.batch_progress"), batches(val, val, p.val_batches > 0));
    fit.emplace_back(text("epoch_progress"), progress(epochs, epochs));

    const Counters none{0, 0, 0, 0};
    Pairs out;
    out.emplace_back(text("fit_loop"), dict(std::move(fit)));
    out.emplace_back(text("validate_loop"), evaluation(0));
    out.emplace_back(text("test_loop"), evaluation(0));
    out.emplace_back(text("predict_loop"), table(entry("state_dict", dict({})), entry("batch_progress", progress(none, none))));
    return dict(std::move(out));
}

void put_run_state(Pairs& own, const loops::RunState& s) {
    const loops::Progress& p = s.progress;
    const auto put = [&](const char* name, PickleValue value) { own.emplace_back(text(name), std::move(value)); };
    put("progress", table(entry("epoch", integer(p.epoch)), entry("global_step", integer(p.global_step)), entry("batches", integer(p.batches)),
                          entry("samples", integer(p.samples)), entry("skipped_steps", integer(p.skipped_steps)),
                          entry("batch_idx", integer(p.batch_idx)), entry("windows", integer(p.windows)),
                          entry("validations", integer(p.validations)), entry("optimizer_calls", integer(p.optimizer_calls)),
                          entry("val_batches", integer(p.val_batches)), entry("moment", integer(static_cast<std::int64_t>(p.moment)))));
    put("elapsed", {s.elapsed});
    put("stop_request", s.stop_request ? text(*s.stop_request) : PickleValue{});
    put("n_batches", integer(s.n_batches));
    put("rows", integer(s.rows));
    put("known_metrics", numbers(s.known));
    put("pending_metrics", numbers(s.pending));
    PickleValue::List values;
    for (const loops::EpochValues::Entry& v : s.epoch_values) {
        values.push_back(table(entry("name", text(v.name)), entry("reduce", integer(v.reduce)), entry("sum", {v.sum}),
                               entry("weight", {v.weight}), entry("extreme", {v.extreme})));
    }
    put("epoch_values", {std::move(values)});
    put("loss_sum", {s.loss_sum});
    put("epoch_samples", integer(s.epoch_samples));
    put("train_metrics", tensors(s.train_metrics));
    put("window", table(entry("losses", integer(s.window.losses)), entry("weight", {s.window.weight}),
                        entry("gradients", tensors(s.window.gradients))));
    PickleValue::List schedules;
    for (const loops::ScheduleSet::State& v : s.schedules) {
        schedules.push_back(table(entry("happened", integer(v.happened)), entry("count", integer(v.count)), entry("factor", {v.factor}),
                                  entry("momentum", {v.momentum})));
    }
    put("schedules", {std::move(schedules)});
    put("lr_scales", numbers({s.lr_scales.begin(), s.lr_scales.end()}));
    put("generators", tensors(s.generators));
    put("log_due", {s.log_due});
    put("accumulating", {s.accumulating});
    put("validation_due", {s.validation_due});
}

loops::RunState take_run_state(const PickleValue& file, bool partial, const std::function<void(const std::string&)>& warn) {
    loops::RunState out;
    const PickleValue* found = file.find("dvhost");
    const PickleValue* place = found ? found->find("progress") : nullptr;
    if (place == nullptr) {
        try {
            out.progress = from_lightning(file);
        } catch (const dv::Error& error) {
            if (!partial) throw;
            warn(error.what());
            return out;
        }
        out.scaler.scale = number_at(file, {"MixedPrecision", "scale"}, out.scaler.scale);
        out.scaler.growth_tracker = int_at(file, {"MixedPrecision", "_growth_tracker"}, 0);
        warn("the checkpoint was not written by dvhost and holds no random states: what is drawn from here on differs from an uninterrupted run");
        return out;
    }
    const PickleValue& own = *found;
    loops::Progress& p = out.progress;
    const auto count = [&](const char* name) { return int_at(*place, {name}, 0); };
    p.epoch = count("epoch");
    p.global_step = count("global_step");
    p.batches = count("batches");
    p.samples = count("samples");
    p.skipped_steps = count("skipped_steps");
    p.batch_idx = count("batch_idx");
    p.windows = count("windows");
    p.validations = count("validations");
    p.optimizer_calls = count("optimizer_calls");
    p.val_batches = count("val_batches");
    const std::int64_t moment = count("moment");
    if (moment < 0 || moment > static_cast<std::int64_t>(Moment::fit_end)) throw dv::Error("the checkpoint's 'dvhost.progress.moment' is " + std::to_string(moment));
    p.moment = static_cast<Moment>(moment);

    out.elapsed = number_at(own, {"elapsed"}, 0.0);
    if (const PickleValue* why = own.find("stop_request"); why && why->as<std::string>()) out.stop_request = *why->as<std::string>();
    out.n_batches = int_at(own, {"n_batches"}, 0);
    out.rows = int_at(own, {"rows"}, 0);
    out.known = numbers_in(own.find("known_metrics"));
    out.pending = numbers_in(own.find("pending_metrics"));
    if (const PickleValue* values = own.find("epoch_values"); values && values->items()) {
        for (const PickleValue& v : *values->items()) {
            const PickleValue* name = v.find("name");
            if (name == nullptr || name->as<std::string>() == nullptr) continue;
            out.epoch_values.push_back({*name->as<std::string>(), static_cast<std::uint32_t>(int_at(v, {"reduce"}, 0)), number_at(v, {"sum"}, 0),
                                        number_at(v, {"weight"}, 0), number_at(v, {"extreme"}, 0)});
        }
    }
    out.loss_sum = number_at(own, {"loss_sum"}, 0.0);
    out.epoch_samples = int_at(own, {"epoch_samples"}, 0);
    out.train_metrics = tensors_in(own.find("train_metrics"));
    out.window.losses = int_at(own, {"window", "losses"}, 0);
    out.window.weight = number_at(own, {"window", "weight"}, 0.0);
    out.window.gradients = tensors_in(at(own, {"window", "gradients"}));
    if (const PickleValue* schedules = own.find("schedules"); schedules && schedules->items()) {
        for (const PickleValue& v : *schedules->items()) {
            out.schedules.push_back({int_at(v, {"happened"}, 0), int_at(v, {"count"}, 0), number_at(v, {"factor"}, 1.0), number_at(v, {"momentum"}, 0.0)});
        }
    }
    for (auto& [name, value] : numbers_in(own.find("lr_scales"))) out.lr_scales[name] = value;
    out.generators = tensors_in(own.find("generators"));
    out.log_due = flag_at(own, {"log_due"});
    out.accumulating = flag_at(own, {"accumulating"});
    out.validation_due = flag_at(own, {"validation_due"});
    out.scaler.scale = number_at(file, {"MixedPrecision", "scale"}, out.scaler.scale);
    out.scaler.growth_tracker = int_at(file, {"MixedPrecision", "_growth_tracker"}, 0);
    return out;
}

}  // namespace dvhost::checkpoint
