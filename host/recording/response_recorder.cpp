#include "recording/response_recorder.hpp"

#include "recording/disk_array.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/std.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/var.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>

namespace dvhost::recording {

namespace {

bool fits_any(const std::vector<std::string>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return dv::matches(p, name); });
}

std::string megabytes(double n_bytes) {
    char text[32];
    std::snprintf(text, sizeof text, n_bytes < 1e9 ? "%.3g MB" : "%.4g MB", n_bytes / 1e6);
    return text;
}

/// What the system could give without swapping; none when it does not say.
std::optional<double> available_memory() {
    std::ifstream in("/proc/meminfo");
    for (std::string key; in >> key;) {
        double kilobytes = 0;
        if (key == "MemAvailable:" && in >> kilobytes) return kilobytes * 1024.0;
        in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return std::nullopt;
}

/// Over one dimension, unbiased; 0 where there is only one value.
at::Tensor variance(const at::Tensor& values, std::int64_t dimension) {
    if (values.size(dimension) < 2) return values.select(dimension, 0).mul(0);
    return at::var(values, at::IntArrayRef{dimension}, /*unbiased=*/true);
}

at::Tensor on_cpu(const at::Tensor& tensor, at::ScalarType type) {
    return tensor.detach().to(at::TensorOptions(at::kCPU).dtype(type)).contiguous();
}

}  // namespace

void expect_layers(const Settings& settings, const std::vector<dv::LayerFacts>& layers, const std::string& place) {
    if (layers.empty())
        throw dv::Error("[" + place + "] records the responses of layers, and this model has none that it shows");
    std::string names;
    for (const dv::LayerFacts& l : layers) names += (names.empty() ? "'" : ", '") + l.name + "'";
    for (const std::string& pattern : settings.layers) {
        const bool fits = std::any_of(layers.begin(), layers.end(),
                                      [&](const dv::LayerFacts& l) { return dv::matches(pattern, l.name); });
        if (!fits)
            throw dv::Error("[" + place + "] 'layers' has '" + pattern +
                            "', which fits no layer of the model (have: " + names + ")");
    }
}

ResponseRecorder::ResponseRecorder(const Settings& settings, std::vector<dv::LayerFacts> layers,
                                   std::int64_t n_available, std::uint64_t seed, Say info, std::filesystem::path folder)
    : settings_(settings),
      layers_(std::move(layers)),
      capacity_(settings.n_samples < 0 ? n_available : std::min(settings.n_samples, n_available)),
      slots_(settings.policy, capacity_, dv::derive_key(seed, settings.name)),
      after_batch_(slots_),
      info_(std::move(info)),
      folder_(std::move(folder)) {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        const bool chosen = fits_any(settings_.layers, layers_[l].name);
        recorded_of_.push_back(chosen ? static_cast<std::ptrdiff_t>(recorded_.size()) : -1);
        if (chosen) recorded_.push_back({l, parts_of(layers_[l]), {}});
    }
}

std::vector<ResponseRecorder::Part> ResponseRecorder::parts_of(const dv::LayerFacts& l) const {
    const std::string channel = l.name + "_channel", y = l.name + "_y", x = l.name + "_x";
    switch (settings_.reduce) {
        case Reduce::none: return {{"", {l.channels, l.height, l.width}, {channel, y, x}, {}, {}}};
        case Reduce::channel_mean: return {{"", {l.height, l.width}, {y, x}, {}, {}}};
        case Reduce::space_mean: return {{"", {l.channels}, {channel}, {}, {}}};
        case Reduce::layer: break;
    }
    return {{"_mean", {}, {}, {}, {}}, {"_std", {}, {}, {}, {}}, {"_spatial_variance", {}, {}, {}, {}}, {"_feature_variance", {}, {}, {}, {}}};
}

/// One tensor per part.
std::vector<at::Tensor> ResponseRecorder::reduced(const at::Tensor& response) const {
    switch (settings_.reduce) {
        case Reduce::none: return {response};
        case Reduce::channel_mean: return {response.mean(at::IntArrayRef{1})};
        case Reduce::space_mean: return {response.mean(at::IntArrayRef{2, 3})};
        case Reduce::layer: break;
    }
    const at::Tensor magnitude = response.abs().flatten(1), by_channel = response.flatten(2);
    return {magnitude.mean(at::IntArrayRef{1}), at::std(magnitude, at::IntArrayRef{1}, /*unbiased=*/true),
            variance(by_channel, 2).mean(at::IntArrayRef{1}), variance(by_channel, 1).mean(at::IntArrayRef{1})};
}

void ResponseRecorder::begin_batch(std::int64_t n) {
    places_.clear();
    after_batch_ = slots_;
    for (std::int64_t i = 0; i < n; ++i) places_.push_back(after_batch_.next());
    keeps_some_ = std::any_of(places_.begin(), places_.end(), [](const auto& place) { return place.has_value(); });
}

bool ResponseRecorder::wants(std::size_t layer, std::int64_t timestep) const {
    n_timesteps_ = std::max(n_timesteps_, timestep + 1);
    const bool chosen_step = timestep >= settings_.from && (settings_.to < 0 || timestep < settings_.to) &&
                             (timestep - settings_.from) % settings_.every == 0;
    return keeps_some_ && chosen_step && layer < recorded_of_.size() && recorded_of_[layer] >= 0;
}

std::optional<std::size_t> ResponseRecorder::bin_of(std::int64_t timestep) const {
    const auto found = std::lower_bound(steps_.begin(), steps_.end(), timestep);
    if (found == steps_.end() || *found != timestep) return std::nullopt;
    return static_cast<std::size_t>(found - steps_.begin());
}

/// By now wants() has been asked of every step.
void ResponseRecorder::allocate() {
    const std::int64_t end = settings_.to < 0 ? n_timesteps_ : std::min(settings_.to, n_timesteps_);
    for (std::int64_t t = settings_.from; t < end; t += settings_.every) steps_.push_back(t);
    const auto n_bins = static_cast<std::int64_t>(steps_.size());
    double n_values = 0;
    for (const Recorded& r : recorded_) {
        for (const Part& p : r.parts) {
            double n = 1;
            for (const std::int64_t size : p.shape) n *= static_cast<double>(size);
            n_values += n;
        }
    }
    const double n_bytes = n_values * static_cast<double>(n_bins) * static_cast<double>(capacity_) *
                           static_cast<double>(c10::elementSize(settings_.dtype));
    choose_place(n_bytes, std::to_string(capacity_) + " presentations x " + std::to_string(n_bins) + " time bins of " +
                              std::to_string(recorded_.size()) + " layers, " + megabytes(n_bytes));
    for (Recorded& r : recorded_) {
        const std::string& layer = layers_[r.layer].name;
        for (Part& p : r.parts) {
            p.kept = rows("response_" + layer + p.suffix, p.shape, settings_.dtype);
            p.staged.resize(steps_.size());
        }
        r.present = rows("present_" + layer, {}, at::kBool);
    }
}

/// Memory, or files where that would be too much.
void ResponseRecorder::choose_place(double n_bytes, const std::string& what) {
    on_disk_ = !folder_.empty() && n_bytes > settings_.most_memory;
    const std::string size = "recorder '" + settings_.name + "': up to " + what +
                             (on_disk_ ? " on disk, twice that while it is written" : " in memory and on disk");
    std::optional<double> available = available_memory();
    if (on_disk_) {
        std::filesystem::create_directories(folder_);
        available = static_cast<double>(std::filesystem::space(folder_).available);
        n_bytes *= 2;
    }
    if (available && n_bytes > *available) {
        throw dv::Error(size + ", but " + megabytes(*available) + (on_disk_ ? " of the disk" : " of memory") +
                        " are free: lower n_samples, take fewer layers or steps, reduce, or dtype = \"float16\"");
    }
    info_(size);
}

/// [place, time_bin, shape of one], zeros.
at::Tensor ResponseRecorder::rows(const std::string& name, const std::vector<std::int64_t>& shape_of_one,
                                  at::ScalarType type) const {
    std::vector<std::int64_t> shape{capacity_, static_cast<std::int64_t>(steps_.size())};
    shape.insert(shape.end(), shape_of_one.begin(), shape_of_one.end());
    if (!on_disk_) return at::zeros(shape, type);
    std::string file = name;
    std::replace(file.begin(), file.end(), '/', '_');
    return disk_array(folder_ / (file + ".npy"), shape, type);
}

void ResponseRecorder::discard_files() {
    if (!on_disk_) return;
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void ResponseRecorder::record(std::size_t layer, std::int64_t timestep, const at::Tensor& response) {
    if (steps_.empty()) allocate();
    if (layer >= recorded_of_.size() || recorded_of_[layer] < 0) return;
    const std::optional<std::size_t> bin = bin_of(timestep);
    if (!bin) throw dv::Error("a batch has more time steps than the first one: they are recorded into the same bins");
    Recorded& r = recorded_[static_cast<std::size_t>(recorded_of_[layer])];
    const bool is_absent = !response.defined();
    const std::vector<at::Tensor> values =
        is_absent ? std::vector<at::Tensor>(r.parts.size()) : reduced(response.detach());
    for (std::size_t i = 0; i < r.parts.size(); ++i) {
        r.parts[i].staged[*bin] =
            is_absent ? at::Tensor()
                      : values[i].to(at::TensorOptions(at::kCPU).dtype(settings_.dtype), /*non_blocking=*/true,
                                     /*copy=*/true);
    }
}

void ResponseRecorder::keep(std::size_t row, std::int64_t place) {
    for (Recorded& r : recorded_) {
        bool* present = r.present.mutable_data_ptr<bool>() + static_cast<std::size_t>(place) * steps_.size();
        for (Part& p : r.parts) {
            const std::size_t n_bytes = p.kept.nbytes() / static_cast<std::size_t>(p.kept.size(0) * p.kept.size(1));
            auto* to = static_cast<char*>(p.kept.mutable_data_ptr()) +
                       static_cast<std::size_t>(place) * steps_.size() * n_bytes;
            for (std::size_t bin = 0; bin < steps_.size(); ++bin, to += n_bytes) {
                const at::Tensor& staged = p.staged[bin];
                present[bin] = staged.defined();
                if (!staged.defined()) {
                    std::memset(to, 0, n_bytes);
                    continue;
                }
                // A response that does not depend on the sample has a batch of 1.
                const std::size_t from = staged.size(0) == 1 ? 0 : row;
                std::memcpy(to, static_cast<const char*>(staged.const_data_ptr()) + from * n_bytes, n_bytes);
            }
            if (on_disk_) let_go(to - steps_.size() * n_bytes, steps_.size() * n_bytes);
        }
    }
}

/// Staged responses in C order, of the shape that was promised.
void ResponseRecorder::settle_staged() {
    const auto n = static_cast<std::int64_t>(places_.size());
    for (Recorded& r : recorded_) {
        for (Part& p : r.parts) {
            for (at::Tensor& staged : p.staged) {
                if (!staged.defined()) continue;
                if (staged.sizes().slice(1) != at::IntArrayRef(p.shape) ||
                    (staged.size(0) != n && staged.size(0) != 1)) {
                    throw dv::Error("the response of layer '" + layers_[r.layer].name +
                                    "' is not of the shape that the model says it has");
                }
                staged = staged.contiguous();
            }
        }
    }
}

void ResponseRecorder::end_batch(const at::Tensor& outputs, const at::Tensor& labels, const at::Tensor& index) {
    slots_ = after_batch_;
    if (!keeps_some_ || steps_.empty()) return;
    const at::Tensor on_host = on_cpu(outputs, at::kFloat);  // by then all copies have arrived
    settle_staged();
    for (std::size_t row = 0; row < places_.size(); ++row) {
        if (places_[row]) keep(row, *places_[row]);
    }
    keep_decisions(on_host, labels.defined() ? on_cpu(labels, at::kLong) : at::Tensor(),
                   index.defined() ? on_cpu(index, at::kLong) : at::Tensor());
    for (Recorded& r : recorded_) {
        for (Part& p : r.parts) std::fill(p.staged.begin(), p.staged.end(), at::Tensor());
    }
}

void ResponseRecorder::keep_decisions(const at::Tensor& outputs, const at::Tensor& labels, const at::Tensor& index) {
    if (outputs.dim() != 3 || outputs.size(0) != static_cast<std::int64_t>(places_.size()) ||
        outputs.size(1) <= steps_.back()) {
        throw dv::Error(
            "outputs were expected as [batch, time, class] for every recorded step, and are of another shape");
    }
    if (!outputs_.defined()) {
        outputs_ = rows("output", {outputs.size(2)}, at::kFloat);
        labels_ = rows("label", {}, at::kLong);
        guesses_ = rows("guess", {}, at::kLong);
        confidences_ = rows("confidence", {}, at::kFloat);
        first_label_confidences_ = rows("first_label_confidence", {}, at::kFloat);
        first_labels_ = at::full({capacity_}, -1, at::kLong);
        indices_ = at::full({capacity_}, -1, at::kLong);
    }
    const at::Tensor steps = at::tensor(steps_, at::kLong);
    const at::Tensor shown = outputs.index_select(1, steps), probability = shown.softmax(2);
    const auto [confidence, guess] = probability.max(2);
    for (std::size_t row = 0; row < places_.size(); ++row) {
        if (!places_[row]) continue;
        const std::int64_t place = *places_[row], b = static_cast<std::int64_t>(row);
        outputs_[place].copy_(shown[b]);
        guesses_[place].copy_(guess[b]);
        confidences_[place].copy_(confidence[b]);
        indices_[place].fill_(index.defined() ? index[b].item<std::int64_t>() : -1);
        const at::Tensor own = labels.defined() ? labels[b] : at::full({outputs.size(1)}, -1, at::kLong);
        labels_[place].copy_(own.index_select(0, steps));
        const at::Tensor scored = own.masked_select(own.ge(0));
        const std::int64_t first = scored.numel() > 0 ? scored[0].item<std::int64_t>() : own[0].item<std::int64_t>();
        first_labels_[place].fill_(first);
        if (first >= 0 && first < outputs.size(2)) {
            first_label_confidences_[place].copy_(probability[b].select(1, first));
        } else {
            first_label_confidences_[place].zero_();
        }
    }
}

ArrayFile ResponseRecorder::content() const {
    ArrayFile out;
    if (!outputs_.defined()) return out;
    const std::vector<std::int64_t> order = slots_.by_age();
    const auto add = [&](const std::string& name, const at::Tensor& values, std::vector<std::string> dimensions) {
        out.arrays.push_back(
            {name, values, order, false, std::move(dimensions), on_disk_ && name.starts_with("response_")});
    };
    const auto with = [](std::vector<std::string> first, const std::vector<std::string>& rest) {
        first.insert(first.end(), rest.begin(), rest.end());
        return first;
    };
    for (const Recorded& r : recorded_) {
        const std::string& layer = layers_[r.layer].name;
        for (const Part& p : r.parts)
            add("response_" + layer + p.suffix, p.kept, with({"presentation", "time_bin"}, p.dimensions));
        add("present_" + layer, r.present, {"presentation", "time_bin"});
    }
    add("output", outputs_, {"presentation", "time_bin", "class"});
    add("label", labels_, {"presentation", "time_bin"});
    add("guess", guesses_, {"presentation", "time_bin"});
    add("confidence", confidences_, {"presentation", "time_bin"});
    add("first_label", first_labels_, {"presentation"});
    add("first_label_confidence", first_label_confidences_, {"presentation", "time_bin"});
    add("sample_index", indices_, {"presentation"});
    const double dt = layers_[recorded_.front().layer].dt;
    const at::Tensor step = at::tensor(steps_, at::kLong);
    out.arrays.push_back({"time_step", step, {}, true, {"time_bin"}});
    out.arrays.push_back({"time_bin_start", step.to(at::kDouble).mul(dt), {}, true, {"time_bin"}});
    out.arrays.push_back({"time_bin_end", step.to(at::kDouble).add(1.0).mul(dt), {}, true, {"time_bin"}});
    return out;
}

}  // namespace dvhost::recording
