#include "suites.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/where.h>

namespace dv::testing {
namespace {

constexpr std::int64_t kBatch = 3, kTime = 4, kClasses = 5;

at::Tensor outputs(at::ScalarType dtype = at::kDouble) {
    return uniform(31, {kBatch, kTime, kClasses}, -2.0, 2.0, dtype);
}
/// Every fifth is not scored.
at::Tensor some_labels() {
    const at::Tensor all = integers(32, {kBatch, kTime}, 0, kClasses);
    const at::Tensor scored = at::arange(kBatch * kTime, at::kLong).view({kBatch, kTime}).remainder(5).ne(2);
    return at::where(scored, all, at::full_like(all, -1));
}

void is_one_number(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    for (const at::ScalarType dtype : {at::kFloat, at::kDouble}) {
        const at::Tensor value = loss->value(outputs(dtype), some_labels());
        expect(value.dim() == 0, "its value has shape ", value.sizes(), "; a tensor of no dimension was expected");
        expect(value.scalar_type() == dtype, "outputs of ", dtype, " give a value of ", value.scalar_type());
        expect(value.isfinite().item<bool>(), "its value is ", value.item<double>());
    }
}

void gradient_is_right(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    at::Tensor out = outputs();
    out.requires_grad_();
    expect(loss->value(out, some_labels()).requires_grad(), "its value does not depend on the outputs");
    expect_gradient(
        "outputs", [&] { return loss->value(out, some_labels()); }, out);
}

void voids_are_not_scored(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    const at::Tensor labels = some_labels();
    const at::Tensor out = outputs();
    const at::Tensor changed = at::where(labels.lt(0).unsqueeze(-1), out.mul(-3.0).add(1.0), out);
    expect_close(loss->value(changed, labels), loss->value(out, labels), 1e-12,
                 "the outputs at negative labels were changed, and the value with them");
    const at::Tensor other_void = at::where(labels.lt(0), at::full_like(labels, -100), labels);
    expect_close(loss->value(out, other_void), loss->value(out, labels), 1e-12, "labels of -1 and of -100 where void");
}

void a_void_batch_is_zero_and_keeps_the_graph(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    at::Tensor out = outputs();
    out.requires_grad_();
    const at::Tensor value = loss->value(out, at::full_like(some_labels(), -1));
    expect(value.item<double>() == 0.0, "with nothing to score its value is ", value.item<double>(),
           "; 0 was expected");
    expect(value.requires_grad(), "with nothing to score its value is cut from the graph, and backward() fails");
    value.backward();
    expect(out.grad().defined() && out.grad().abs().max().item<double>() == 0.0,
           "with nothing to score its gradient is not zero");
}

void order_of_samples_does_not_matter(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    const at::Tensor out = outputs(), labels = some_labels();
    expect_close(loss->value(out.flip({0}), labels.flip({0})), loss->value(out, labels), 1e-12,
                 "the batch and the batch in reverse order");
}

void large_outputs_are_borne(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    at::Tensor out = outputs(at::kFloat).mul(1e4).detach();
    out.requires_grad_();
    const at::Tensor value = loss->value(out, some_labels());
    expect(value.isfinite().item<bool>(), "outputs of 1e4 give ", value.item<double>());
    value.backward();
    expect(out.grad().isfinite().all().item<bool>(), "outputs of 1e4 give a gradient that is not finite");
}

void keeps_no_state(const Subject& subject) {
    const auto loss = subject.make<Loss>();
    const at::Tensor out = outputs(at::kFloat), labels = some_labels();
    const at::Tensor out_before = out.clone(), labels_before = labels.clone();
    const at::Tensor first = loss->value(out, labels).clone();
    loss->value(uniform(9, {2, 1, 3}), integers(8, {2, 1}, 0, 3));
    expect(same_bits(loss->value(out, labels), first), "the same outputs give another value later");
    expect(same_bits(out, out_before) && same_bits(labels, labels_before), "it changes its inputs");
}

}  // namespace

void check_loss(const Subject& subject, Checks& check) {
    check("loss.is_one_number", [&] { is_one_number(subject); });
    check("loss.gradient_is_right", [&] { gradient_is_right(subject); });
    check("loss.voids_are_not_scored", [&] { voids_are_not_scored(subject); });
    check("loss.a_void_batch_is_zero_and_keeps_the_graph", [&] { a_void_batch_is_zero_and_keeps_the_graph(subject); });
    check("loss.order_of_samples_does_not_matter", [&] { order_of_samples_does_not_matter(subject); });
    check("loss.large_outputs_are_borne", [&] { large_outputs_are_borne(subject); });
    check("loss.keeps_no_state", [&] { keeps_no_state(subject); });
}

}  // namespace dv::testing
