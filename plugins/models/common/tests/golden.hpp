#pragma once
/// How DynVision's numbers are compared with: its rule for filling networks with known weights, its input, and its
/// printed results.

#include <dv/testing/load.hpp>
#include <dv/torch/model.hpp>

#include <memory>
#include <string>
#include <vector>

namespace golden {

/// Fills parameters with sin(0.7 i + 0.1 s), s from the name, in double precision; names with "tau" keep their value.
/// Fixed
/// recurrent weights are filled too, as parameters of the original.
void fill(const dv::Model& model);

/// cos(0.013 i + 0.5 b) over (channel, y, x): [batch, 1, 3, size, size].
at::Tensor image(std::int64_t batch, std::int64_t size);

/// The plugin under test, with those beside it for nested components.
dv::testing::Plugin plugin(const std::string& file);

/// Built for frames [3, size, size], and filled.
std::shared_ptr<dv::Model> filled(dv::testing::Plugin plugin, const std::string& id, const dv::testing::Config& config,
                                  std::int64_t size, std::int64_t n_classes = 4);

/// Elements of all tensors but n_residual_timesteps, built for frames [3, size, size].
std::int64_t count(dv::testing::Plugin plugin, const std::string& id, const dv::testing::Config& config,
                   std::int64_t size, std::int64_t n_classes);

/// Expects the printed digits, up to two units of the last one.
void expect_printed(const at::Tensor& found, const std::string& text, const std::string& what);
/// The numbers of a text.
std::vector<double> numbers(const std::string& text);

/// Keeps the mean of |response| by layer and step; "absent" where there was none.
class LayerMeans final : public dv::temporal::Recorder {
public:
    bool wants(std::size_t, std::int64_t) const override { return true; }
    void record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) override;
    /// Expects "absent" and printed numbers of one layer.
    void expect(std::size_t layer, const std::string& text) const;

private:
    std::vector<std::vector<at::Tensor>> means_;
};

}  // namespace golden
