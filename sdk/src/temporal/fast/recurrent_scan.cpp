#include "recurrent_scan.hpp"

#include "scan_parts.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>
#include <array>

namespace dv::temporal::fast {

namespace {

using torch::autograd::variable_list;

variable_list inputs_of(const RecurrentScan& s) {
    variable_list inputs(kFirstDrive);
    inputs[kHistory] = s.history;
    if (s.recurrence) inputs[kWeight] = s.recurrence->weight;
    if (s.recurrence) inputs[kBias] = s.recurrence->bias;
    inputs[kC0] = s.c0;
    inputs[kC1] = s.c1;
    inputs[kGain] = s.gain;
    inputs[kExponent] = s.exponent;
    for (const Drive& drive : s.drives) inputs.push_back(drive.values);
    return inputs;
}

class Forward {
public:
    Forward(const RecurrentScan& s, bool keep) : s_(s), blocks_(s), keep_(keep) {
        const std::array<std::int64_t, 4> sizes{s.n_steps * s.batch, s.grid.channels, s.grid.height, s.grid.width};
        kept_.h = at::empty(sizes, s.options.memory_format(s.layout));
        if (keep && s.rule.power) kept_.y = at::empty_like(kept_.h);
        if (keep && s.rule.rectify_drive) kept_.positive = at::empty({kept_.h.numel()}, s.options.dtype(at::kByte));
    }

    Kept run() {
        with_type(kept_.h.scalar_type(), [&](auto zero) { run_in(zero); });
        return kept_;
    }

private:
    template <class T>
    void run_in(T) {
        using A = accumulator_t<T>;
        const std::int64_t size = s_.batch * s_.grid.units();
        at::Tensor carry = at::zeros({size}, s_.options.dtype(c10::CppTypeToScalarType<A>::value));
        if (s_.history.defined()) {
            const at::Tensor newest = s_.history.narrow(0, s_.history.size(0) - s_.batch, s_.batch);
            const T* from = newest.const_data_ptr<T>();
            std::copy(from, from + size, carry.mutable_data_ptr<A>());
        }
        for (std::int64_t i = 0; i < blocks_.count(); ++i) {
            const Block block = blocks_[i];
            const at::Tensor recurrent = recurrent_drive(block);
            std::vector<ForwardStep<T>> steps;
            for (std::int64_t j = block.begin; j < block.begin + block.n; ++j)
                steps.push_back(step<T>(j, block, recurrent, size));
            scan_forward<T>(s_.team.get(), s_.rule, steps, carry.mutable_data_ptr<A>(), size);
        }
    }

    at::Tensor recurrent_drive(const Block& block) const {
        const std::int64_t n = block.begin + block.n - block.driven_from;
        if (n == 0) return {};
        const Convolution& c = *s_.recurrence;
        const std::int64_t from = block.driven_from - s_.lag;
        const at::Tensor source =
            block.begin > 0 ? kept_.h.narrow(0, from * s_.batch, n * s_.batch) : s_.history.narrow(0, 0, n * s_.batch);
        if (s_.convolver) return s_.convolver->forward(source);
        return at::conv2d(source, c.weight, c.bias, 1, c.padding, 1, c.groups).to(source.scalar_type()).contiguous(s_.layout);
    }

    template <class T>
    ForwardStep<T> step(std::int64_t j, const Block& block, const at::Tensor& recurrent, std::int64_t size) const {
        ForwardStep<T> out;
        for (const Drive& drive : s_.drives) {
            const std::int64_t row = drive.rows[static_cast<std::size_t>(j)];
            if (row >= 0) out.drives.push_back(drive.values.const_data_ptr<T>() + row * size);
        }
        if (j >= block.driven_from)
            out.drives.push_back(recurrent.const_data_ptr<T>() + (j - block.driven_from) * size);
        out.c1 = drive_weight(s_, j);
        out.h = kept_.h.mutable_data_ptr<T>() + j * size;
        if (kept_.y.defined()) out.y = kept_.y.mutable_data_ptr<T>() + j * size;
        if (kept_.positive.defined()) out.positive = kept_.positive.mutable_data_ptr<std::uint8_t>() + j * size;
        return out;
    }

    const RecurrentScan& s_;
    Blocks blocks_;
    bool keep_;
    Kept kept_;
};

/// The graph's node. Its tensors are kept as the graph's own saved variables, so that a change in place is noticed.
struct ScanBackward final : torch::autograd::Node {
    RecurrentScan scan;  // without the tensors that are saved below
    torch::autograd::SavedVariable h, history, weight;
    at::Tensor y, positive;
    std::vector<at::Tensor> places;

    std::string name() const override { return "RecurrentScanBackward"; }

    variable_list apply(variable_list&& gradients) override {
        variable_list out(num_outputs());
        const auto defined = [](const at::Tensor& g) { return g.defined(); };
        if (std::none_of(gradients.begin(), gradients.end(), defined)) return out;
        const at::NoGradGuard no_gradient;
        RecurrentScan with = scan;
        const Kept kept{h.unpack(shared_from_this()), y, positive, places};
        for (at::Tensor& gradient : gradients) {
            if (gradient.defined()) gradient = gradient.contiguous(scan.layout);
        }
        with.history = history.unpack();
        if (with.recurrence) with.recurrence->weight = weight.unpack();
        Wanted wanted;
        for (std::size_t i = 0; i < num_outputs(); ++i) wanted.input.push_back(task_should_compute_output(i));
        return scan_gradients(with, kept, std::move(gradients), std::move(wanted));
    }
    void release_variables() override {
        h.reset_data();
        history.reset_data();
        weight.reset_data();
        y.reset();
        positive.reset();
        places.clear();
        scan.convolver.reset();
        scan.team.reset();
    }
};

}  // namespace

ScanResult recurrent_scan(RecurrentScan scan) {
    for (Drive& drive : scan.drives) {
        drive.values = drive.values.contiguous(scan.layout);
        drive.n_rows = drive.values.size(0) / scan.batch;
    }
    if (scan.history.defined()) scan.history = scan.history.contiguous(scan.layout);
    const variable_list inputs = inputs_of(scan);
    const bool in_graph = at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
    Kept kept;
    ScanResult result;
    {
        const at::NoGradGuard no_gradient;
        kept = Forward(scan, in_graph).run();
        result.activity = kept.h;
        for (const Reader& reader : scan.readers) {
            Reading reading = read(scan.team.get(), reader, kept.h);
            result.readings.push_back(std::move(reading.values));
            kept.places.push_back(std::move(reading.places));
        }
    }
    if (!in_graph) return result;

    std::shared_ptr<ScanBackward> node(new ScanBackward(), torch::autograd::deleteNode);
    torch::autograd::edge_list edges;
    for (const at::Tensor& input : inputs) {
        edges.push_back(input.defined() ? torch::autograd::impl::gradient_edge(input) : torch::autograd::Edge());
    }
    node->set_next_edges(std::move(edges));
    node->history = {scan.history, /*is_output=*/false};
    if (scan.recurrence) node->weight = {scan.recurrence->weight, /*is_output=*/false};
    node->y = kept.y;
    node->positive = kept.positive;
    node->places = kept.places;
    torch::autograd::set_history(result.activity, node);
    for (const at::Tensor& reading : result.readings) torch::autograd::set_history(reading, node);
    node->h = {kept.h, /*is_output=*/true};
    // The drives' values are not needed again; the rest is saved above.
    for (Drive& drive : scan.drives) drive.values.reset();
    scan.history.reset();
    if (scan.recurrence) scan.recurrence->weight.reset();
    node->scan = std::move(scan);
    return result;
}

}  // namespace dv::temporal::fast
