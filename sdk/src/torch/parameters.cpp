#include <dv/torch/parameters.hpp>

#include <dv/error.hpp>
#include <dv/random.hpp>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

namespace dv {

namespace {

/// Fills a tensor from its generator.
struct Draw {
    at::Tensor& tensor;
    at::Generator& generator;

    void operator()(const init::Uniform& d) const { tensor.uniform_(-d.bound, d.bound, generator); }
    void operator()(const init::Normal& d) const { tensor.normal_(d.mean, d.std, generator); }
    void operator()(const init::Constant& d) const { tensor.fill_(d.value); }
    void operator()(const init::KaimingUniform& d) const {
        (*this)(init::Uniform{std::sqrt(1.0 / static_cast<double>(d.fan_in))});
    }
    void operator()(const init::KaimingNormal& d) const {
        (*this)(init::Normal{0.0, std::sqrt(2.0 / static_cast<double>(d.fan_in))});
    }
};

}  // namespace

at::Tensor Parameters::add(std::string name, std::span<const std::int64_t> shape, const Initializer& initializer) {
    at::Tensor tensor = at::empty(at::IntArrayRef(shape.data(), shape.size()), at::kFloat);
    at::Generator generator = at::detail::createCPUGenerator(derive_key(key_, name));
    std::visit(Draw{tensor, generator}, initializer);
    tensor.requires_grad_(true);
    adopt({std::move(name), tensor, true});
    return tensor;
}

void Parameters::adopt(NamedTensor tensor) {
    const auto same_name = [&](const NamedTensor& other) { return other.name == tensor.name; };
    if (std::any_of(tensors_.begin(), tensors_.end(), same_name)) {
        throw Error("there is a parameter '" + tensor.name + "' already; names in one component are unique");
    }
    tensors_.push_back(std::move(tensor));
}

void Parameters::adopt(std::string_view prefix, std::span<const NamedTensor> tensors) {
    for (const NamedTensor& t : tensors) adopt({std::string(prefix) + "." + t.name, t.tensor, t.trainable});
}

const at::Tensor& Parameters::at(std::string_view name) const {
    for (const NamedTensor& t : tensors_) {
        if (t.name == name) return t.tensor;
    }
    std::string known;
    for (const NamedTensor& t : tensors_) known += (known.empty() ? "" : ", ") + t.name;
    throw Error("there is no parameter '" + std::string(name) + "'; there are: " + (known.empty() ? "none" : known));
}

std::int64_t Parameters::count() const {
    std::int64_t n = 0;
    for (const NamedTensor& t : tensors_) n += t.trainable ? t.tensor.numel() : 0;
    return n;
}

std::uint64_t initial_value_key(const dv_host* host) {
    if (!host) return 0;  // built by hand in a test
    const auto* rng = static_cast<const dv_rng_1*>(host->get_extension(host->self, DV_EXT_RNG, 1));
    if (!rng) throw Error("initial values are drawn from " DV_EXT_RNG ", which this host does not offer");
    return rng->derive(rng->self, detail::borrow("initial values"));
}

bool matches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0;
    std::size_t star = std::string_view::npos, resume = 0;  // the last '*', and where in the name it may grow to
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p, ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

namespace detail {

std::vector<abi::v1::NamedTensor> borrow(std::span<const NamedTensor> tensors) {
    std::vector<abi::v1::NamedTensor> lent;
    lent.reserve(tensors.size());
    for (const NamedTensor& t : tensors)
        lent.push_back({borrow(std::string_view(t.name)), t.tensor, t.trainable ? 1 : 0});
    return lent;
}

std::vector<NamedTensor> own(const abi::v1::NamedTensor* tensors, std::uint64_t n) {
    std::vector<NamedTensor> owned;
    owned.reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) {
        owned.push_back({std::string(view(tensors[i].name)), tensors[i].tensor, tensors[i].trainable != 0});
    }
    return owned;
}

}  // namespace detail

}  // namespace dv
