#include "number_text.hpp"
#include "png.hpp"
#include "run_folder.hpp"
#include "text_file.hpp"

#include <dv/torch/callback.hpp>

#include <ATen/ops/arange.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// Mean response of the classifier over time in a validation, for each class that was shown: of its own unit, and of the others.
struct ClassifierResponse final : dv::TorchCallback,
                                  dv::OnValidationStart,
                                  dv::OnValidationBatchEnd,
                                  dv::OnValidationEpochEnd {
    std::string path;
    std::int64_t every_n_epochs = 0, pixels_per_cell = 0;
    bool scalars = true, image = true;
    static constexpr auto params =
        dv::schema(dv::p("path", &ClassifierResponse::path, "classifier_response.csv",
                         "table of all responses, seen from the run's folder; empty: none"),
                   dv::p("every_n_epochs", &ClassifierResponse::every_n_epochs, 1, "epochs from one look to the next",
                         dv::at_least{1}),
                   dv::p("scalars", &ClassifierResponse::scalars, true, "log the responses at the last step"),
                   dv::p("image", &ClassifierResponse::image, true,
                         "give the loggers a picture: a row per class, a column per step"),
                   dv::p("pixels_per_cell", &ClassifierResponse::pixels_per_cell, 8, "side of a cell of the picture",
                         dv::range{1, 64}));

    void on_validation_start(const dv::RunView& run, dv::Answer&) override {
        looks_ = run->stage == DV_STAGE_VALIDATE && (run->epoch + 1) % every_n_epochs == 0;
        for (at::Tensor* sum : {&own_, &others_, &shown_}) sum->reset();
    }

    void on_validation_batch_end(const dv::RunView&, dv::Answer&) override {
        if (!looks_ || !step().output) return;
        const at::Tensor outputs = step().output->outputs, labels = step().output->labels;
        if (!outputs.defined() || !labels.defined() || outputs.dim() != 3 ||
            labels.sizes() != outputs.sizes().slice(0, 2))
            return;
        add(outputs.detach().to(at::kDouble), labels.to(outputs.device(), at::kLong));
    }

    void on_validation_epoch_end(const dv::RunView& run, dv::Answer& answer) override {
        if (!looks_ || !shown_.defined()) return;
        const at::Tensor n = shown_.cpu(), own = own_.cpu().div(n.clamp_min(1)),
                         others = others_.cpu().div(n.clamp_min(1));
        if (!path.empty()) append(run, own, others, n);
        if (scalars) log(answer, own, others, n);
        if (image) show(answer, own, n);
    }

private:
    /// outputs [batch, time, class], labels [batch, time], negative where a step is not scored. Such a step counts for the sample's
    /// class all the same: what a unit does before its label is on is a response too.
    void add(const at::Tensor& outputs, const at::Tensor& labels) {
        const std::int64_t time = outputs.size(1), classes = outputs.size(2);
        if (!own_.defined() || own_.size(1) != time || own_.size(0) != classes) {
            own_ = at::zeros({classes, time}, outputs.options());
            others_ = at::zeros_like(own_), shown_ = at::zeros_like(own_);
        }
        const at::Tensor label = at::where(labels.ge(0), labels, labels.amax({1}, true).expand_as(labels));
        const at::Tensor counts = label.ge(0).logical_and(label.lt(classes)).to(at::kDouble).flatten();
        const at::Tensor unit = label.clamp(0, classes - 1);
        const at::Tensor cell = unit.mul(time).add(at::arange(time, unit.options())).flatten();
        const at::Tensor own = outputs.gather(2, unit.unsqueeze(2)).squeeze(2);
        const at::Tensor others = outputs.sum(2).sub(own).div(std::max<std::int64_t>(classes - 1, 1));
        own_.view(-1).index_add_(0, cell, own.flatten().mul(counts));
        others_.view(-1).index_add_(0, cell, others.flatten().mul(counts));
        shown_.view(-1).index_add_(0, cell, counts);
    }

    /// The table with the rows of earlier steps: what a run that was cut off wrote behind its checkpoint comes again.
    static void begin_table(const std::filesystem::path& file, std::int64_t step) {
        std::string kept = "epoch,step,class,time,response,others,n\n";
        std::ifstream former(file);
        std::string line;
        std::getline(former, line);
        while (std::getline(former, line)) {
            std::istringstream fields(line);
            std::int64_t epoch = 0, at = 0;
            char comma = 0;
            if (fields >> epoch >> comma >> at && at < step) kept += line + "\n";
        }
        callbacks::replace_text(file, kept);
    }

    void append(const dv::RunView& run, const at::Tensor& own, const at::Tensor& others, const at::Tensor& n) {
        const std::filesystem::path file = callbacks::in_run_folder(*this, "path", path);
        if (!std::exchange(has_table_, true)) begin_table(file, run->global_step);
        std::ofstream out(file, std::ios::app);
        const auto a = own.accessor<double, 2>(), b = others.accessor<double, 2>(), c = n.accessor<double, 2>();
        for (std::int64_t k = 0; k < own.size(0); ++k) {
            for (std::int64_t t = 0; t < own.size(1); ++t) {
                if (c[k][t] == 0.0) continue;
                out << run->epoch << ',' << run->global_step << ',' << k << ',' << t << ',' << callbacks::shown(a[k][t])
                    << ',' << callbacks::shown(b[k][t]) << ',' << callbacks::shown(c[k][t]) << '\n';
            }
        }
        if (!out.flush()) throw dv::IoError("cannot write '" + file.string() + "': the disk may be full");
    }

    static void log(dv::Answer& answer, const at::Tensor& own, const at::Tensor& others, const at::Tensor& n) {
        const auto a = own.accessor<double, 2>(), b = others.accessor<double, 2>(), c = n.accessor<double, 2>();
        const std::int64_t last = own.size(1) - 1;
        double sum_own = 0.0, sum_others = 0.0, classes = 0.0;
        for (std::int64_t k = 0; k < own.size(0); ++k) {
            if (c[k][last] == 0.0) continue;
            answer.log("classifier_response/" + std::to_string(k), a[k][last]);
            sum_own += a[k][last], sum_others += b[k][last], classes += 1.0;
        }
        if (classes == 0.0) return;
        answer.log("classifier_response/mean", sum_own / classes);
        answer.log("classifier_response/others", sum_others / classes);
    }

    /// From the least response, black, to the greatest, white; a class that was not shown is black.
    void show(dv::Answer& answer, const at::Tensor& own, const at::Tensor& n) const {
        const auto a = own.accessor<double, 2>(), c = n.accessor<double, 2>();
        const double low = own.min().item<double>(), high = own.max().item<double>();
        if (!std::isfinite(low) || !std::isfinite(high)) return;
        const auto side = pixels_per_cell;
        const auto width = static_cast<std::uint32_t>(own.size(1) * side),
                   height = static_cast<std::uint32_t>(own.size(0) * side);
        std::vector<std::uint8_t> pixels(std::size_t{width} * height);
        for (std::size_t i = 0; i < pixels.size(); ++i) {
            const auto k = static_cast<std::int64_t>(i / width) / side, t = static_cast<std::int64_t>(i % width) / side;
            const double share = high > low && c[k][t] > 0.0 ? (a[k][t] - low) / (high - low) : 0.0;
            pixels[i] = static_cast<std::uint8_t>(std::lround(255.0 * share));
        }
        const std::string png = classifier_response::grey_png(pixels, width, height);
        answer.image("classifier_response", {sizeof(dv_image), 1, width, height, dv::detail::borrow(png)});
    }

    at::Tensor own_, others_, shown_;  // sums and counts, [class, time]; undefined before the first batch
    bool looks_ = false, has_table_ = false;
};

}  // namespace
DV_COMPONENT(ClassifierResponse, "dvhost.callback.classifier_response",
             "Mean response of the classifier over time, by class");
