#include "verify/model_case.hpp"

#include <dv/torch/parameters.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>

namespace dvhost::verify {

using manifest::Node;

namespace {

/// Whether the model itself has a parameter of this name; otherwise the key tells about the data.
bool takes(const registry::Registry& plugins, const Node& type, std::string_view key) {
    if (!type.is_string()) return false;
    const registry::ComponentInfo* component = plugins.find("dv.model", type.as_string()).component;
    return component != nullptr && std::any_of(component->parameters.begin(), component->parameters.end(),
                                               [&](const registry::ParameterSchema& p) { return p.name == key; });
}

/// n_classes and input_dims of the table: what a datamodule would tell.
dv::DataFacts read_facts(const Node& table, const TableReader& reader) {
    dv::DataFacts out;
    const Node *classes = table.find("n_classes"), *dims = table.find("input_dims");
    if (classes == nullptr || !classes->is_int() || classes->as_int() < 1) {
        reader.problem(classes != nullptr ? classes->source() : table.source(),
                       "the model needs n_classes, an integer from 1 on: no data tells it");
    } else {
        out.n_classes = classes->as_int();
    }
    std::vector<std::int64_t> sizes;
    if (dims != nullptr && dims->is_list()) {
        for (const Node& n : dims->as_list()) sizes.push_back(n.is_int() ? n.as_int() : 0);
    }
    if ((sizes.size() != 3 && sizes.size() != 4) ||
        std::any_of(sizes.begin(), sizes.end(), [](auto n) { return n < 1; })) {
        reader.problem(dims != nullptr ? dims->source() : table.source(),
                       "the model needs input_dims = [channels, height, width] or [time, channels, height, width]: no "
                       "data tells it");
        return out;
    }
    if (sizes.size() == 4) out.n_frames = sizes[0];
    out.channels = sizes[sizes.size() - 3];
    out.height = sizes[sizes.size() - 2];
    out.width = sizes[sizes.size() - 1];
    return out;
}

std::int64_t integer_of(const Node& table, std::string_view key, std::int64_t fallback) {
    const Node* node = table.find(key);
    return node != nullptr && node->is_int() ? node->as_int() : fallback;
}

at::Tensor cosine_image(std::int64_t batch, const dv::DataFacts& f) {
    const at::Tensor by_pixel = at::arange(f.channels * f.height * f.width, at::kDouble).mul(0.013);
    const at::Tensor by_sample = at::arange(batch, at::kDouble).mul(0.5);
    return by_pixel.unsqueeze(0).add(by_sample.unsqueeze(1)).cos().view({batch, 1, f.channels, f.height, f.width});
}

/// "cos", a number for every value, or numbers for one sample or all.
at::Tensor read_input(TableReader& reader, std::int64_t batch, const dv::DataFacts& f) {
    const Node* node = reader.table().find("input");
    if (node == nullptr || node->is_string()) {
        reader.word("input", {"cos"}, "cos");
        return cosine_image(batch, f);
    }
    const at::Tensor values = reader.needed_tensor("input");
    const std::int64_t units = f.channels * f.height * f.width, n = values.numel();
    if (n != 1 && n != units && n != batch * units) {
        reader.problem(node->source(), "'input' has " + std::to_string(n) + " values: one for all, " +
                                           std::to_string(units) + " for a sample, or " +
                                           std::to_string(batch * units) + " for the batch of " +
                                           std::to_string(batch));
        return cosine_image(batch, f);
    }
    const at::Tensor rows = n == batch * units ? values.view({batch, units}) : values.view({1, n});
    return rows.expand({batch, units}).reshape({batch, 1, f.channels, f.height, f.width});
}

std::vector<std::pair<std::string, at::Tensor>> read_weights(TableReader& reader) {
    std::vector<std::pair<std::string, at::Tensor>> out;
    const Node* node = reader.find("weights");
    if (node == nullptr) return out;
    if (!node->is_table()) {
        reader.problem(node->source(), "'weights' must be a table: { \"layer1.conv.weight\" = [1.0] }");
        return out;
    }
    TableReader weights(*node, reader.context() + ".weights", reader.plugins(), reader.problems());
    for (const manifest::Member& member : node->as_table()) {
        if (const auto values = weights.tensor(member.key)) out.emplace_back(member.key, *values);
    }
    return out;
}

/// Steps of a list, each of them there is.
std::vector<std::int64_t> read_steps(TableReader& reader, const std::string& key, std::int64_t n_timesteps) {
    std::vector<std::int64_t> steps = reader.integers(key);
    const auto outside =
        std::find_if(steps.begin(), steps.end(), [&](std::int64_t t) { return t < 0 || t >= n_timesteps; });
    if (outside == steps.end()) return steps;
    reader.problem(reader.table().find(key)->source(), "'" + key + "' has " + std::to_string(*outside) +
                                                           ": there are steps 0 to " + std::to_string(n_timesteps - 1));
    return {};
}

/// `frames_off` lists them; `frames_on` lists the others.
std::vector<std::int64_t> read_blank_steps(TableReader& reader, std::int64_t n_timesteps) {
    std::vector<std::int64_t> off = read_steps(reader, "frames_off", n_timesteps);
    const std::vector<std::int64_t> on = read_steps(reader, "frames_on", n_timesteps);
    const manifest::Node* also = reader.table().find("frames_on");
    if (also == nullptr) return off;
    if (!off.empty())
        reader.problem(also->source(), "'frames_on' and 'frames_off' say the same thing twice: give one of them");
    for (std::int64_t t = 0; t < n_timesteps; ++t) {
        if (std::find(on.begin(), on.end(), t) == on.end()) off.push_back(t);
    }
    return off;
}

std::string shape_text(const at::Tensor& tensor) {
    std::string out = "[";
    for (const std::int64_t n : tensor.sizes()) out += (out.size() > 1 ? ", " : "") + std::to_string(n);
    return out + "]";
}

void set_weight(const std::vector<dv::NamedTensor>& tensors, const std::string& name, const at::Tensor& values) {
    const auto at =
        std::find_if(tensors.begin(), tensors.end(), [&](const dv::NamedTensor& t) { return t.name == name; });
    if (at == tensors.end()) {
        std::string names;
        for (const dv::NamedTensor& t : tensors) names += (names.empty() ? "" : ", ") + t.name;
        throw dv::Error("the model has no tensor '" + name + "' (have: " + names + ")");
    }
    at::Tensor tensor = at->tensor.detach();
    if (values.numel() != 1 && values.numel() != tensor.numel()) {
        throw dv::Error("'" + name + "' has " + std::to_string(values.numel()) + " values, but the tensor is " +
                        shape_text(tensor) + ": give one for all, or " + std::to_string(tensor.numel()));
    }
    tensor.copy_(values.numel() == 1 ? values.reshape(at::IntArrayRef()) : values.view(tensor.sizes()));
}

}  // namespace

at::Tensor filled(const std::string& name, const at::Tensor& like) {
    std::int64_t s = 0;
    for (const char c : name) s += static_cast<unsigned char>(c);
    const at::Tensor wave =
        at::arange(like.numel(), at::kDouble).mul(0.7).add(0.1 * static_cast<double>(s % 97)).sin().view(like.sizes());
    if (like.dim() > 1) return wave.div(std::sqrt(static_cast<double>(like.numel() / like.size(0))));
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    const bool of_norm = has("weight") && (has("norm") || has("mid_modules"));
    return wave.mul(0.05).add(of_norm ? 1.0 : 0.0);
}

dv::Sequence ModelCase::sequence(const Setting& setting) const {
    dv::Sequence out = dv::Sequence::of(setting.place(frames));
    out = out.shown_for(n_timesteps);
    for (const std::int64_t t : frames_off) out.schedule[static_cast<std::size_t>(t)] = dv::Sequence::kBlank;
    out.idle_timesteps = idle_timesteps;
    return out;
}

std::shared_ptr<dv::Model> ModelCase::made(Workshop& workshop, const Setting& setting) const {
    auto model = workshop.make<dv::Model>(this->model, "model");
    try {
        model->build(facts);
        model->set_plan(setting.plan);
        std::vector<dv::NamedTensor> tensors = model->parameters();
        for (dv::NamedTensor& t : tensors) {
            if (at::isFloatingType(t.tensor.scalar_type())) t.tensor.set_data(setting.place(t.tensor.detach()));
        }
        for (const dv::NamedTensor& t : tensors) {
            const bool kept =
                std::any_of(keep.begin(), keep.end(), [&](const auto& p) { return dv::matches(p, t.name); });
            if (!fills || kept || !at::isFloatingType(t.tensor.scalar_type()) ||
                t.name.find("tau") != std::string::npos)
                continue;
            t.tensor.detach().copy_(filled(t.name, t.tensor));
        }
        for (const auto& [name, values] : weights) set_weight(tensors, name, values);
    } catch (const dv::Error& error) {
        throw dv::Error(where.text() + ": the model cannot be built: " + error.what());
    }
    return model;
}

ModelCase read_model(TableReader& reader) {
    ModelCase out;
    const Node* node =
        reader.need("model", "give one, as { type = \"rcnn\", n_classes = 4, input_dims = [3, 16, 16], ... }");
    if (node == nullptr || !node->is_table()) {
        if (node != nullptr) reader.problem(node->source(), "'model' must be a table with a 'type'");
        return out;
    }
    out.where = node->source();
    out.facts = read_facts(*node, reader);
    Node table = *node;
    for (const char* key : {"n_classes", "input_dims"}) {
        if (table.find("type") != nullptr && !takes(reader.plugins(), *table.find("type"), key)) table.erase(key);
    }
    out.model = checked_component(table, "dv.model", reader.context() + ".model", reader.plugins(), reader.problems());
    out.n_timesteps = out.facts.n_frames > 1 ? out.facts.n_frames : integer_of(out.model, "n_timesteps", 1);
    out.idle_timesteps = integer_of(out.model, "idle_timesteps", 0);
    const Node* dt = out.model.find("dt");
    if (dt != nullptr && dt->is_number()) out.dt = dt->as_number();
    // A still image is shown for all steps, whatever the data would bring.
    out.facts.n_frames = 1;
    return out;
}

ModelCase read_filled_model(TableReader& reader, std::int64_t batch) {
    ModelCase out = read_model(reader);
    out.n_timesteps = reader.integer("n_timesteps", 1, out.n_timesteps);
    out.batch = reader.integer("batch", 1, batch);
    out.fills = reader.word("fill", {"sin", "none"}, "sin") != "none";
    out.keep = reader.words("keep");
    out.weights = read_weights(reader);
    out.frames = read_input(reader, out.batch, out.facts);
    out.frames_off = read_blank_steps(reader, out.n_timesteps);
    return out;
}

}  // namespace dvhost::verify
