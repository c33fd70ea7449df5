#include "verify/kinds.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

namespace dvhost::verify {

namespace {

/// The time at which a trace first reaches `level`, [ms]; step t stands for (t + 1) dt, and between steps the trace is straight.
std::optional<double> time_of(const Values& trace, double level, double dt) {
    double before = 0.0;
    for (std::size_t t = 0; t < trace.size(); ++t) {
        const double now = trace[t].value_or(0.0);
        if (now >= level) return dt * (static_cast<double>(t) + (level - before) / (now - before));
        before = now;
    }
    return std::nullopt;
}

void add_traces(Findings& out, const at::Tensor& outputs, double dt, double plateau) {
    for (std::int64_t b = 0; b < outputs.size(0); ++b) {
        for (std::int64_t k = 0; k < outputs.size(2); ++k) {
            const std::string which = "b" + std::to_string(b) + "_k" + std::to_string(k);
            Values trace = values_of(outputs.select(0, b).select(1, k));
            out.add("half_time_" + which, Values{time_of(trace, 0.5 * plateau, dt)});
            out.add("out_" + which, std::move(trace));
        }
    }
}

/// d (sum of the last step's outputs) / d (each trained parameter), all elements.
void add_gradients(Findings& out, const at::Tensor& outputs, const dv::Model& model) {
    const std::vector<dv::NamedTensor> tensors = model.parameters();
    outputs.select(1, -1).sum().backward();
    for (const dv::NamedTensor& t : tensors) {
        if (!t.trainable) continue;
        const at::Tensor gradient = t.tensor.grad();
        out.add("gradient." + t.name, gradient.defined() ? gradient : at::zeros_like(t.tensor));
    }
}

void add_residual(Findings& out, const dv::Model& model) {
    for (const dv::NamedTensor& t : model.parameters()) {
        if (t.name == "n_residual_timesteps") out.add("residual_timesteps", t.tensor);
    }
}

}  // namespace

Run read_forward(TableReader& reader) {
    const ModelCase spec = read_filled_model(reader, 1);
    const double plateau = reader.number("plateau", 1.0);
    const manifest::Node* expect = reader.table().find("expect");
    const bool wants_gradient = expect != nullptr && expect->is_table() && expect->find("gradient") != nullptr;
    return [spec, plateau, wants_gradient](Workshop& workshop, const Setting& setting) {
        const at::AutoGradMode with_graph(wants_gradient);
        const auto model = spec.made(workshop, setting);
        model->train(false);
        const at::Tensor outputs = model->forward_sequence(spec.sequence(setting));
        Findings out;
        add_residual(out, *model);
        out.add("out", outputs);
        out.add("out_last", outputs.select(0, -1).select(0, -1));
        out.add("sum", outputs.detach().to(at::kDouble).sum());
        add_traces(out, outputs.detach(), spec.dt, plateau);
        if (wants_gradient) add_gradients(out, outputs, *model);
        return out;
    };
}

}  // namespace dvhost::verify
