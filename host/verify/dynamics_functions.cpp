#include "verify/functions.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>

#include <algorithm>
#include <cmath>

namespace dvhost::verify {

namespace {

/// tau dr/dt = -r + weight r + drive, from `rate` (nothing: no state yet) on.
struct Equation {
    double tau = 5.0, drive = 1.0, weight = 0.0;
    std::optional<double> rate;
};
Equation read_equation(TableReader& args) {
    Equation out;
    out.tau = args.number("tau");
    out.drive = args.number("drive", 1.0);
    out.weight = args.number("weight", 0.0);
    if (args.table().find("rate") != nullptr) out.rate = args.number("rate");
    return out;
}

/// One step of a method that evaluates the drive anew at each of its stages.
at::Tensor staged(const dv::Tableau& method, const at::Tensor& rate, double h, const Equation& of) {
    std::vector<at::Tensor> slopes;
    const auto n = static_cast<std::size_t>(method.stages);
    at::Tensor out = rate;
    for (std::size_t i = 0; i < n; ++i) {
        at::Tensor at_stage = rate;
        for (std::size_t j = 0; j < i; ++j) at_stage = at_stage.add(slopes[j], h * method.a[i][j]);
        slopes.push_back(at_stage.mul(of.weight - 1.0).add(of.drive).div(of.tau));
        out = out.add(slopes[i], h * method.b[i]);
    }
    return out;
}

/// The rate after each of `steps` steps of length `dt`.
Values solved(const dv::Solver& solver, const Equation& of, double dt, std::int64_t steps, const Setting& setting) {
    const auto options = at::TensorOptions(setting.device).dtype(setting.dtype);
    const auto method = solver.tableau();
    at::Tensor rate = of.rate ? at::full({1}, *of.rate, options) : at::Tensor();
    Values out;
    for (std::int64_t i = 0; i < steps; ++i) {
        if (method) {
            rate = staged(*method, rate.defined() ? rate : at::zeros({1}, options), dt, of);
        } else {
            const at::Tensor constant = at::full({1}, of.drive, options);
            rate = solver.step(rate, rate.defined() ? constant.add(rate, of.weight) : constant, {dt, of.tau, {}});
        }
        out.emplace_back(rate.item<double>());
    }
    return out;
}

/// A recurrence where the case puts it, with the case's weights.
struct Site {
    manifest::Node table;
    dv::RecurrenceSite site;
    std::vector<std::pair<std::string, at::Tensor>> weights;

    std::shared_ptr<dv::Recurrence> made(Workshop& workshop, const Setting& setting) const {
        auto out = workshop.make<dv::Recurrence>(table, "recurrence");
        out->build(site);
        for (dv::NamedTensor& t : out->parameters()) {
            const auto at =
                std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.first == t.name; });
            if (at == weights.end())
                throw dv::Error("'weights' has no values for '" + t.name + "', which the recurrence has");
            const at::Tensor& v = at->second;
            if (v.numel() != 1 && v.numel() != t.tensor.numel()) {
                throw dv::Error("'" + t.name + "' has " + std::to_string(v.numel()) + " values, but the tensor has " +
                                std::to_string(t.tensor.numel()) + ": give one for all, or that many");
            }
            const at::Tensor values =
                v.numel() == 1 ? v.reshape(at::IntArrayRef()).expand(t.tensor.sizes()) : v.view(t.tensor.sizes());
            t.tensor.set_data(setting.place(values.contiguous()));
        }
        return out;
    }
    std::vector<std::int64_t> sizes;  ///< [1, channel, y, x]
};

Site read_site(TableReader& args) {
    Site out;
    out.table = args.component("recurrence", "dv.recurrence");
    out.site.source_channels = out.site.target_channels = args.integer("channels", 1, 1);
    out.site.kernel = args.integer("kernel", 1, 3);
    out.site.height = args.integer("height", 1);
    out.site.width = args.integer("width", 1);
    out.site.bias = args.flag("bias", true) ? 1 : 0;
    out.sizes = {1, out.site.source_channels, out.site.height, out.site.width};
    const manifest::Node* weights =
        args.need("weights", "give all of the recurrence's tensors: { \"conv.weight\" = 0.1 }");
    if (weights == nullptr || !weights->is_table()) {
        if (weights != nullptr) args.problem(weights->source(), "'weights' must be a table");
        return out;
    }
    TableReader inside(*weights, args.context() + ".weights", args.plugins(), args.problems());
    for (const manifest::Member& member : weights->as_table()) {
        if (const auto values = inside.tensor(member.key)) out.weights.emplace_back(member.key, *values);
    }
    return out;
}

}  // namespace

Run read_solver_call(TableReader& args) {
    const manifest::Node solver = args.component("solver", "dv.solver");
    const Equation equation = read_equation(args);
    const double dt = args.number("dt");
    const std::int64_t steps = args.integer("steps", 1);
    return [=](Workshop& workshop, const Setting& setting) {
        const auto made = workshop.make<dv::Solver>(solver, "solver");
        const Values rates = solved(*made, equation, dt, steps, setting);
        Findings out;
        out.add("last", Values{rates.back()});
        out.add("rates", rates);
        out.add("stability_limit", made->stability_limit());
        out.add("order", static_cast<double>(made->order()));
        return out;
    };
}

/// Errors at `time` for several step lengths, and the order that two neighbours show: log(e1 / e2) / log(dt1 / dt2).
Run read_convergence_call(TableReader& args) {
    const manifest::Node solver = args.component("solver", "dv.solver");
    const Equation equation = read_equation(args);
    const at::Tensor dts = args.needed_tensor("dts").view({-1});
    const double time = args.number("time"), exact = args.number("exact");
    return [=](Workshop& workshop, const Setting& setting) {
        const auto made = workshop.make<dv::Solver>(solver, "solver");
        std::vector<double> errors, lengths;
        for (const auto& dt : values_of(dts)) {
            const auto steps = static_cast<std::int64_t>(std::llround(time / *dt));
            errors.push_back(*solved(*made, equation, *dt, steps, setting).back() - exact);
            lengths.push_back(*dt);
        }
        Values orders;
        for (std::size_t i = 1; i < errors.size(); ++i) {
            orders.emplace_back(std::log(errors[i - 1] / errors[i]) / std::log(lengths[i - 1] / lengths[i]));
        }
        Findings out;
        out.add("errors", Values(errors.begin(), errors.end()));
        out.add("orders", std::move(orders));
        return out;
    };
}

Run read_recurrence_call(TableReader& args) {
    const Site site = read_site(args);
    const at::Tensor input = args.needed_tensor("input");
    if (input.numel() != c10::multiply_integers(site.sizes)) {
        args.problem(
            args.table().find("input") != nullptr ? args.table().find("input")->source() : args.table().source(),
            "'input' must have channels x height x width = " + std::to_string(c10::multiply_integers(site.sizes)) +
                " values");
        return {};
    }
    return [site, input](Workshop& workshop, const Setting& setting) {
        Findings out;
        out.add("drive", site.made(workshop, setting)->forward(setting.place(input).view(site.sizes)));
        return out;
    };
}

/// By power iteration on the linear part, from a field without symmetry.
Run read_spectral_radius_call(TableReader& args) {
    const Site site = read_site(args);
    const std::int64_t iterations = args.integer("iterations", 1, 2000);
    return [site, iterations](Workshop& workshop, const Setting& setting) {
        const auto recurrence = site.made(workshop, setting);
        const at::Tensor constant = recurrence->forward(setting.place(at::zeros(site.sizes, at::kDouble)));
        at::Tensor field = setting.place(
            at::arange(c10::multiply_integers(site.sizes), at::kDouble).mul(0.7).sin().add(2.0).view(site.sizes));
        at::Tensor size;
        for (std::int64_t i = 0; i < iterations; ++i) {
            const at::Tensor next = recurrence->forward(field).sub(constant);
            size = next.norm().div(field.norm());
            field = next.div(next.norm());
        }
        Findings out;
        out.add("radius", size);
        return out;
    };
}

}  // namespace dvhost::verify
