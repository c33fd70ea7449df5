#include "suites.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>

namespace dv::testing {
namespace {

constexpr std::uint64_t kRate = 21;

RecurrenceSite site(std::int64_t source, std::int64_t target) {
    return {.source_channels = source,
            .target_channels = target,
            .kernel = 3,
            .height = 5,
            .width = 6,
            .bias = 1,
            .target = RecurrenceTarget::output,
            .max_weight_init = 0.5};
}

at::Tensor rates(const RecurrenceSite& at_site, std::int64_t n, at::ScalarType dtype = at::kFloat) {
    return uniform(kRate, {n, at_site.source_channels, at_site.height, at_site.width}, 0.0, 1.0, dtype);
}

struct Built {
    std::shared_ptr<Recurrence> map;
    RecurrenceSite site;
};

/// At each site that it takes: as many channels out as in, and another number. Some recurrences refuse the second.
std::vector<Built> built_everywhere(const Subject& subject) {
    std::vector<Built> out;
    std::string refusals;
    for (const auto& [source, target] : {std::pair{4, 4}, std::pair{3, 6}}) {
        auto map = subject.make<Recurrence>();
        const std::string refusal = refusal_of([&] { map->build(site(source, target)); });
        if (refusal.empty()) {
            out.push_back({std::move(map), site(source, target)});
        } else {
            refusals += " " + refusal;
        }
    }
    expect(!out.empty(), "it builds at no site:", refusals);
    return out;
}

/// At the first site that it takes, under another place or seed.
std::shared_ptr<Recurrence> built(const Subject& subject, std::string place = "model.V1.recurrence",
                                  std::uint64_t seed = 42) {
    const RecurrenceSite where = built_everywhere(subject).front().site;
    Plugin plugin = subject.plugin();
    plugin.host().seed = seed;
    auto map = plugin.make<Recurrence>(subject.note().id, subject.config(), std::move(place));
    map->build(where);
    return map;
}

void keeps_shapes(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        for (const std::int64_t n : {1, 6}) {
            const at::Tensor drive = map->forward(rates(where, n));
            const std::vector<std::int64_t> expected{n, where.target_channels, where.height, where.width};
            if (!drive.defined()) skip("it gives no drive");
            expect(drive.sizes() == at::IntArrayRef(expected), "a rate of shape ", rates(where, n).sizes(),
                   " gives a drive of shape ", drive.sizes(), ", ", at::IntArrayRef(expected), " was expected");
            expect(drive.scalar_type() == at::kFloat, "a float rate gives a drive of dtype ", drive.scalar_type());
        }
    }
}

void maps_samples_on_their_own(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        const at::Tensor rate = rates(where, 4);
        const at::Tensor together = map->forward(rate);
        if (!together.defined()) skip("it gives no drive");
        std::vector<at::Tensor> alone;
        for (std::int64_t i = 0; i < 4; ++i) alone.push_back(map->forward(rate.narrow(0, i, 1)));
        expect_close(together, at::cat(alone), 1e-5, "forward() of four samples and of each alone");
    }
}

void names_are_clear(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) expect_unique_names(map->parameters());
}

void every_parameter_gets_a_gradient(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        const auto parameters = map->parameters();
        if (parameters.empty()) skip("it has no parameters");
        map->forward(rates(where, 2)).square().sum().backward();
        for (const NamedTensor& p : parameters) {
            expect(!p.trainable || p.tensor.grad().defined(), "'", p.name, "' is trainable and gets no gradient");
        }
    }
}

void gradients_are_right(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        const auto parameters = map->parameters();
        make_double(parameters);
        at::Tensor rate = rates(where, 2, at::kDouble);
        rate.requires_grad_();
        const auto drive = [&] { return map->forward(rate); };
        const at::Tensor first = drive();
        if (!first.defined()) skip("it gives no drive");
        expect(first.scalar_type() == at::kDouble, "with parameters and rate in double, the drive is ",
               first.scalar_type());
        if (first.requires_grad()) expect_gradient("rate", drive, rate);
        for (const NamedTensor& p : parameters) {
            if (p.trainable) expect_gradient("'" + p.name + "'", drive, p.tensor);
        }
    }
}

void linear_agrees_with_forward(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        const auto linear = map->linear();
        if (!linear) skip("it is not one convolution");
        const at::Tensor rate = rates(where, 3);
        const std::int64_t padding[2] = {linear->weight.size(2) / 2, linear->weight.size(3) / 2};
        const std::int64_t ones[2] = {1, 1};
        const std::optional<at::Tensor> bias = linear->bias.defined() ? std::optional(linear->bias) : std::nullopt;
        expect_close(map->forward(rate), at::conv2d(rate, linear->weight, bias, ones, padding, ones, linear->groups),
                     1e-5, "forward() and the convolution that linear() describes");
    }
}

/// The values of all parameters in one vector.
at::Tensor all_values(const Recurrence& map) {
    std::vector<at::Tensor> values;
    for (const NamedTensor& p : map.parameters()) values.push_back(p.tensor.detach().reshape({-1}));
    return values.empty() ? at::Tensor() : at::cat(values);
}

void initial_values_follow_seed_and_place(const Subject& subject) {
    const at::Tensor values = all_values(*built(subject));
    if (!values.defined()) skip("it has no parameters");
    expect(same_bits(all_values(*built(subject)), values), "the same place and seed give other initial values");
    const bool drawn = !same_bits(values, values[0].expand_as(values).contiguous());
    if (!drawn) return;  // constants are the same everywhere
    expect(!same_bits(all_values(*built(subject, "model.V2.recurrence")), values),
           "at another place it starts with the same values; draw them from dv::initial_value_key(host)");
    expect(!same_bits(all_values(*built(subject, "model.V1.recurrence", 43)), values),
           "with another seed it starts with the same values; draw them from dv::initial_value_key(host)");
}

void keeps_no_state(const Subject& subject) {
    for (const auto& [map, where] : built_everywhere(subject)) {
        const at::Tensor rate = rates(where, 2), before = rate.clone();
        const at::Tensor first = map->forward(rate);
        map->forward(uniform(5, rate.sizes()));
        expect(same_bits(map->forward(rate), first), "the same rate gives another drive later");
        expect(same_bits(rate, before), "it changes its input");
    }
}

void no_contribution_means_zero(const Subject& subject) {
    if (subject.make<Recurrence>()->contributes()) skip("it contributes");
    for (const auto& [map, where] : built_everywhere(subject)) {
        const at::Tensor drive = map->forward(rates(where, 2));
        expect(!drive.defined() || drive.abs().max().item<double>() == 0.0,
               "contributes() is false, so engines leave it out, but its drive is not zero");
    }
}

void a_site_without_bias_is_taken(const Subject& subject) {
    RecurrenceSite where = built_everywhere(subject).front().site;
    where.bias = 0;
    const auto map = subject.make<Recurrence>();
    map->build(where);
    const at::Tensor zeros = rates(where, 1).mul(0.0);
    const auto linear = map->linear();
    if (!linear) skip("it is not one convolution");
    expect(map->forward(zeros).abs().max().item<double>() == 0.0, "without a bias, zero activity gives a drive");
}

}  // namespace

void check_recurrence(const Subject& subject, Checks& check) {
    check("recurrence.keeps_shapes", [&] { keeps_shapes(subject); });
    check("recurrence.maps_samples_on_their_own", [&] { maps_samples_on_their_own(subject); });
    check("recurrence.names_are_clear", [&] { names_are_clear(subject); });
    check("recurrence.every_parameter_gets_a_gradient", [&] { every_parameter_gets_a_gradient(subject); });
    check("recurrence.gradients_are_right", [&] { gradients_are_right(subject); });
    check("recurrence.linear_agrees_with_forward", [&] { linear_agrees_with_forward(subject); });
    check("recurrence.initial_values_follow_seed_and_place", [&] { initial_values_follow_seed_and_place(subject); });
    check("recurrence.keeps_no_state", [&] { keeps_no_state(subject); });
    check("recurrence.no_contribution_means_zero", [&] { no_contribution_means_zero(subject); });
    check("recurrence.a_site_without_bias_is_taken", [&] { a_site_without_bias_is_taken(subject); });
    check("recurrence.has_an_equation", [&] {
        for (const auto& [map, where] : built_everywhere(subject))
            expect(!map->equation().empty(), "equation() is empty");
    });
}

}  // namespace dv::testing
