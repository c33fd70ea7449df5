#include "masks.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>

#include <cmath>
#include <limits>

namespace pruning {

namespace {

/// How many of `n` to prune; halves go to the even neighbour.
std::int64_t share_of(double amount, std::int64_t n) { return std::llrint(amount * static_cast<double>(n)); }

at::Tensor drawn_like(const at::Tensor& scores, const Draw& draw) {
    const at::Tensor out = at::empty_like(scores, scores.options().device(at::kCPU).dtype(at::kDouble));
    double* values = out.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < out.numel(); ++i) values[i] = draw();
    return out.to(scores.device(), scores.scalar_type());
}

/// The places of the `amount` lowest scores among those that live; scores and `lives` are flat.
at::Tensor lowest(const at::Tensor& scores, const at::Tensor& lives, double amount) {
    const std::int64_t n = share_of(amount, lives.sum().item<std::int64_t>());
    const at::Tensor among = at::where(lives, scores, at::full_like(scores, std::numeric_limits<double>::infinity()));
    return std::get<1>(at::topk(among, n, 0, /*largest=*/false, /*sorted=*/false));
}

}  // namespace

void prune_elements(std::vector<Site>& sites, double amount, bool drawn, const Draw& draw) {
    std::vector<at::Tensor> scores, lives;
    for (const Site& site : sites) {
        scores.push_back(site.weight.detach().abs().to(at::kFloat).flatten());
        lives.push_back(site.mask.ne(0).flatten());
    }
    const at::Tensor all = drawn ? drawn_like(at::cat(scores), draw) : at::cat(scores);
    const at::Tensor keeps = at::cat(lives);
    keeps.index_fill_(0, lowest(all, keeps, amount), 0);
    std::int64_t begin = 0;
    for (Site& site : sites) {
        const std::int64_t n = site.mask.numel();
        site.mask.copy_(keeps.slice(0, begin, begin + n).view(site.mask.sizes()));
        begin += n;
    }
}

void prune_slices(Site& site, double amount, std::int64_t dim, double norm, bool drawn, const Draw& draw) {
    const at::Tensor slices = site.weight.detach().to(at::kFloat).movedim(dim, 0).flatten(1);
    const at::Tensor lives = site.mask.movedim(dim, 0).flatten(1).ne(0).any(1);
    const at::Tensor scores = slices.norm(norm, 1);
    const at::Tensor gone = lowest(drawn ? drawn_like(scores, draw) : scores, lives, amount);
    site.mask.index_fill_(dim, gone, 0);
}

double sparsity(const std::vector<Site>& sites) {
    double pruned = 0.0, all = 0.0;
    for (const Site& site : sites) {
        all += static_cast<double>(site.mask.numel());
        pruned += static_cast<double>(site.mask.numel() - site.mask.count_nonzero().item<std::int64_t>());
    }
    return all > 0.0 ? pruned / all : 0.0;
}

}  // namespace pruning
