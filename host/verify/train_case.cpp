#include "verify/kinds.hpp"
#include "verify/measures.hpp"

#include "compose/weighted_loss.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <dv/torch/optimizer.hpp>

#include <cmath>

namespace dvhost::verify {

using manifest::Node;

namespace {

struct LossTerm {
    Node table;
    double weight = 1.0;
};

struct TrainCase {
    ModelCase model;
    std::vector<std::int64_t> labels;
    Node optimizer;
    std::vector<LossTerm> losses;
    std::int64_t steps = 1;
};

/// "cross_entropy", a table, or a list of tables; each may have the manifest's `weight`.
std::vector<LossTerm> read_losses(TableReader& reader) {
    std::vector<LossTerm> out;
    const Node* node = reader.find("loss");
    Node::List tables;
    if (node == nullptr) {
        tables.emplace_back(std::string("cross_entropy"), reader.table().source());
    } else if (node->is_list()) {
        tables = node->as_list();
    } else {
        tables.push_back(*node);
    }
    for (Node& item : tables) {
        LossTerm term;
        Node holder;
        if (item.is_table() && item.find("weight") != nullptr && item.find("weight")->is_number()) {
            term.weight = item.find("weight")->as_number();
            item.erase("weight");
        }
        holder.set("loss", item);
        TableReader one(holder, reader.context(), reader.plugins(), reader.problems());
        term.table = one.component("loss", "dv.loss");
        out.push_back(std::move(term));
    }
    return out;
}

/// The optimizer's table, with the case's `groups` as its own.
Node read_optimizer(TableReader& reader) {
    const Node* node = reader.need("optimizer", "give one, as { type = \"adam\", lr = 1e-2 }");
    const Node* groups = reader.find("groups");
    if (node == nullptr || !node->is_table()) {
        if (node != nullptr) reader.problem(node->source(), "'optimizer' must be a table with a 'type'");
        return Node();
    }
    Node table = *node;
    if (groups != nullptr) table.set("groups", *groups, *reader.table().key_source("groups"));
    return checked_component(table, "dv.optimizer", reader.context() + ".optimizer", reader.plugins(),
                             reader.problems());
}

std::shared_ptr<dv::Loss> made_loss(const TrainCase& c, Workshop& workshop) {
    std::vector<compose::WeightedLoss::Term> terms;
    for (const LossTerm& term : c.losses) {
        const std::string& type = term.table.find("type")->as_string();
        terms.push_back({workshop.make<dv::Loss>(term.table, "loss." + std::to_string(terms.size())), term.weight,
                         type.substr(type.rfind('.') + 1)});
    }
    return std::make_shared<compose::WeightedLoss>(std::move(terms), workshop.own_host());
}

dv::Batch batch_of(const TrainCase& c, const Setting& setting) {
    dv::Batch batch;
    batch.frames = dv::Sequence::of(setting.place(c.model.frames));
    batch.labels = at::tensor(c.labels, at::kLong).to(setting.device);
    batch.index = at::arange(c.model.batch, at::kLong).to(setting.device);
    return batch;
}

/// Over the trained parameters: their gradients' joint norm.
double gradient_norm(const std::vector<dv::NamedTensor>& parameters) {
    double squares = 0.0;
    for (const dv::NamedTensor& p : parameters) {
        if (p.tensor.grad().defined()) squares += p.tensor.grad().to(at::kDouble).pow(2).sum().item<double>();
    }
    return std::sqrt(squares);
}

/// Values over the steps, by name.
struct History {
    Values loss, accuracy, guess_confidence, label_confidence, gradient_norm;
    void add(const dv::StepOutput& step) {
        const Measures m = measures(step.outputs.detach().to(at::kDouble), step.labels);
        loss.emplace_back(step.loss.item<double>());
        accuracy.emplace_back(m.accuracy.item<double>());
        guess_confidence.emplace_back(m.guess_confidence.mean().item<double>());
        label_confidence.emplace_back(m.first_label_confidence.mean().item<double>());
    }
    void give(Findings& out) const {
        out.add("loss", loss);
        out.add("accuracy", accuracy);
        out.add("guess_confidence", guess_confidence);
        out.add("label_confidence", label_confidence);
        out.add("gradient_norm", gradient_norm);
    }
};

Findings trained(const TrainCase& c, Workshop& workshop, const Setting& setting) {
    const auto model = c.model.made(workshop, setting);
    const auto loss = made_loss(c, workshop);
    const auto optimizer = workshop.make<dv::Optimizer>(c.optimizer, "optimizer");
    std::vector<dv::NamedTensor> parameters;
    for (dv::NamedTensor& t : model->parameters()) {
        if (t.trainable) parameters.push_back(std::move(t));
    }
    optimizer->build(parameters);
    model->train(true);
    const dv::Batch batch = batch_of(c, setting);
    Findings out;
    History history;
    for (std::int64_t step = 0; step < c.steps; ++step) {
        optimizer->zero_grad();
        const dv::StepOutput result = model->training_step(batch, *loss);
        history.add(result);
        result.loss.backward();
        history.gradient_norm.emplace_back(gradient_norm(parameters));
        for (const dv::NamedTensor& p : parameters) {
            if (step == 0 && p.tensor.grad().defined())
                out.add("gradients." + p.name, p.tensor.grad().to(at::kDouble).abs().sum());
        }
        optimizer->step();
    }
    history.give(out);
    Values sizes;
    for (const dv::ParameterGroup& group : optimizer->groups())
        sizes.emplace_back(static_cast<double>(group.parameters.size()));
    out.add("group_sizes", std::move(sizes));
    return out;
}

}  // namespace

Run read_train(TableReader& reader) {
    TrainCase c;
    c.labels = reader.integers("labels");
    if (c.labels.empty())
        reader.problem(reader.table().source(), "has no 'labels': give a list with one class per sample");
    c.model = read_filled_model(reader, static_cast<std::int64_t>(c.labels.size()));
    if (c.model.batch != static_cast<std::int64_t>(c.labels.size())) {
        reader.problem(reader.table().source(), "has " + std::to_string(c.labels.size()) + " labels for a batch of " +
                                                    std::to_string(c.model.batch) + ": give one per sample");
    }
    c.optimizer = read_optimizer(reader);
    c.losses = read_losses(reader);
    c.steps = reader.integer("steps", 1, 1);
    return [c](Workshop& workshop, const Setting& setting) { return trained(c, workshop, setting); };
}

}  // namespace dvhost::verify
