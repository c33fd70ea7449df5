#pragma once
/// Which weights are pruned.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pruning {

/// A parameter, and a mask of its shape and dtype: 1 where it lives, 0 where it is pruned.
struct Site {
    std::string name;
    at::Tensor weight, mask, original;  ///< original: the values before training
};

enum class Method { l1_unstructured, random_unstructured, ln_structured, random_structured };

/// Draws uniform in [0, 1).
using Draw = std::function<double()>;

/// Prunes `amount` of what still lives of all sites together: the elements with the smallest |w|, or drawn ones. The rounding is
/// torch.nn.utils.prune's.
void prune_elements(std::vector<Site>& sites, double amount, bool drawn, const Draw& draw);

/// Prunes `amount` of what still lives of one site along `dim`, whole: the slices with the smallest norm of order `norm`, or drawn ones.
void prune_slices(Site& site, double amount, std::int64_t dim, double norm, bool drawn, const Draw& draw);

/// Of all elements: how many are pruned.
double sparsity(const std::vector<Site>& sites);

}  // namespace pruning
