#include "stage_walk.hpp"

#include "signals.hpp"

#include <dv/error.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/maximum.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace dv::temporal {

namespace {

using Kind = Operation::Kind;

std::size_t index_of(const Layer& layer, Kind kind) {
    const auto found = std::find_if(layer.operations.begin(), layer.operations.end(),
                                    [&](const Operation& op) { return op.kind == kind; });
    return static_cast<std::size_t>(found - layer.operations.begin());
}

HistoryInterpolation resolved(HistoryInterpolation asked, const std::optional<Tableau>& method) {
    if (asked != HistoryInterpolation::by_order) return asked;
    const int order = method ? method->order : 1;
    return order == 1   ? HistoryInterpolation::hold
           : order == 2 ? HistoryInterpolation::linear
                        : HistoryInterpolation::polynomial;
}

}  // namespace

StageWalk::StageWalk(const Circuit& circuit, State state)
    : circuit_(circuit),
      state_(std::move(state)),
      method_(method_of(circuit)),
      delays_(delays_of(circuit)),
      components_(components_of(circuit)),
      looked_at_(circuit.layers.size()) {
    const std::size_t n = circuit.layers.size();
    for (std::size_t l = 0; l < n; ++l) {
        const Layer& layer = circuit.layers[l];
        along_.push_back(grids(layer, circuit.input_of(l)));
        linear_.push_back(layer.recurrence ? layer.recurrence->map->linear() : std::nullopt);
        const std::size_t path = index_of(layer, Kind::layer);
        drive_grids_.push_back(
            layer.recurrence ? path_grids(layer.feedforward, along_[l][path]).at(layer.recurrence->target) : Grid());
        step_at_.push_back(index_of(layer, Kind::step));
        delay_at_.push_back(index_of(layer, Kind::delay));
        if (!solved(l) || layer.adaptation) slopes_carry_over_ = false;
    }
    for (std::size_t l = 0; l < n; ++l) readings_.push_back(reading_of(l));
    state_.membranes.resize(n);
    state_.adaptations.resize(n);
    slopes_.resize(n);
    begin_knots();
}

/// A value between knots is a response after the maps between solver and delay, where these are all there is and the solver's own
/// result is what leaks. Otherwise only responses are interpolated.
Reading StageWalk::reading_of(std::size_t l) const {
    Reading reading{resolved(circuit_.interpolation, method_), method_ ? &*method_ : nullptr, {}, 1e-9 * circuit_.dt};
    if (reading.how != HistoryInterpolation::polynomial) return reading;
    const Layer& layer = circuit_.layers[l];
    std::vector<const Map*> maps;
    bool plain = solved(l);
    for (std::size_t i = step_at_[l] + 1; i < delay_at_[l]; ++i) {
        const Operation& op = layer.operations[i];
        if (op.kind == Kind::map) maps.push_back(&*op.map);
        plain = plain && (op.kind == Kind::map || op.kind == Kind::record);
    }
    if (!plain || (layer.leak == LeakState::response && !maps.empty())) {
        reading.how = HistoryInterpolation::linear;
    } else if (!maps.empty()) {
        reading.respond = [maps](at::Tensor x) {
            for (const Map* map : maps) x = applied(*map, x);
            return x;
        };
    }
    return reading;
}

void StageWalk::begin_knots() {
    state_.knots.resize(circuit_.layers.size());
    for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
        if (!state_.knots[l].empty()) {
            const double newest = state_.knots[l].back().time;
            if (std::abs(newest - state_.time) <= 1e-9 * circuit_.dt) continue;
            throw Error("the newest knot of layer " + circuit_.layers[l].name + " is at " + std::to_string(newest) +
                        " ms, but the state is one of " + std::to_string(state_.time) + " ms");
        }
        const bool own = circuit_.layers[l].leak == LeakState::membrane;
        const std::vector<at::Tensor>& entries = state_.layers[l].entries();
        double age = static_cast<double>(entries.size());
        for (const at::Tensor& entry : entries) {
            age -= 1.0;
            state_.knots[l].push_back({state_.time - age * circuit_.dt, own ? at::Tensor() : entry, entry, {}, {}, {}});
        }
        if (state_.knots[l].empty()) state_.knots[l].push_back({state_.time, {}, {}, {}, {}, {}});
        if (own) state_.knots[l].back().value = state_.membranes[l];
    }
}

bool StageWalk::needs_slopes(std::size_t l) const {
    return method_ && solved(l) && delays_.longest[l] > 0.0 && readings_[l].how == HistoryInterpolation::polynomial;
}

// ---- One step ------------------------------------------------------------------------------------------------------------

at::Tensor StageWalk::step(const at::Tensor& frame, bool unchanged, const Watch& watch) {
    const bool adapts = circuit_.input_adaptation.weight != 0.0;
    if (!unchanged || adapts || !shown_.defined()) {
        shown_ = adapted_input(circuit_.input_adaptation, frame, state_.input);
        for (const Map& map : circuit_.front) shown_ = applied(map, shown_);
    }
    if (!unchanged || adapts || !slopes_carry_over_) forget_slopes();
    watch_ = &watch;
    if (method_ && method_->adaptive()) {
        advance_adaptively();
    } else {
        advance(circuit_.dt);
        state_.time += circuit_.dt;
    }
    for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
        if (!looked_at_[l]) continue;
        if (solved(l)) drive(l, end_);
        passed_on(l, end_);
    }
    at::Tensor signal = passed_on(circuit_.layers.size() - 1, end_);
    end_of_step();
    return signal;
}

/// From state_.time to state_.time + h: a new knot for each layer. How large the error is, relative to what is allowed.
double StageWalk::advance(double h) {
    begin_moments(h);
    const std::size_t stages = method_ ? static_cast<std::size_t>(method_->stages) : 1;
    for (const Component& component : components_) {
        for (std::size_t i = 0; i < stages; ++i) take_stage(component, i, h);
        finish(component, h);
    }
    return method_ && method_->adaptive() ? error_of_step(h) : 0.0;
}

void StageWalk::begin_moments(double h) {
    const std::size_t n = circuit_.layers.size(), stages = method_ ? static_cast<std::size_t>(method_->stages) : 1;
    end_ = method_ && method_->first_same_as_last() ? stages - 1 : stages;
    moments_.clear();
    for (std::size_t m = 0; m <= end_; ++m) {
        const double c = m == stages ? 1.0 : method_ ? method_->c[m] : 0.0;
        moments_.push_back({state_.time + c * h, c == 0.0 ? Side::right : Side::left, std::vector<at::Tensor>(n),
                            std::vector<at::Tensor>(n), std::vector<Known>(n, Known::no)});
    }
    for (std::vector<at::Tensor>& of_layer : slopes_) of_layer.assign(stages, {});
}

void StageWalk::take_stage(const Component& component, std::size_t i, double h) {
    Moment& moment = moments_[i];
    for (std::size_t l = component.begin; l < component.end; ++l) {
        if (!solved(l)) continue;
        if (i > 0) {
            moment.values[l] = stage_value(l, method_->a[i], h);
            continue;
        }
        moment.values[l] = state_.knots[l].back().value;
        moment.responses[l] = state_.knots[l].back().response;
        moment.known[l] = Known::yes;
    }
    for (std::size_t l = component.begin; l < component.end; ++l) {
        if (!solved(l)) continue;
        Knot& start = state_.knots[l].back();
        if (i == 0 && method_ && start.slope_after.defined()) {
            slopes_[l][i] = start.slope_after;
        } else {
            slopes_[l][i] = method_ ? slope(l, i) : drive(l, i);
        }
        if (i == 0 && method_) start.slope_after = slopes_[l][i];
    }
}

at::Tensor StageWalk::stage_value(std::size_t l, const std::array<double, Tableau::kMostStages>& weights,
                                  double h) const {
    std::vector<std::pair<at::Tensor, double>> terms{{state_.knots[l].back().value, 1.0}};
    for (std::size_t j = 0; j < slopes_[l].size(); ++j) {
        if (weights[j] != 0.0) terms.emplace_back(slopes_[l][j], weights[j] * h);
    }
    return weighted_sum(terms);
}

void StageWalk::finish(const Component& component, double h) {
    Moment& end = moments_[end_];
    for (std::size_t l = component.begin; l < component.end; ++l) {
        if (!solved(l) || end_ < slopes_[l].size()) continue;  // the last stage has the result
        if (method_) {
            end.values[l] = stage_value(l, method_->b, h);
            continue;
        }
        const at::Tensor& rate = state_.knots[l].back().value;
        const at::Tensor& x = slopes_[l][0];
        TimeStep by = circuit_.layers[l].time;
        by.dt = h;
        if (rate.defined() || x.defined()) end.values[l] = circuit_.layers[l].solver->step(rate, x, by);
    }
    std::vector<Knot> knots;
    for (std::size_t l = component.begin; l < component.end; ++l) {
        const at::Tensor& stored = response(l, end_);
        const bool own = circuit_.layers[l].leak == LeakState::membrane;
        knots.push_back({end.time, own ? end.values[l] : stored, stored, {}, {}, {}});
    }
    for (std::size_t l = component.begin; l < component.end; ++l) {
        Knot& knot = knots[l - component.begin];
        const bool at_hand = method_ && solved(l) && end_ < slopes_[l].size();
        if (!at_hand && !needs_slopes(l)) continue;
        knot.slope_before = at_hand ? slopes_[l][end_] : slope(l, end_);
        if (slopes_carry_over_) knot.slope_after = knot.slope_before;
        if (method_->dense_degree > 0 && needs_slopes(l)) knot.slopes = slopes_[l];
    }
    for (std::size_t l = component.begin; l < component.end; ++l) {
        // What follows its input at once may have jumped with it.
        if (!solved(l) && delays_.longest[l] > 0.0) {
            state_.knots[l].push_back({moments_[0].time, {}, response(l, 0), {}, {}, {}});
        }
        state_.knots[l].push_back(std::move(knots[l - component.begin]));
    }
}

void StageWalk::forget_slopes() {
    for (std::vector<Knot>& knots : state_.knots) knots.back().slope_after.reset();
}

void StageWalk::end_of_step() {
    for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
        const at::Tensor& stored = moments_[end_].responses[l];
        state_.layers[l].push(stored);
        if (circuit_.layers[l].leak == LeakState::membrane) state_.membranes[l] = moments_[end_].values[l];
        if (const auto& by = circuit_.layers[l].adaptation) {
            state_.adaptations[l] = fatigued(*by, state_.adaptations[l], stored);
        }
        std::vector<Knot>& knots = state_.knots[l];
        const double oldest = state_.time - delays_.longest[l] - circuit_.dt * 1e-6;
        std::size_t unread = 0;
        while (unread + 1 < knots.size() && knots[unread + 1].time <= oldest) ++unread;
        knots.erase(knots.begin(), knots.begin() + static_cast<std::ptrdiff_t>(unread));
    }
    moments_.clear();
    watch_ = nullptr;
}

void StageWalk::cut() {
    state_ = state_.detached();
    forget_slopes();  // the next step's first slopes belong to its own graph
    shown_.reset();
}

State StageWalk::take_state() { return std::move(state_); }

// ---- Adaptive steps ------------------------------------------------------------------------------------------------------

void StageWalk::advance_adaptively() {
    const double end = state_.time + circuit_.dt;
    const double shortest = 1e-9 * circuit_.dt;
    const double longest = std::min(circuit_.dt, delays_.shortest_in_cycle);
    double next = state_.step > 0.0 ? state_.step : longest;
    while (end - state_.time > shortest) {
        const double left = end - state_.time;
        const double h = std::min({next, longest, left});
        std::vector<std::size_t> sizes;
        for (const std::vector<Knot>& knots : state_.knots) sizes.push_back(knots.size());
        const double error = advance(h);
        if (error <= 1.0) {
            state_.time = h == left ? end : state_.time + h;
        } else {
            if (h <= shortest) refuse_step(h);
            for (std::size_t l = 0; l < sizes.size(); ++l) state_.knots[l].resize(sizes[l]);
        }
        next = next_step(h, error, h == left && error <= 1.0 ? next : 0.0);
    }
    state_.step = next;
}

/// The usual controller; a step that was cut short by the end of dt does not count against `before`.
double StageWalk::next_step(double h, double error, double before) const {
    constexpr double kSafety = 0.9, kLeast = 0.2, kMost = 5.0;
    const double power = 1.0 / (method_->embedded_order + 1);
    double factor = kLeast;  // also for errors that are not numbers
    if (error <= 1e-10) {
        factor = kMost;
    } else if (std::isfinite(error)) {
        factor = std::clamp(kSafety * std::pow(error, -power), kLeast, kMost);
    }
    return std::max(h * factor, before);
}

/// Per sample of layer `l`: the largest error of a unit, over what is allowed there. Undefined while the layer is absent.
at::Tensor StageWalk::error_of(std::size_t l, double h) const {
    std::vector<std::pair<at::Tensor, double>> terms;
    for (std::size_t i = 0; i < slopes_[l].size(); ++i) terms.emplace_back(slopes_[l][i], method_->error[i] * h);
    const at::Tensor error = weighted_sum(terms);
    if (!error.defined()) return error;
    const at::Tensor after = moments_[end_].values[l].abs();
    const std::vector<Knot>& knots = state_.knots[l];
    const at::Tensor& before = knots[knots.size() - 2].value;
    const at::Tensor size = before.defined() ? at::maximum(after, before.abs()) : after;
    return error.abs().div(size.mul(method_->rtol).add(method_->atol)).flatten(1).amax(1);
}

double StageWalk::error_of_step(double h) const {
    const at::NoGradGuard no_gradient;
    double worst = 0.0;
    for (std::size_t l = 0; l < circuit_.layers.size() && !std::isnan(worst); ++l) {
        const at::Tensor error = solved(l) ? error_of(l, h) : at::Tensor();
        if (!error.defined()) continue;
        const double here = error.max().item<double>();
        if (!(here <= worst)) worst = here;  // also when it is not a number
    }
    return worst;
}

void StageWalk::refuse_step(double h) const {
    const at::NoGradGuard no_gradient;
    std::string where;
    double worst = -1.0;
    for (std::size_t l = 0; l < circuit_.layers.size(); ++l) {
        at::Tensor error = solved(l) ? error_of(l, h) : at::Tensor();
        if (!error.defined()) continue;
        error = error.nan_to_num(HUGE_VAL, HUGE_VAL);
        const double here = error.max().item<double>();
        if (here <= worst) continue;
        worst = here;
        where = "layer " + circuit_.layers[l].name + ", sample " + std::to_string(error.argmax().item<std::int64_t>());
    }
    throw Error(
        "at " + std::to_string(state_.time) +
        " ms the adaptive solver would need steps below dt / 10^9 for its tolerances (" + where +
        "): activity grows without bound, or jumps. Use a solver with fixed steps, larger tolerances, or weaker "
        "recurrence");
}

}  // namespace dv::temporal
