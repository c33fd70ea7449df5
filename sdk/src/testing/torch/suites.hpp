#pragma once
/// The suites of the torch kinds.

#include <dv/testing/torch.hpp>
#include <dv/torch/callback.hpp>
#include <dv/torch/datamodule.hpp>
#include <dv/torch/metric.hpp>
#include <dv/torch/model.hpp>
#include <dv/torch/optimizer.hpp>
#include <dv/torch/recurrence.hpp>
#include <dv/torch/solver.hpp>
#include <dv/torch/strategy.hpp>

namespace dv::testing {

void check_model(const Subject& subject, Checks& check);
void check_recurrence(const Subject& subject, Checks& check);
void check_solver(const Subject& subject, Checks& check);
void check_loss(const Subject& subject, Checks& check);
void check_metric(const Subject& subject, Checks& check);
void check_optimizer(const Subject& subject, Checks& check);
void check_datamodule(const Subject& subject, Checks& check);
void check_strategy(const Subject& subject, Checks& check);
void check_torch_callback(const Subject& subject, Checks& check);

/// Fails unless autograd and finite differences agree; `what` names the input.
void expect_gradient(std::string_view what, const std::function<at::Tensor()>& function, const at::Tensor& leaf);
/// Fails unless the tensors differ by no more than `tolerance`.
void expect_close(const at::Tensor& found, const at::Tensor& expected, double tolerance, std::string_view what);
/// Fails unless names are given once each and are not empty.
void expect_unique_names(std::span<const NamedTensor> tensors);
/// Puts the values of every floating tensor behind its handle in double, as the host moves them: by replacing the data.
void make_double(std::span<const NamedTensor> tensors);

}  // namespace dv::testing
