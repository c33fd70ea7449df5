#include "convolver.hpp"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

namespace dv::temporal::fast {

namespace {

using torch::autograd::variable_list;

struct ConvolvedBackward final : torch::autograd::Node {
    std::shared_ptr<const Convolver> convolver;
    torch::autograd::SavedVariable x, weight;  // the weight only so that a change of it in between is noticed

    std::string name() const override { return "ConvolvedBackward"; }

    variable_list apply(variable_list&& gradients) override {
        variable_list out(3);
        if (!gradients[0].defined()) return out;
        const at::NoGradGuard no_gradient;
        const at::Tensor of_result = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
        const at::Tensor input = x.unpack();
        weight.unpack();
        if (task_should_compute_output(0)) out[0] = convolver->input_gradient(of_result);
        if (task_should_compute_output(1)) out[1] = convolver->weight_gradient(of_result, input);
        if (task_should_compute_output(2)) out[2] = of_result.sum({0, 2, 3});
        return out;
    }
    void release_variables() override {
        x.reset_data();
        weight.reset_data();
        convolver.reset();
    }
};

}  // namespace

at::Tensor convolved(const at::Tensor& given, const Convolution& convolution,
                     std::shared_ptr<const Convolver> convolver) {
    const at::Tensor x = given.contiguous(at::MemoryFormat::ChannelsLast);
    const variable_list inputs{x, convolution.weight, convolution.bias};
    const bool in_graph = at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
    at::Tensor y;
    {
        const at::NoGradGuard no_gradient;
        y = convolver->forward(x);
    }
    if (!in_graph) return y;
    std::shared_ptr<ConvolvedBackward> node(new ConvolvedBackward(), torch::autograd::deleteNode);
    torch::autograd::edge_list edges;
    for (const at::Tensor& input : inputs) {
        edges.push_back(input.defined() ? torch::autograd::impl::gradient_edge(input) : torch::autograd::Edge());
    }
    node->set_next_edges(std::move(edges));
    node->x = {x, /*is_output=*/false};
    node->weight = {convolution.weight, /*is_output=*/false};
    node->convolver = std::move(convolver);
    torch::autograd::set_history(y, node);
    return y;
}

std::shared_ptr<const Convolver> Convolvers::get(const Convolution& convolution, const Grid& in) {
    if (!Convolver::suits(convolution, convolution.weight.scalar_type())) return nullptr;
    for (const Made& made : made_) {
        if (made.convolution.weight.is_same(convolution.weight) && made.in == in) return made.convolver;
    }
    made_.push_back({convolution, in, std::make_shared<Convolver>(convolution, in, team_)});
    return made_.back().convolver;
}

}  // namespace dv::temporal::fast
