#include "compat.hpp"

#include <dv/random.hpp>

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace rcnn {

namespace {

struct Euler final : dv::Solver {
    at::Tensor step(const at::Tensor& rate, const at::Tensor& drive, const dv::TimeStep& by) const override {
        if (!by.tau_tensor.defined()) return stepped(rate, drive, by.ratio());
        return stepped(rate, drive, by.tau_tensor.reciprocal().mul(by.dt));
    }
    int order() const override { return 1; }
    double stability_limit() const override { return 2.0; }
    std::optional<dv::AffineStep> affine(const dv::TimeStep& by) const override {
        return dv::AffineStep{1.0 - by.ratio(), by.ratio(), {}};
    }
    std::string equation(const dv::TimeStep& by) const override {
        std::ostringstream text;
        text << "r <- " << 1.0 - by.ratio() << " r + " << by.ratio() << " x";
        return text.str();
    }

private:
    template <class Ratio>
    static at::Tensor stepped(const at::Tensor& rate, const at::Tensor& drive, const Ratio& a) {
        if (!rate.defined()) return drive.mul(a);
        return drive.defined() ? rate.lerp(drive, a) : rate.sub(rate.mul(a));
    }
};

}  // namespace

std::int64_t buffer_length(const Settings& s) {
    using Kind = dv::temporal::Connection::Kind;
    const auto any = [&](Kind kind) {
        return std::any_of(s.connection.begin(), s.connection.end(), [&](const auto& c) { return c.kind == kind; });
    };
    const double feedback = s.t_feedback.value_or(s.t_feedforward), skip = s.t_skip.value_or(feedback);
    double length = std::max(s.t_feedforward, s.t_recurrence);
    if (any(Kind::feedback)) length = std::max(length, feedback);
    if (any(Kind::skip)) length = std::max(length, skip + s.dt);
    return static_cast<std::int64_t>(length / s.dt);
}

void loosen(std::vector<dv::NamedTensor>& parameters, double max_weight_init, bool keeps_values,
            const dv::Component& owner, const std::string& place) {
    for (dv::NamedTensor& p : parameters) {
        if (p.trainable) continue;
        p.trainable = true;
        p.tensor.requires_grad_(true);
        owner.warn("dynvision-0.1: the fixed '" + p.name + "' of " + place + " is trained");
        if (keeps_values) continue;
        at::Generator generator =
            at::detail::createCPUGenerator(dv::derive_key(dv::initial_value_key(owner.host), place + p.name));
        p.tensor.data().uniform_(-max_weight_init, max_weight_init, generator);
    }
}

std::shared_ptr<const dv::Solver> euler_whatever(const std::string& type, const std::string& layer,
                                                 const dv::Component& owner) {
    if (!type.ends_with(".euler")) {
        owner.warn("dynvision-0.1: layer " + layer + " is solved by Euler's method, not by '" + type + "'");
    }
    return std::make_shared<Euler>();
}

}  // namespace rcnn
