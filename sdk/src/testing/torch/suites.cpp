#include "suites.hpp"

#include <set>

namespace dv::testing {

std::vector<Suite> torch_suites() {
    return {{Model::dv_iface, check_model},           {Recurrence::dv_iface, check_recurrence},
            {Solver::dv_iface, check_solver},         {Loss::dv_iface, check_loss},
            {Metric::dv_iface, check_metric},         {Optimizer::dv_iface, check_optimizer},
            {DataModule::dv_iface, check_datamodule}, {Strategy::dv_iface, check_strategy},
            {TorchCallback::dv_iface, check_torch_callback}};
}

std::vector<Suite> all_suites() {
    std::vector<Suite> all = portable_suites();
    for (const Suite& suite : torch_suites()) all.push_back(suite);
    return all;
}

void expect_gradient(std::string_view what, const std::function<at::Tensor()>& function, const at::Tensor& leaf) {
    const GradientAgreement agreement = gradient_agreement(function, leaf);
    expect(agreement.worst < 1e-4, "the gradient in ", what, " is not that of finite differences: ", agreement.where);
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, double tolerance, std::string_view what) {
    const double difference = max_difference(found, expected);
    expect(difference <= tolerance, what, ": the difference is ", difference, ", at most ", tolerance, " was expected");
}

void expect_unique_names(std::span<const NamedTensor> tensors) {
    std::set<std::string> seen;
    for (const NamedTensor& t : tensors) {
        expect(!t.name.empty(), "a tensor has no name");
        expect(t.tensor.defined(), "'", t.name, "' is undefined");
        expect(seen.insert(t.name).second, "two tensors are called '", t.name, "'");
        expect(!t.trainable || t.tensor.requires_grad(), "'", t.name, "' is trainable and requires no gradient");
        expect(!t.trainable || t.tensor.is_leaf(), "'", t.name, "' is trainable and is not a leaf of the graph");
    }
}

void make_double(std::span<const NamedTensor> tensors) {
    for (const NamedTensor& t : tensors) {
        if (t.tensor.is_floating_point()) t.tensor.set_data(t.tensor.detach().to(at::kDouble).contiguous());
    }
}

}  // namespace dv::testing
