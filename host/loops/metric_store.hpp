#pragma once
/// The numbers of a run on the training thread: gathered as device tensors, read back only when a row is due.

#include "loops/metric_sink.hpp"

#include <ATen/core/Tensor.h>
#include <dv/abi.h>
#include <dv/torch/parameters.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dvhost::loops {

/// Collects what one moment has to say, then sends it as one row with one transfer.
class MetricStore {
public:
    explicit MetricStore(MetricSink& sink) : sink_(sink) {}

    /// Adds a value to the row in hand; the last one of a name wins.
    void add(std::string name, double value);
    void add(std::string name, at::Tensor value);  ///< 0-dim, any device
    bool empty() const { return names_.empty(); }
    /// Makes the row in hand known before it is sent, as far as it lies on the CPU.
    void publish();

    /// Sends the row in hand (if it holds anything) and makes its values the newest known. Values on the CPU are known at once; values
    /// on a device are fetched when the next row is sent: one wait per log interval, none per step.
    void send(std::int64_t step, std::int64_t epoch);
    /// The same, but waits for the device: for the end of an epoch, whose values callbacks compare.
    void send_and_wait(std::int64_t step, std::int64_t epoch);
    /// Drops the row in hand.
    void discard();

    /// Rows sent so far.
    std::int64_t rows() const { return rows_; }
    /// The row in hand, for a checkpoint; waits for its device.
    std::vector<std::pair<std::string, double>> pending() const;
    /// Takes over what another run had: rows sent, values known, the row in hand.
    void restore(std::int64_t rows, const std::vector<std::pair<std::string, double>>& known,
                 const std::vector<std::pair<std::string, double>>& pending);

    /// The newest known values, in the order of their first appearance. Valid until the next send.
    std::span<const dv_metric> known() const { return known_views_; }
    std::optional<double> value(std::string_view name) const;

private:
    void take(const Names& names, const at::Tensor& packed);
    void settle();
    void learn(const std::string& name, double value);

    MetricSink& sink_;
    std::int64_t rows_ = 0;
    std::vector<std::string> names_;
    std::vector<at::Tensor> tensors_;
    Names last_names_;          // reused while rows have the same columns
    Names pending_names_;       // a row whose values have not been fetched from the device
    at::Tensor pending_;
    std::vector<std::unique_ptr<std::string>> known_names_;  // stable addresses for the views
    std::vector<dv_metric> known_views_;
};

}  // namespace dvhost::loops
