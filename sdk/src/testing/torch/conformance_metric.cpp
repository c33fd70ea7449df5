#include "suites.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/full_like.h>

#include <cmath>
#include <set>

namespace dv::testing {
namespace {

constexpr std::int64_t kTime = 4, kClasses = 6;

struct Gathered {
    at::Tensor outputs, labels;
};
Gathered part(std::uint64_t key, std::int64_t batch) {
    return {uniform(key, {batch, kTime, kClasses}), integers(key + 1, {batch, kTime}, 0, kClasses)};
}
Gathered joined(const Gathered& a, const Gathered& b) {
    return {at::cat({a.outputs, b.outputs}), at::cat({a.labels, b.labels})};
}

void update(Metric& metric, const Gathered& g) { metric.update(g.outputs, g.labels); }

void expect_same(const std::vector<NamedTensor>& found, const std::vector<NamedTensor>& expected,
                 std::string_view what) {
    expect(found.size() == expected.size(), what, ": ", found.size(), " and ", expected.size(), " values");
    for (std::size_t i = 0; i < found.size(); ++i) {
        expect(found[i].name == expected[i].name, what, ": '", found[i].name, "' and '", expected[i].name, "'");
        expect_close(found[i].tensor, expected[i].tensor, 1e-5, cat(what, ", '", found[i].name, "'"));
    }
}

std::vector<NamedTensor> fresh_value(const Subject& subject, const Gathered& g) {
    const auto metric = subject.make<Metric>();
    update(*metric, g);
    return metric->compute();
}

void reset_forgets(const Subject& subject) {
    const auto metric = subject.make<Metric>();
    update(*metric, part(41, 3));
    metric->reset();
    update(*metric, part(45, 2));
    expect_same(metric->compute(), fresh_value(subject, part(45, 2)), "after reset() and as new");
}

void halves_make_a_whole(const Subject& subject) {
    const Gathered a = part(41, 3), b = part(45, 2);
    const auto whole = fresh_value(subject, joined(a, b));
    const auto metric = subject.make<Metric>();
    update(*metric, a);
    update(*metric, b);
    expect_same(metric->compute(), whole, "two updates and one with both batches");
    metric->reset();
    update(*metric, b);
    update(*metric, a);
    expect_same(metric->compute(), whole, "two updates in the other order and one with both batches");
}

void names_are_constant(const Subject& subject) {
    const auto metric = subject.make<Metric>();
    std::set<std::string> names;
    for (const NamedTensor& value : metric->compute()) {
        expect(!value.name.empty(), "a value has no name");
        expect(names.insert(value.name).second, "two values are called '", value.name, "'");
    }
    expect(!names.empty(),
           "compute() gives no value before the first update; names must not depend on what was gathered");
    update(*metric, part(41, 3));
    std::set<std::string> later;
    for (const NamedTensor& value : metric->compute()) later.insert(value.name);
    expect(later == names, "after an update the values have other names");
}

void values_are_numbers_without_gradient(const Subject& subject) {
    const auto metric = subject.make<Metric>();
    Gathered g = part(41, 3);
    g.outputs.requires_grad_();
    update(*metric, g);
    for (const NamedTensor& value : metric->compute()) {
        expect(value.tensor.defined() && value.tensor.dim() == 0, "'", value.name, "' is not a tensor of no dimension");
        expect(!value.tensor.requires_grad(), "'", value.name, "' holds on to the graph; gather detached values");
        expect(std::isfinite(value.tensor.item<double>()), "'", value.name, "' is ", value.tensor.item<double>());
    }
    expect(g.outputs.is_leaf() && g.outputs.requires_grad(), "it changes its input");
}

void computing_changes_nothing(const Subject& subject) {
    const auto metric = subject.make<Metric>();
    update(*metric, part(41, 3));
    const auto first = metric->compute();
    std::vector<at::Tensor> kept;
    for (const NamedTensor& value : first) kept.push_back(value.tensor.clone());
    const auto second = metric->compute();
    for (std::size_t i = 0; i < first.size(); ++i) {
        expect(same_bits(second.at(i).tensor, kept[i]), "compute() twice gives '", first[i].name, "' two values");
    }
    update(*metric, part(45, 2));
    for (std::size_t i = 0; i < first.size(); ++i) {
        expect(same_bits(first[i].tensor, kept[i]), "a value that compute() gave changes with a later update");
    }
}

void voids_are_not_scored(const Subject& subject) {
    const Gathered scored = part(41, 3);
    Gathered unscored = part(45, 2);
    unscored.labels = at::full_like(unscored.labels, -1);
    expect_same(fresh_value(subject, joined(scored, unscored)), fresh_value(subject, scored),
                "with and without samples whose labels are negative");
}

void an_empty_start_is_borne(const Subject& subject) {
    const auto metric = subject.make<Metric>();
    metric->compute();
    Gathered unscored = part(45, 2);
    unscored.labels = at::full_like(unscored.labels, -1);
    update(*metric, unscored);
    for (const NamedTensor& value : metric->compute())
        expect(value.tensor.dim() == 0, "'", value.name, "' is no number");
    metric->reset();
    update(*metric, part(41, 3));
    expect_same(metric->compute(), fresh_value(subject, part(41, 3)), "after an empty start and as new");
}

/// What is copied between the handles of two instances, in the middle of gathering, is everything there is.
void state_continues_where_it_was(const Subject& subject) {
    const auto metric = subject.make<Metric>(), restored = subject.make<Metric>();
    const auto before = metric->state();
    update(*metric, part(41, 3));
    const auto from = metric->state(), to = restored->state();
    if (from.empty()) skip("it keeps no state: a run that goes on in mid-epoch forgets what it gathered");
    expect(before.size() == from.size() && to.size() == from.size(), "its state has ", before.size(), " tensors at first and ",
           from.size(), " after an update; the same were expected from open() on");
    for (std::size_t i = 0; i < from.size(); ++i) {
        expect(to[i].name == from[i].name && to[i].tensor.sizes() == from[i].tensor.sizes(), "its state '", from[i].name,
               "' has another name or shape before the first update");
        to[i].tensor.copy_(from[i].tensor);
    }
    update(*metric, part(45, 2));
    update(*restored, part(45, 2));
    expect_same(restored->compute(), metric->compute(), "after its state was copied and without a break");
}

void instances_are_independent(const Subject& subject) {
    Plugin plugin = subject.plugin();
    const auto one = plugin.make<Metric>(subject.note().id, subject.config(), "metric.0");
    const auto two = plugin.make<Metric>(subject.note().id, subject.config(), "metric.1");
    update(*one, part(41, 3));
    update(*two, part(45, 2));
    expect_same(one->compute(), fresh_value(subject, part(41, 3)), "beside a second instance and alone");
    expect_balanced(plugin.host());
}

}  // namespace

void check_metric(const Subject& subject, Checks& check) {
    check("metric.reset_forgets", [&] { reset_forgets(subject); });
    check("metric.halves_make_a_whole", [&] { halves_make_a_whole(subject); });
    check("metric.names_are_constant", [&] { names_are_constant(subject); });
    check("metric.values_are_numbers_without_gradient", [&] { values_are_numbers_without_gradient(subject); });
    check("metric.computing_changes_nothing", [&] { computing_changes_nothing(subject); });
    check("metric.voids_are_not_scored", [&] { voids_are_not_scored(subject); });
    check("metric.an_empty_start_is_borne", [&] { an_empty_start_is_borne(subject); });
    check("metric.state_continues_where_it_was", [&] { state_continues_where_it_was(subject); });
    check("metric.instances_are_independent", [&] { instances_are_independent(subject); });
}

}  // namespace dv::testing
