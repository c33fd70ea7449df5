#include "builder.hpp"
#include "operations.hpp"
#include "text.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/softplus.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace rcnn {

using dv::ParameterError;
using namespace dv::temporal;

namespace {

class LayerBuilder {
public:
    LayerBuilder(const Building& building, std::size_t l)
        : b_(building),
          s_(building.settings),
          l_(l),
          from_(building.settings.layer[l]),
          in_(building.circuit().input_of(l)) {}

    Layer build(std::shared_ptr<const dv::Solver> solver) {
        layer_.name = from_.name;
        add_input_path();
        add_operations();
        const Delay to_next =
            b_.delays.of(Delays::Path::feedforward, from_.t_feedforward.value_or(s_.t_feedforward), false,
                         "feed-forward delay of " + from_.name, delay_parameter("t_feedforward"));
        layer_.feedforward_lag = to_next.lag;
        layer_.feedforward_delay = to_next.ms;
        add_recurrence();
        if (solver) add_solver(std::move(solver));
        if (s_.is_dynvision_0_1()) keep_as_little_as_dynvision();
        return std::move(layer_);
    }

private:
    /// layer.2.tau where the layer has its own, else the model's.
    std::string delay_parameter(const char* name) const {
        const bool own =
            name == std::string("t_feedforward") ? from_.t_feedforward.has_value() : from_.t_recurrence.has_value();
        return own ? key("layer", l_, name) : name;
    }

    // ---- The input path ---------------------------------------------------------------------------------------------

    Convolution convolution(const char* name, const ConvSettings& from, std::int64_t channels,
                            Convolution& (*place)(Layer&)) {
        const std::int64_t k = from.kernel, fan_in = channels * k * k;
        const std::string full = from_.name + "." + name;
        const std::array<std::int64_t, 4> shape{from.channels, channels, k, k};
        const Weight weight = add_weight(b_.weights, full, shape, start_of_weight(s_.start, fan_in), from_.weight_norm);
        Convolution c;
        c.weight = weight.value();
        if (from.bias) c.bias = b_.weights.add(full + ".bias", {from.channels}, start_of_bias(s_.start, fan_in));
        c.stride = from.stride;
        c.padding = from.padding.value_or(k / 2);
        if (weight.is_made()) {
            c.scale = weight.scale;
            b_.network.refresh.push_back(
                [weight, l = l_, place](Circuit& circuit) { place(circuit.layers[l]).weight = weight.value(); });
        }
        return c;
    }

    void add_input_path() {
        FeedForward& path = layer_.feedforward;
        path.first =
            convolution("conv", from_.conv, in_.channels, [](Layer& l) -> Convolution& { return l.feedforward.first; });
        fit("conv", [&] { here_ = grid_after(path.first, in_); });
        if (from_.mid_norm) {
            fit("mid_norm", [&] {
                if (auto map = norm_map(*from_.mid_norm, from_.name + ".mid_modules", here_, b_.weights)) {
                    here_ = grid_after(*map, here_);
                    path.middle.push_back(std::move(*map));
                }
            });
        }
        middle_channels_ = here_.channels;
        if (!from_.conv2) return;
        path.second = convolution("conv2", *from_.conv2, here_.channels,
                                  [](Layer& l) -> Convolution& { return *l.feedforward.second; });
        fit("conv2", [&] { here_ = grid_after(*path.second, here_); });
    }

    void add_operations() {
        const auto reaches = [&](Connection::Kind kind) {
            return std::any_of(s_.connection.begin(), s_.connection.end(),
                               [&](const auto& c) { return c.to == from_.name && c.kind == kind; });
        };
        const Surroundings around{reaches(Connection::Kind::skip), reaches(Connection::Kind::feedback),
                                  l_ + 1 == s_.layer.size(), here_};
        fit("", [&] { rcnn::add_operations(layer_, from_, s_, around, in_, b_.weights); });
    }

    template <class Body>
    void fit(const char* what, Body&& body) const try {
        body();
    } catch (const ParameterError&) {
        throw;
    } catch (const dv::Error& error) {
        const std::string place = "layer." + std::to_string(l_) + (*what ? std::string(".") + what : "");
        throw ParameterError(place, "(" + from_.name + ") does not fit: " + error.what());
    }

    // ---- Recurrence -------------------------------------------------------------------------------------------------

    std::shared_ptr<dv::Recurrence> made_recurrence() const {
        const dv::Factory<dv::Recurrence>& chosen = from_.recurrence ? from_.recurrence : s_.recurrence;
        if (chosen) return chosen.make(from_.name + ".recurrence");
        if (s_.fixed_self_weight) return std::make_shared<FixedSelf>(*s_.fixed_self_weight);
        return nullptr;
    }

    void add_recurrence() {
        if (s_.feedforward_only || !from_.recurrent) return;
        auto map = made_recurrence();
        if (!map || !map->contributes()) return;
        RecurrentPath path;
        path.target = from_.target.value_or(s_.recurrence_target);
        path.integration = from_.integration;
        if (path.target == RecurrenceTarget::middle && !from_.conv2) {
            throw ParameterError(key("layer", l_, "target"),
                                 "is 'middle', which lies between two convolutions: " + from_.name + " needs a conv2");
        }
        try {
            map->build(site(path.target));
        } catch (const dv::Error& error) {  // it does not know where it is
            throw ParameterError(from_.recurrence ? key("layer", l_, "recurrence") : "recurrence",
                                 "does not suit layer " + from_.name + ": " + error.what());
        }
        if (from_.weight_norm) {
            try {
                map = std::make_shared<WeightNormedRecurrence>(std::move(map));
            } catch (const dv::Error& error) {
                throw ParameterError(key("layer", l_, "weight_norm"), std::string("does not suit: ") + error.what());
            }
        }
        adopt(*map);
        const Delay back = b_.delays.of(Delays::Path::recurrence, from_.t_recurrence.value_or(s_.t_recurrence), true,
                                        "recurrence of " + from_.name, delay_parameter("t_recurrence"));
        path.lag = back.lag;
        path.delay = back.ms;
        path.map = std::move(map);
        layer_.recurrence = std::move(path);
    }

    dv::RecurrenceSite site(RecurrenceTarget target) const {
        dv::RecurrenceSite site;
        site.source_channels = layer_.stored.channels;
        site.target_channels = target == RecurrenceTarget::input    ? in_.channels
                               : target == RecurrenceTarget::middle ? middle_channels_
                                                                    : from_.conv2.value_or(from_.conv).channels;
        site.kernel = from_.conv.kernel;
        site.height = layer_.stored.height;
        site.width = layer_.stored.width;
        site.target = target;
        site.bias = from_.conv.bias ? 1 : 0;
        site.max_weight_init = s_.max_weight_init;
        return site;
    }

    void adopt(const dv::Recurrence& map) {
        const std::string place = from_.name + ".recurrence";
        std::vector<dv::NamedTensor> parameters = map.parameters();
        if (s_.is_dynvision_0_1()) {
            const dv::Factory<dv::Recurrence>& chosen = from_.recurrence ? from_.recurrence : s_.recurrence;
            loosen(parameters, s_.max_weight_init, /*keeps_values=*/!chosen, b_.owner, place);
            if (chosen.type().ends_with(".self")) leave_out_zero_bias(parameters);
        }
        b_.weights.adopt(place, parameters);
    }

    /// DynVision adds a self-recurrence's bias only when it is not 0: at 0 it has no gradient.
    void leave_out_zero_bias(const std::vector<dv::NamedTensor>& parameters) {
        for (const dv::NamedTensor& p : parameters) {
            if (p.name != "bias") continue;
            b_.network.refresh.push_back(
                [bias = p.tensor](Circuit&) { bias.requires_grad_(bias.detach().item<double>() != 0.0); });
        }
    }

    // ---- Dynamics ---------------------------------------------------------------------------------------------------

    void add_solver(std::shared_ptr<const dv::Solver> solver) {
        layer_.solver = std::move(solver);
        layer_.leak = from_.leak_state.value_or(s_.leak_state);
        layer_.time = {s_.dt, from_.tau.value_or(s_.tau), {}};
        const std::string name = "tau_" + from_.name;
        if (!s_.train_tau) {
            b_.weights.adopt({name, at::full({}, layer_.time.tau, at::kFloat), /*trainable=*/false});
        } else if (s_.tau_param == TauParameter::raw) {
            layer_.time.tau_tensor = b_.weights.add(name, {}, dv::init::Constant{layer_.time.tau});
        } else {
            add_soft_tau(name);
        }
        check_stability();
    }

    void add_soft_tau(const std::string& name) {
        const double least = s_.tau_min.value_or(s_.dt / 2), above = layer_.time.tau - least;
        if (above <= 0) {
            throw ParameterError("tau_min", "is " + number(least) + " ms, but tau of layer " + from_.name + " is " +
                                                number(layer_.time.tau) + " ms; it has to be smaller");
        }
        const double theta = above > 30 ? above : std::log(std::expm1(above));
        const at::Tensor parameter = b_.weights.add(name + ".theta", {}, dv::init::Constant{theta});
        const auto tau = [parameter, least] { return at::softplus(parameter).add(least); };
        layer_.time.tau_tensor = tau();
        b_.network.refresh.push_back([tau, l = l_](Circuit& circuit) { circuit.layers[l].time.tau_tensor = tau(); });
    }

    void check_stability() const {
        const std::string ratio = "dt / tau = " + number(layer_.time.ratio());
        const double limit = layer_.solver->stability_limit();
        if (layer_.time.ratio() > limit && !s_.allow_unstable) {
            throw ParameterError("dt", "of " + number(s_.dt) + " ms makes layer " + layer_.name + " diverge: " + ratio +
                                           " is beyond the solver's limit " + number(limit) +
                                           "; use dt <= " + number(limit * layer_.time.tau) +
                                           " ms, a larger tau, or allow_unstable = true");
        }
        if (s_.dt >= layer_.time.tau)
            b_.owner.warn("layer " + layer_.name + ": " + ratio + ", a step overshoots what it relaxes to");
    }

    void keep_as_little_as_dynvision() {
        const std::int64_t kept = buffer_length(s_);
        if (kept == 0) layer_.leak = LeakState::membrane;
        if (!layer_.recurrence || layer_.recurrence->lag <= kept) return;
        b_.owner.warn("dynvision-0.1: the recurrence of " + layer_.name + " reads " +
                      std::to_string(layer_.recurrence->lag) + " steps back, and only " + std::to_string(kept) +
                      " are kept: it never arrives");
        layer_.recurrence.reset();
    }

    const Building& b_;
    const Settings& s_;
    std::size_t l_;
    const LayerSettings& from_;
    Grid in_, here_;
    std::int64_t middle_channels_ = 0;
    Layer layer_;
};

}  // namespace

void add_layer(const Building& building, std::size_t l, std::shared_ptr<const dv::Solver> solver) {
    building.circuit().layers.push_back(LayerBuilder(building, l).build(std::move(solver)));
}

}  // namespace rcnn
