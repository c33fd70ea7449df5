/// Training steps of one network, one at a time and on request, so that another program's can be measured in between.
///
///     dv_bench_step CASE
///
/// CASE is TOML or JSON: tables model, loss, optimizer and metric as in a manifest, and threads, plan, channels, size,
/// batch, n_classes. Components come out of the built plugins; weights and images are filled by a rule that other
/// programs can follow. Prints a line with the parameters and their shapes, then one line per line of input: "step" gives
/// seconds and loss, "memory" what was resident before the first step and the peak since. side_by_side.py is the other end.

#include "environment.hpp"

#include <dv/testing/load.hpp>
#include <dv/torch/loss.hpp>
#include <dv/torch/metric.hpp>
#include <dv/torch/model.hpp>
#include <dv/torch/optimizer.hpp>

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>

#include <malloc.h>
#include <unistd.h>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

namespace {

using dv::testing::Config;
using dv::testing::Plugin;

struct Case {
    Config model, loss, optimizer, metric;
    std::int64_t threads, channels, size, batch, n_classes;
    bool reference_plan;
};

const dv::testing::Value& key(const Config& table, const char* name) {
    if (const auto* value = table.get(name)) return *value;
    throw std::invalid_argument(std::string("the case has no '") + name + "'");
}

std::int64_t integer(const Config& table, const char* name) {
    return static_cast<std::int64_t>(key(table, name).number());
}

Case read_case(const char* text) {
    const Config c = Config::parse(text);
    return {.model = Config(key(c, "model")),
            .loss = Config(key(c, "loss")),
            .optimizer = Config(key(c, "optimizer")),
            .metric = Config(key(c, "metric")),
            .threads = integer(c, "threads"),
            .channels = integer(c, "channels"),
            .size = integer(c, "size"),
            .batch = integer(c, "batch"),
            .n_classes = integer(c, "n_classes"),
            .reference_plan = key(c, "plan") == dv::testing::Value("reference")};
}

/// The component that a table's `type` names, with the rest of the table as its parameters.
template <class Kind>
std::shared_ptr<Kind> made(const Config& table) {
    const auto& type = *key(table, "type").as<std::string>();
    Config parameters;
    for (const auto& [name, value] : *table.as<dv::testing::Value::Table>()) {
        if (name != "type") parameters.set(name, value);
    }
    for (const auto& file : std::filesystem::directory_iterator(DVHOST_PLUGINS)) {
        if (file.path().extension() != ".so") continue;
        Plugin plugin(file.path());
        for (const dv::testing::ComponentNote& note : plugin.notes()) {
            if (note.iface != Kind::dv_iface || (note.id != type && note.short_name() != type)) continue;
            plugin.with(DVHOST_PLUGINS);  // for nested components
            return plugin.make<Kind>(note.id, parameters);
        }
    }
    throw std::invalid_argument("no plugin of this build has a " + std::string(Kind::dv_iface) + " '" + type + "'");
}

/// sin(0.7 i + 0.1 s) over the elements i, s the sum of the name's characters modulo 97; scaled as a weight or a bias.
at::Tensor filled(const dv::NamedTensor& parameter) {
    int s = 0;
    for (const char c : parameter.name) s += c;
    const at::Tensor& t = parameter.tensor;
    const at::Tensor wave = at::arange(t.numel(), at::kDouble).mul(0.7).add(0.1 * (s % 97)).sin().view(t.sizes());
    const double scale = t.dim() <= 1 ? 0.05 : 1.0 / std::sqrt(static_cast<double>(t.numel() / t.size(0)));
    return wave.mul(scale).to(at::kFloat);
}

/// cos(0.013 i + 0.5 b) over the pixels i of sample b: [batch, 1, channel, y, x].
at::Tensor images(const Case& c) {
    const std::int64_t pixels = c.channels * c.size * c.size;
    const at::Tensor by_pixel = at::arange(pixels, at::kDouble).mul(0.013).unsqueeze(0);
    const at::Tensor by_sample = at::arange(c.batch, at::kDouble).mul(0.5).unsqueeze(1);
    return by_pixel.add(by_sample).cos().view({c.batch, 1, c.channels, c.size, c.size}).to(at::kFloat);
}

/// A line "VmHWM:  123 kB" of the kernel's account of this process.
double kilobytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1));
    }
    throw std::runtime_error("/proc/self/status has no " + name);
}

class Training {
public:
    explicit Training(const Case& c)
        : model_(made<dv::Model>(c.model)),
          loss_(made<dv::Loss>(c.loss)),
          optimizer_(made<dv::Optimizer>(c.optimizer)),
          accuracy_(made<dv::Metric>(c.metric)) {
        model_->build(
            {.n_frames = 1, .channels = c.channels, .height = c.size, .width = c.size, .n_classes = c.n_classes});
        model_->set_plan(c.reference_plan ? dv::EnginePlan::reference : dv::EnginePlan::fast);
        model_->train(true);
        for (const dv::NamedTensor& p : model_->parameters()) {
            if (!p.trainable) continue;
            p.tensor.set_data(filled(p));
            trainable_.push_back(p);
        }
        optimizer_->build(trainable_);
        accuracy_->reset();
        batch_.frames = dv::Sequence::of(images(c));
        batch_.labels = at::arange(c.batch, at::kLong).remainder(c.n_classes);
        batch_.index = at::arange(c.batch, at::kLong);
    }

    const std::vector<dv::NamedTensor>& trainable() const { return trainable_; }

    /// As the host's fit loop does it, up to the loss as a number.
    double step() {
        const dv::StepOutput out = model_->training_step(batch_, *loss_);
        optimizer_->zero_grad();
        out.loss.backward();
        accuracy_->update(out.outputs.detach(), out.labels);
        optimizer_->step();
        return out.loss.item<double>();
    }

private:
    std::shared_ptr<dv::Model> model_;
    std::shared_ptr<dv::Loss> loss_;
    std::shared_ptr<dv::Optimizer> optimizer_;
    std::shared_ptr<dv::Metric> accuracy_;
    std::vector<dv::NamedTensor> trainable_;
    dv::Batch batch_;
};

void print_parameters(const std::vector<dv::NamedTensor>& parameters) {
    std::cout << "{\"parameters\": {";
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        std::cout << (i > 0 ? ", " : "") << '"' << parameters[i].name << "\": [";
        const auto sizes = parameters[i].tensor.sizes();
        for (std::size_t d = 0; d < sizes.size(); ++d) std::cout << (d > 0 ? ", " : "") << sizes[d];
        std::cout << ']';
    }
    std::cout << "}}" << std::endl;
}

void answer(Training& training) {
    malloc_trim(0);                               // what filling the weights took must not hide what the steps take
    std::ofstream("/proc/self/clear_refs") << 5;  // the high-water mark starts again from here
    const double before = kilobytes("VmRSS"), files_before = kilobytes("RssFile");
    for (std::string request; std::getline(std::cin, request);) {
        if (request == "step") {
            const auto began = std::chrono::steady_clock::now();
            const double loss = training.step();
            const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
            std::printf("{\"seconds\": %.9f, \"loss\": %.9g}\n", took.count(), loss);
        } else {
            std::printf("{\"before_mb\": %.1f, \"peak_mb\": %.1f, \"code_mb\": %.1f}\n", before / 1024,
                        kilobytes("VmHWM") / 1024, (kilobytes("RssFile") - files_before) / 1024);
        }
        std::fflush(stdout);
    }
}

/// The environment as dvhost's launcher leaves it. LibTorch came with this program and has read its settings already, so the
/// program starts once more with them.
void start_as_dvhost_does(char** argv) {
    const bool prepared = std::getenv("DVHOST_STARTED_AT") != nullptr;
    dvhost::prepare_environment();
    if (!prepared) execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
    start_as_dvhost_does(argv);
    if (argc != 2) {
        std::cerr << "usage: dv_bench_step CASE, as side_by_side.py writes it\n";
        return 64;
    }
    try {
        const Case c = read_case(argv[1]);
        at::set_num_threads(static_cast<int>(c.threads));
        Training training(c);
        print_parameters(training.trainable());
        answer(training);
    } catch (const std::exception& problem) {
        std::cerr << "dv_bench_step: " << problem.what() << '\n';
        return 1;
    }
}
