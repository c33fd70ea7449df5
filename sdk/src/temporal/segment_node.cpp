#include "segment_node.hpp"

#include "checkpointed_run.hpp"
#include "circumstances.hpp"

#include <dv/error.hpp>

#include <ATen/SequenceNumber.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace dv::temporal {

namespace {

using torch::autograd::AccumulateGrad;
using torch::autograd::Edge;
using torch::autograd::edge_list;
using torch::autograd::Node;
using torch::autograd::variable_list;

/// Each tensor of a result once, in an order that is that of its segment.
template <class Visit>
void each_tensor(Trajectory& result, const Visit& visit) {
    visit(result.outputs);
    result.state.each_tensor(visit);
    for (Signal& signal : result.probed) {
        if (signal.values.defined()) visit(signal.values);
    }
}

/// Tensors of a result that have a gradient and are not those that the segment began with, each once.
std::vector<at::Tensor> computed_in(Trajectory& result, const std::vector<at::Tensor>& begun_with) {
    std::vector<at::Tensor> computed;
    const auto among = [](const std::vector<at::Tensor>& tensors, const at::Tensor& t) {
        return std::any_of(tensors.begin(), tensors.end(), [&](const at::Tensor& other) { return other.is_same(t); });
    };
    each_tensor(result, [&](at::Tensor& t) {
        if (t.requires_grad() && !among(begun_with, t) && !among(computed, t)) computed.push_back(t);
    });
    return computed;
}

/// The same values, cut from the graph, in no more memory than they need.
at::Tensor kept(const at::Tensor& t) {
    const at::Tensor cut = t.detach();
    const auto needed = static_cast<std::size_t>(cut.numel()) * cut.element_size();
    return cut.storage().nbytes() > needed ? cut.clone() : cut;
}

/// Edges out of the part of a graph that was made since `start`: to leaves, and to nodes that were there before. Not to `own` leaves.
edge_list edges_out_of(const std::vector<at::Tensor>& results, std::uint64_t start, const std::vector<at::Tensor>& own) {
    std::set<const Node*> inside;
    for (const at::Tensor& leaf : own) inside.insert(torch::autograd::impl::gradient_edge(leaf).function.get());
    std::set<std::pair<const Node*, std::uint32_t>> found;
    edge_list edges;
    std::vector<Node*> next;
    const auto follow = [&](const Edge& edge) {
        Node* node = edge.function.get();
        if (node == nullptr || inside.contains(node)) return;
        const bool is_leaf = dynamic_cast<AccumulateGrad*>(node) != nullptr;
        if (!is_leaf && node->sequence_nr() >= start) {
            inside.insert(node);
            next.push_back(node);
        } else if (found.emplace(node, edge.input_nr).second) {
            edges.push_back(edge);
        }
    };
    for (const at::Tensor& result : results) follow(torch::autograd::impl::gradient_edge(result));
    while (!next.empty()) {
        const Node* node = next.back();
        next.pop_back();
        for (const Edge& edge : node->next_edges()) follow(edge);
    }
    return edges;
}

/// While it lives, a graph ends at these edges: what lies behind them is the whole graph's to go through, once, when all segments are
/// done. No other thread is there then: those nodes wait for the gradient of this one.
class GraphEndsAt {
public:
    explicit GraphEndsAt(const edge_list& edges) {
        for (const Edge& edge : edges) {
            if (edge.function == nullptr || edge.function->next_edges().empty()) continue;  // a leaf, or cut already
            cut_.emplace_back(edge.function, edge_list());
            std::swap(cut_.back().second, edge.function->next_edges());
        }
    }
    ~GraphEndsAt() {
        for (auto& [node, edges] : cut_) std::swap(edges, node->next_edges());
    }
    GraphEndsAt(const GraphEndsAt&) = delete;
    GraphEndsAt& operator=(const GraphEndsAt&) = delete;

private:
    std::vector<std::pair<std::shared_ptr<Node>, edge_list>> cut_;
};

/// Walks the segment again, and from there the usual way. Its edges: those of the state's tensors that have a gradient, then those to
/// whatever else the segment has used.
struct SegmentBackward final : Node {
    Segment segment;                 // its state's tensors are leaves of their own
    std::vector<at::Tensor> leaves;  // those that have a gradient
    std::size_t n_results = 0;
    std::vector<std::int64_t> versions;  // of the leaves that were used: of edge i, or −1
    std::optional<DrawsMark> draws;
    Autocast autocast;

    std::string name() const override { return "SegmentBackward"; }

    variable_list apply(variable_list&& gradients) override {
        if (at::GradMode::is_enabled()) {
            throw Error("a run in segments (checkpoint_segments) has first derivatives only; run it without them");
        }
        if (!draws) throw Error("the graph of a run in segments was gone through before, and was not to be kept");
        expect_unchanged();
        variable_list out(num_outputs());
        edge_list wanted;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < num_outputs(); ++i) {
            if (!task_should_compute_output(i)) continue;
            wanted.push_back(i < leaves.size() ? torch::autograd::impl::gradient_edge(leaves[i]) : next_edge(i));
            places.push_back(i);
        }
        const auto defined = [](const at::Tensor& g) { return g.defined(); };
        if (wanted.empty() || std::none_of(gradients.begin(), gradients.end(), defined)) return out;
        const std::vector<at::Tensor> results = walk_again();
        edge_list roots;
        variable_list of_roots;
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (!gradients[i].defined()) continue;
            roots.push_back(torch::autograd::impl::gradient_edge(results[i]));
            of_roots.push_back(std::move(gradients[i]));
        }
        const GraphEndsAt ends(edge_list(next_edges().begin() + static_cast<std::ptrdiff_t>(leaves.size()), next_edges().end()));
        variable_list found = torch::autograd::Engine::get_default_engine().execute(
            roots, of_roots, /*keep_graph=*/false, /*create_graph=*/false, /*accumulate_grad=*/false, wanted);
        for (std::size_t i = 0; i < places.size(); ++i) out[places[i]] = std::move(found[i]);
        return out;
    }

    void release_variables() override {
        segment = {};
        leaves.clear();
        draws.reset();
    }

    void remember_versions() {
        for (const Edge& edge : next_edges()) {
            const auto* leaf = dynamic_cast<const AccumulateGrad*>(edge.function.get());
            versions.push_back(leaf ? static_cast<std::int64_t>(leaf->variable._version()) : -1);
        }
    }

private:
    void expect_unchanged() const {
        for (std::size_t i = 0; i < versions.size(); ++i) {
            const auto* leaf = dynamic_cast<const AccumulateGrad*>(next_edge(i).function.get());
            if (leaf == nullptr || static_cast<std::int64_t>(leaf->variable._version()) == versions[i]) continue;
            throw Error("a parameter of a run in segments (checkpoint_segments) was changed in place before its gradient was "
                        "computed; step the optimizer after backward()");
        }
    }

    std::vector<at::Tensor> walk_again() const {
        const c10::Device device = segment.sequence.frames.device();
        const at::AutoGradMode with_graph(true);
        const AutocastGuard as_before(autocast, device.type());
        const DrawsMark here(*segment.circuit, device);
        draws->go_back();
        Trajectory result = run_with_graph(*segment.circuit, segment.sequence, segment.state, segment.options);
        here.go_back();
        std::vector<at::Tensor> results = computed_in(result, leaves);
        if (results.size() != n_results) {
            throw Error("a segment of a run gave " + std::to_string(results.size()) + " signals when it was walked again, and " +
                        std::to_string(n_results) + " before: something in the circuit does not depend on its input alone");
        }
        return results;
    }
};

/// Puts leaves in the place of the state's tensors; `former` are those with a gradient, each once, and `leaves` what stands for them.
void cut(State& state, std::vector<at::Tensor>& former, std::vector<at::Tensor>& leaves) {
    state.each_tensor([&](at::Tensor& t) {
        if (!t.requires_grad()) return;
        const auto same = std::find_if(former.begin(), former.end(), [&](const at::Tensor& f) { return f.is_same(t); });
        const auto i = static_cast<std::size_t>(same - former.begin());
        if (same == former.end()) {
            former.push_back(t);
            leaves.push_back(t.detach().requires_grad_(true));
        }
        t = leaves[i];
    });
}

}  // namespace

Trajectory run_and_forget(Segment segment) {
    const c10::Device device = segment.sequence.frames.device();
    std::vector<at::Tensor> former, leaves;
    cut(segment.state, former, leaves);
    Autocast autocast = Autocast::now(device.type());
    autocast.caches = false;  // a weight that was cast before would not be found again
    DrawsMark draws(*segment.circuit, device);
    const std::uint64_t start = at::sequence_number::peek();
    Trajectory result;
    {
        const AutocastGuard guard(autocast, device.type());
        result = run_with_graph(*segment.circuit, segment.sequence, segment.state, segment.options);
    }
    const std::vector<at::Tensor> computed = computed_in(result, leaves);
    std::shared_ptr<SegmentBackward> node(new SegmentBackward(), torch::autograd::deleteNode);
    edge_list edges;
    for (const at::Tensor& t : former) edges.push_back(torch::autograd::impl::gradient_edge(t));
    for (Edge& edge : edges_out_of(computed, start, leaves)) edges.push_back(std::move(edge));
    node->set_next_edges(std::move(edges));
    node->remember_versions();
    std::vector<at::Tensor> handed_on;
    for (const at::Tensor& t : computed) {
        handed_on.push_back(kept(t));
        torch::autograd::set_history(handed_on.back(), node);
    }
    each_tensor(result, [&](at::Tensor& t) {
        const auto replace = [&](const std::vector<at::Tensor>& these, const std::vector<at::Tensor>& by) {
            const auto at = std::find_if(these.begin(), these.end(), [&](const at::Tensor& o) { return o.is_same(t); });
            if (at != these.end()) t = by[static_cast<std::size_t>(at - these.begin())];
            return at != these.end();
        };
        if (!replace(computed, handed_on) && !replace(leaves, former)) t = kept(t);
    });
    segment.options.recorder = nullptr;  // it has seen everything
    node->segment = std::move(segment);
    node->leaves = std::move(leaves);
    node->n_results = computed.size();
    node->draws = std::move(draws);
    node->autocast = autocast;
    return result;
}

}  // namespace dv::temporal
