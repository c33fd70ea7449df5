#include "memory.hpp"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <sstream>

namespace dv::lbfgs {

namespace {

at::Tensor whole(std::int64_t value) { return at::scalar_tensor(value, at::TensorOptions(at::kLong)); }
at::Tensor number(double value) { return at::scalar_tensor(value, at::TensorOptions(at::kDouble)); }
at::Tensor stacked(const std::vector<at::Tensor>& rows, const Flat& flat) {
    return rows.empty() ? at::zeros({0, flat.size()}, flat.options()) : at::stack(rows);
}

/// Finds by key what list() wrote.
class Found {
public:
    Found(std::span<const OptimizerState> states, const Flat& flat) : states_(states), flat_(flat) {}

    std::int64_t whole(const char* key) const { return get(key, {}).item<std::int64_t>(); }
    double number(const char* key) const { return get(key, {}).item<double>(); }
    at::Tensor vector(const char* key) const { return copy(get(key, {{flat_.size()}})); }
    std::vector<at::Tensor> rows(const char* key) const {
        const at::Tensor all = get(key, {{-1, flat_.size()}});
        std::vector<at::Tensor> out;
        for (std::int64_t i = 0; i < all.size(0); ++i) out.push_back(copy(all.select(0, i)));
        return out;
    }
    std::vector<double> numbers(const char* key) const {
        const at::Tensor all = get(key, {{-1}});
        std::vector<double> out;
        for (std::int64_t i = 0; i < all.size(0); ++i) out.push_back(all.select(0, i).item<double>());
        return out;
    }

private:
    at::Tensor copy(const at::Tensor& stored) const {
        return stored.to(flat_.options(), /*non_blocking=*/false, /*copy=*/true);
    }
    /// −1: any.
    const at::Tensor& get(const std::string& key, std::vector<std::int64_t> shape) const {
        for (const OptimizerState& state : states_) {
            if (state.parameter != 0 || state.key != key) continue;
            if (!shape.empty() && shape[0] < 0 && state.tensor.numel() == 0) return state.tensor;  // an empty list has no shape
            bool fits = state.tensor.dim() == static_cast<std::int64_t>(shape.size());
            for (std::size_t d = 0; fits && d < shape.size(); ++d) {
                fits = shape[d] < 0 || state.tensor.size(static_cast<std::int64_t>(d)) == shape[d];
            }
            if (fits) return state.tensor;
            std::ostringstream text;
            text << "the saved '" << key << "' of lbfgs has shape " << state.tensor.sizes() << ", but "
                 << at::IntArrayRef(shape) << " is needed (-1: any); the checkpoint belongs to another model";
            throw Error(text.str());
        }
        throw Error("the saved optimizer state lacks '" + key +
                    "', which lbfgs keeps; resume with the optimizer that wrote it");
    }

    std::span<const OptimizerState> states_;
    const Flat& flat_;
};

}  // namespace

std::vector<OptimizerState> Memory::list(const Flat& flat) const {
    if (!direction.defined()) return {};
    return {{0, "func_evals", whole(func_evals)},
            {0, "n_iter", whole(n_iter)},
            {0, "d", direction},
            {0, "t", number(t)},
            {0, "old_dirs", stacked(history.changes, flat)},
            {0, "old_stps", stacked(history.steps, flat)},
            {0, "ro", at::tensor(history.inverses, at::TensorOptions(at::kDouble))},
            {0, "H_diag", number(history.scale)},
            {0, "prev_flat_grad", previous_gradient},
            {0, "prev_loss", number(previous_loss)}};
}

Memory Memory::from(std::span<const OptimizerState> states, const Flat& flat) {
    if (states.empty()) return {};
    const Found found(states, flat);
    Memory out{found.whole("func_evals"),
               found.whole("n_iter"),
               found.vector("d"),
               found.number("t"),
               found.vector("prev_flat_grad"),
               found.number("prev_loss"),
               {}};
    out.history.changes = found.rows("old_dirs");
    out.history.steps = found.rows("old_stps");
    out.history.inverses = found.numbers("ro");
    out.history.scale = found.number("H_diag");
    if (out.history.steps.size() != out.history.size() || out.history.inverses.size() != out.history.size()) {
        throw Error("the saved state of lbfgs has " + std::to_string(out.history.size()) + " 'old_dirs', " +
                    std::to_string(out.history.steps.size()) + " 'old_stps' and " +
                    std::to_string(out.history.inverses.size()) + " 'ro', but there must be as many of each");
    }
    return out;
}

}  // namespace dv::lbfgs
