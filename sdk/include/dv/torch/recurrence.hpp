#pragma once
/// Kind dv.recurrence (torch): the map from a layer's past activity to a drive.

#include <dv/torch/kind.hpp>
#include <dv/torch/parameters.hpp>

#include <optional>

namespace dv {

/// Where a layer's recurrent drive joins its input path: after its convolutions, between them, or before the first.
enum class RecurrenceTarget : std::int32_t { output, middle, input };

/// Where a recurrence sits.
struct RecurrenceSite {
    std::int64_t source_channels = 1;  ///< channels of the activity that comes in
    std::int64_t target_channels = 1;  ///< channels of the drive that goes out
    std::int64_t kernel = 3;           ///< the layer's kernel, for recurrences that have none of their own
    std::int64_t height = 1, width = 1;  ///< of the activity
    std::int32_t bias = 1;             ///< 0: none
    RecurrenceTarget target = RecurrenceTarget::output;
    double max_weight_init = 0.001;    ///< weights start uniform in ± this
};

/// A recurrence that is one convolution with padding kernel/2 says so; an engine may then fuse it. Asked for once per run: a
/// weight that is computed from parameters is computed by the call, as part of the autograd graph.
struct LinearMap {
    at::Tensor weight;  ///< [out, in / groups, ky, kx]
    at::Tensor bias;    ///< [out] or undefined
    std::int64_t groups = 1;
};

namespace abi::v1 {
struct IRecurrence {
    virtual dv_status build(const RecurrenceSite* site) noexcept = 0;
    virtual dv_status parameters(const NamedTensor** out, std::uint64_t* n) noexcept = 0;
    virtual dv_status forward(const at::Tensor& rate, at::Tensor& drive) noexcept = 0;
    virtual dv_status linear(LinearMap& out, std::int32_t* is_linear) noexcept = 0;
    virtual dv_status equation(dv_str* out) noexcept = 0;
    virtual dv_status contributes(std::int32_t* yes) noexcept = 0;

protected:
    ~IRecurrence() = default;
};
}  // namespace abi::v1

class RecurrenceDoor;
class RecurrenceProxy;

struct Recurrence : TorchKind<Recurrence, abi::v1::IRecurrence, RecurrenceDoor, RecurrenceProxy> {
    static constexpr const char* dv_iface = "dv.recurrence";
    static constexpr std::uint32_t dv_iface_version = 1;

    /// Declares the parameters for this place, once, before anything else. Throws ParameterError or Error when the place does
    /// not suit ("self needs as many target channels as source channels"). [main]
    virtual void build(const RecurrenceSite& site) = 0;
    /// After build(): all tensors, under names relative to this component ("conv.weight"). [main]
    virtual std::vector<NamedTensor> parameters() const = 0;

    /// rate [n, source channel, y, x] → drive [n, target channel, y, x]; n is any number of (sample, step) pairs. Stateless,
    /// differentiable. [step]
    virtual at::Tensor forward(const at::Tensor& rate) const = 0;

    /// The map as one convolution, if it is one.
    virtual std::optional<LinearMap> linear() const { return std::nullopt; }
    /// For `dvhost describe`: the formula, with h for the delayed rate.
    virtual std::string equation() const = 0;
    /// False: the drive is always zero, and an engine leaves the path out. Asked once, before build().
    virtual bool contributes() const { return true; }
};

class RecurrenceDoor final : public abi::v1::IRecurrence {
public:
    explicit RecurrenceDoor(Recurrence& recurrence) : recurrence_(recurrence) {}
    dv_status build(const RecurrenceSite* site) noexcept override {
        return detail::torch_guard(recurrence_.host, "build", [&] { recurrence_.build(*site); });
    }
    dv_status parameters(const abi::v1::NamedTensor** out, std::uint64_t* n) noexcept override {
        return detail::torch_guard(recurrence_.host, "parameters", [&] {
            tensors_ = recurrence_.parameters();
            lent_ = detail::borrow(tensors_);
            *out = lent_.data();
            *n = lent_.size();
        });
    }
    dv_status forward(const at::Tensor& rate, at::Tensor& drive) noexcept override {
        return detail::torch_guard(recurrence_.host, "forward", [&] { drive = recurrence_.forward(rate); });
    }
    dv_status linear(LinearMap& out, std::int32_t* is_linear) noexcept override {
        return detail::torch_guard(recurrence_.host, "linear", [&] {
            const auto map = recurrence_.linear();
            *is_linear = map ? 1 : 0;
            if (map) out = *map;
        });
    }
    dv_status equation(dv_str* out) noexcept override {
        return detail::torch_guard(recurrence_.host, "equation", [&] {
            equation_ = recurrence_.equation();
            *out = detail::borrow(equation_);
        });
    }
    dv_status contributes(std::int32_t* yes) noexcept override {
        return detail::torch_guard(recurrence_.host, "contributes",
                                   [&] { *yes = recurrence_.contributes() ? 1 : 0; });
    }

private:
    Recurrence& recurrence_;
    std::vector<NamedTensor> tensors_;
    std::vector<abi::v1::NamedTensor> lent_;
    std::string equation_;
};

class RecurrenceProxy final : public Recurrence {
public:
    RecurrenceProxy(const dv_child& child, detail::Imported::Release release)
        : imported_(child, std::move(release)),
          door_(imported_.interface<abi::v1::IRecurrence>(dv_iface, dv_iface_version)) {
        host = child.host;
    }
    void build(const RecurrenceSite& site) override { detail::check(host, door_.build(&site)); }
    std::vector<NamedTensor> parameters() const override {
        const abi::v1::NamedTensor* tensors = nullptr;
        std::uint64_t n = 0;
        detail::check(host, door_.parameters(&tensors, &n));
        return detail::own(tensors, n);
    }
    at::Tensor forward(const at::Tensor& rate) const override {
        at::Tensor drive;
        detail::check(host, door_.forward(rate, drive));
        return drive;
    }
    std::optional<LinearMap> linear() const override {
        LinearMap map;
        std::int32_t is_linear = 0;
        detail::check(host, door_.linear(map, &is_linear));
        return is_linear ? std::optional(map) : std::nullopt;
    }
    std::string equation() const override {
        dv_str text{};
        detail::check(host, door_.equation(&text));
        return std::string(detail::view(text));
    }
    bool contributes() const override {
        std::int32_t yes = 1;
        detail::check(host, door_.contributes(&yes));
        return yes != 0;
    }

private:
    detail::Imported imported_;
    abi::v1::IRecurrence& door_;
};

}  // namespace dv
