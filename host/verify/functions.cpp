#include "verify/functions.hpp"

#include "verify/measures.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <dv/temporal/circuit.hpp>
#include <dv/temporal/state.hpp>
#include <dv/torch/metric.hpp>

#include <algorithm>

namespace dvhost::verify {

namespace {

constexpr Call kCalls[] = {{"loss", read_loss_call},
                           {"metric", read_metric_call},
                           {"measures", read_measures_call},
                           {"presentation", read_presentation_call},
                           {"solver", read_solver_call},
                           {"convergence", read_convergence_call},
                           {"delay_equation", read_delay_equation_call},
                           {"recurrence", read_recurrence_call},
                           {"spectral_radius", read_spectral_radius_call},
                           {"ring_buffer", read_ring_buffer_call},
                           {"supralinearity", read_supralinearity_call}};

/// Outputs [batch, time, class] and labels [batch, time].
struct Scored {
    at::Tensor outputs, labels;
    at::Tensor placed_labels(const Setting& setting) const { return labels.to(setting.device); }
};
Scored read_scored(TableReader& args) {
    Scored out{args.needed_tensor("outputs"), args.needed_tensor("labels").to(at::kLong)};
    const at::IntArrayRef o = out.outputs.sizes(), l = out.labels.sizes();
    if (o.size() != 3 || l.size() != 2 || o[0] != l[0] || o[1] != l[1]) {
        args.problem(args.table().source(), "'outputs' must be [batch, time, class], and 'labels' [batch, time]");
        return {at::zeros({1, 1, 1}, at::kDouble), at::zeros({1, 1}, at::kLong)};
    }
    return out;
}

}  // namespace

Run read_function(TableReader& reader) {
    std::vector<std::string> names;
    for (const Call& call : kCalls) names.emplace_back(call.name);
    const std::string wanted = reader.word("call", names, std::nullopt);
    const manifest::Node* args = reader.need("args", "give a table of what the call takes");
    if (args == nullptr || !args->is_table()) {
        if (args != nullptr) reader.problem(args->source(), "'args' must be a table");
        return {};
    }
    for (const Call& call : kCalls) {
        if (call.name != wanted) continue;
        TableReader inside(*args, reader.context() + ".args", reader.plugins(), reader.problems());
        Run run = call.read(inside);
        inside.finish();
        return run;
    }
    return {};
}

Run read_loss_call(TableReader& args) {
    const manifest::Node loss = args.component("loss", "dv.loss");
    const Scored scored = read_scored(args);
    return [loss, scored](Workshop& workshop, const Setting& setting) {
        Findings out;
        out.add(
            "value",
            workshop.make<dv::Loss>(loss, "loss")->value(setting.place(scored.outputs), scored.placed_labels(setting)));
        return out;
    };
}

/// Its values over all entries; "entries.<name>": the value of each (sample, step) by itself.
Run read_metric_call(TableReader& args) {
    const manifest::Node table = args.component("metric", "dv.metric");
    const Scored scored = read_scored(args);
    return [table, scored](Workshop& workshop, const Setting& setting) {
        const auto metric = workshop.make<dv::Metric>(table, "metric");
        const at::Tensor outputs = setting.place(scored.outputs), labels = scored.placed_labels(setting);
        const auto measured = [&](const at::Tensor& o, const at::Tensor& l) {
            metric->reset();
            metric->update(o, l);
            return metric->compute();
        };
        Findings out;
        for (const dv::NamedTensor& value : measured(outputs, labels)) out.add(value.name, value.tensor);
        std::map<std::string, Values> entries;
        for (std::int64_t b = 0; b < labels.size(0); ++b) {
            for (std::int64_t t = 0; t < labels.size(1); ++t) {
                const auto one =
                    measured(outputs.narrow(0, b, 1).narrow(1, t, 1), labels.narrow(0, b, 1).narrow(1, t, 1));
                for (const dv::NamedTensor& value : one) entries[value.name].emplace_back(value.tensor.item<double>());
            }
        }
        for (auto& [name, values] : entries) out.add("entries." + name, std::move(values));
        return out;
    };
}

Run read_measures_call(TableReader& args) {
    const Scored scored = read_scored(args);
    return [scored](Workshop&, const Setting& setting) {
        const Measures m = measures(setting.place(scored.outputs), scored.placed_labels(setting));
        Findings out;
        out.add("guess", m.guess);
        out.add("guess_confidence", m.guess_confidence);
        out.add("label_confidence", m.label_confidence);
        out.add("accuracy", m.accuracy);
        return out;
    };
}

namespace {

/// A loss for which only the outputs and labels of a step matter.
struct AnyLoss final : dv::Loss {
    at::Tensor value(const at::Tensor& outputs, const at::Tensor&) const override { return outputs.sum(); }
};

}  // namespace

/// A step on still images with label 1: the labels that its first sample is scored with, and that sample's first output.
Run read_presentation_call(TableReader& args) {
    const ModelCase spec = read_filled_model(args, 1);
    const std::string split = args.word("split", {"train", "val", "test"}, "val");
    return [spec, split](Workshop& workshop, const Setting& setting) {
        const at::NoGradGuard no_grad;
        const auto model = spec.made(workshop, setting);
        model->train(split == "train");
        AnyLoss loss;
        loss.host = &workshop.own_host();
        dv::Batch batch;
        batch.frames = dv::Sequence::of(setting.place(spec.frames));
        batch.labels = at::ones({spec.batch}, at::TensorOptions(setting.device).dtype(at::kLong));
        batch.index = batch.labels;
        batch.split = split == "train" ? dv::Split::train : split == "val" ? dv::Split::val : dv::Split::test;
        const dv::StepOutput step =
            split == "train" ? model->training_step(batch, loss) : model->validation_step(batch, loss);
        Findings out;
        out.add("labels", step.labels.select(0, 0));
        out.add("outputs", step.outputs.select(0, 0).select(1, 0));
        return out;
    };
}

/// The engine's ring of past activity: what is `back[i]` entries back after `append` was stored.
Run read_ring_buffer_call(TableReader& args) {
    const std::int64_t size = args.integer("size", 1);
    const at::Tensor append = args.needed_tensor("append").view({-1});
    const std::vector<std::int64_t> back = args.integers("back");
    if (std::any_of(back.begin(), back.end(), [&](std::int64_t k) { return k < 1 || k > size; })) {
        args.problem(args.table().find("back")->source(), "'back' counts from 1 to the size, " + std::to_string(size));
    }
    return [size, append, back](Workshop&, const Setting& setting) {
        dv::temporal::History history(size);
        for (std::int64_t i = 0; i < append.size(0); ++i) history.push(setting.place(append[i]));
        Values values;
        for (const std::int64_t k : back) {
            const at::Tensor entry = history.back(k);
            values.push_back(entry.defined() ? std::optional(entry.item<double>()) : std::nullopt);
        }
        Findings out;
        out.add("values", std::move(values));
        return out;
    };
}

Run read_supralinearity_call(TableReader& args) {
    const at::Tensor x = args.needed_tensor("x").view({-1});
    dv::temporal::SupraLinear map;
    map.gain = args.number("gain", map.gain);
    map.exponent = args.number("exponent", map.exponent);
    return [x, map](Workshop&, const Setting& setting) {
        Findings out;
        out.add("y", dv::temporal::applied(map, setting.place(x)));
        return out;
    };
}

}  // namespace dvhost::verify
