#include "verify/kinds.hpp"

namespace dvhost::verify {

/// Floating-point tensors only: a step count among the buffers is no parameter.
Run read_count(TableReader& reader) {
    const ModelCase spec = read_model(reader);
    return [spec](Workshop& workshop, const Setting&) {
        auto model = workshop.make<dv::Model>(spec.model, "model");
        try {
            model->build(spec.facts);
        } catch (const dv::Error& error) {
            throw dv::Error(spec.where.text() + ": the model cannot be built: " + error.what());
        }
        std::int64_t all = 0, trainable = 0;
        for (const dv::NamedTensor& t : model->parameters()) {
            if (!at::isFloatingType(t.tensor.scalar_type())) continue;
            all += t.tensor.numel();
            if (t.trainable) trainable += t.tensor.numel();
        }
        Findings out;
        out.add("parameters", static_cast<double>(all));
        out.add("trainable", static_cast<double>(trainable));
        return out;
    };
}

}  // namespace dvhost::verify
