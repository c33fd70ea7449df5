#pragma once
/// One convolution of a circuit, ready to be applied many times: weights packed once, rows read where they lie, taps that fall
/// outside the image left out. Channels last, float or double, on a CPU with AVX-512. For one thread at a time, which `team` helps.

#include "panels.hpp"
#include "winograd.hpp"

#include <dv/temporal/circuit.hpp>

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace dv::temporal::fast {

/// Which row of one image each row of another is computed from, for every tap of a kernel.
struct Gather {
    std::int64_t n_rows = 0, n_source_rows = 0, n_taps = 0;
    Taps taps;
    std::vector<std::int32_t> order;   ///< of the rows: those that use the same taps lie side by side
    std::vector<std::int32_t> source;  ///< [place in `order`][tap]; −1: outside
};

class Convolver {
public:
    /// Whether there is a Convolver for it: the processor, the dtype, no groups, and channels enough to fill its loops.
    static bool suits(const Convolution& convolution, at::ScalarType type);

    /// The weights are read now; a later change of them is not seen. Precondition: suits().
    Convolver(const Convolution& convolution, const Grid& in, std::shared_ptr<Team> team = nullptr);
    ~Convolver();

    /// x [n, in, y, x] → [n, out, y', x'], both channels-last.
    at::Tensor forward(const at::Tensor& x) const;
    /// The gradient by x, from that by the result.
    at::Tensor input_gradient(const at::Tensor& of_result) const;
    /// The gradient by the weight, [out, in, ky, kx].
    at::Tensor weight_gradient(const at::Tensor& of_result, const at::Tensor& x) const;

private:
    const at::Tensor& packed() const;
    const at::Tensor& packed_backward() const;

    std::shared_ptr<Team> team_;  // may be null
    at::Tensor weight_;
    Grid in_, out_;
    std::int64_t ky_, kx_, stride_, padding_;
    Gather forward_, backward_;
    at::Tensor padded_bias_;
    mutable at::Tensor packed_, packed_backward_;  // made when first needed
    std::unique_ptr<const Winograd> winograd_;     // null: never
};

/// The convolvers of one run, each made when it is first needed.
class Convolvers {
public:
    explicit Convolvers(std::shared_ptr<Team> team) : team_(std::move(team)) {}

    /// Null where Convolver::suits() says no.
    std::shared_ptr<const Convolver> get(const Convolution& convolution, const Grid& in);
    const std::shared_ptr<Team>& team() const { return team_; }

private:
    struct Made {
        Convolution convolution;  // keeps the weight alive, so that its address stays its own
        Grid in;
        std::shared_ptr<const Convolver> convolver;
    };
    std::shared_ptr<Team> team_;
    std::vector<Made> made_;
};

/// The convolution as one node of the autograd graph.
at::Tensor convolved(const at::Tensor& x, const Convolution& convolution, std::shared_ptr<const Convolver> convolver);

}  // namespace dv::temporal::fast
