#include <dv/torch/callback.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

/// 61 706, with a space between groups of three digits.
std::string grouped(std::int64_t n) {
    std::string digits = std::to_string(n);
    for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) {
        digits.insert(static_cast<std::size_t>(i), " ");
    }
    return digits;
}

/// "layer1.0" of "layer1.0.conv.weight" for depth 2; the whole name when it has fewer parts.
std::string prefix(const std::string& name, std::int64_t depth) {
    std::size_t end = 0;
    for (std::int64_t i = 0; i < depth && end != std::string::npos; ++i) end = name.find('.', end == 0 ? 0 : end + 1);
    return name.substr(0, end);
}

struct Row {
    std::string name, type, shape;
    std::int64_t params = 0, n_tensors = 0;
};

std::string shape_text(const at::Tensor& tensor) {
    std::string out;
    for (const std::int64_t n : tensor.sizes()) out += (out.empty() ? "" : " x ") + std::to_string(n);
    return out.empty() ? "1" : out;
}

const char* type_of(const dv::NamedTensor& t) {
    if (!t.trainable) return "buffer";
    return t.tensor.requires_grad() ? "parameter" : "frozen";
}

/// A table of a model's tensors when fit starts, and what they come to. As Lightning's ModelSummary.
struct ModelSummary final : dv::TorchCallback, dv::OnFitStart {
    std::int64_t max_depth = 1;
    static constexpr auto params = dv::schema(
        dv::p("max_depth", &ModelSummary::max_depth, 1,
              "parts of a tensor's name by which tensors are put together in one line; -1: a line each, 0: totals only",
              dv::at_least{-1}));

    void on_fit_start(const dv::RunView&, dv::Answer&) override {
        const std::vector<dv::NamedTensor> tensors = training().parameters();
        info((max_depth == 0 ? std::string() : table(rows(tensors))) + totals(tensors));
    }

private:
    std::vector<Row> rows(const std::vector<dv::NamedTensor>& tensors) const {
        std::vector<Row> out;
        for (const dv::NamedTensor& t : tensors) {
            const std::string name = max_depth < 0 ? t.name : prefix(t.name, max_depth);
            auto row = std::find_if(out.begin(), out.end(), [&](const Row& r) { return r.name == name; });
            if (row == out.end()) row = out.insert(out.end(), Row{name, type_of(t), shape_text(t.tensor)});
            if (t.trainable) row->params += t.tensor.numel();
            if (row->type != type_of(t)) row->type = "mixed";
            ++row->n_tensors;
        }
        for (Row& row : out) {
            if (row.n_tensors > 1) row.shape = std::to_string(row.n_tensors) + " tensors";
        }
        return out;
    }

    static std::string table(const std::vector<Row>& rows) {
        std::size_t name = 4, shape = 5, params = 6;
        for (const Row& r : rows) {
            name = std::max(name, r.name.size()), shape = std::max(shape, r.shape.size());
            params = std::max(params, grouped(r.params).size());
        }
        const auto line = [&](const Row& r, const std::string& count) {
            char head[32];
            std::snprintf(head, sizeof head, "%-9s", r.type.c_str());
            return "  " + r.name + std::string(name - r.name.size(), ' ') + "  " + head + "  " + r.shape +
                   std::string(shape - r.shape.size(), ' ') + "  " + std::string(params - count.size(), ' ') + count +
                   "\n";
        };
        std::string out = line({"name", "type", "shape", 0, 0}, "params");
        for (const Row& r : rows) out += line(r, grouped(r.params));
        return out;
    }

    static std::string totals(const std::vector<dv::NamedTensor>& tensors) {
        std::int64_t trainable = 0, frozen = 0, bytes = 0;
        for (const dv::NamedTensor& t : tensors) {
            bytes += t.tensor.numel() * t.tensor.element_size();
            if (t.trainable) (t.tensor.requires_grad() ? trainable : frozen) += t.tensor.numel();
        }
        char megabytes[32];
        std::snprintf(megabytes, sizeof megabytes, "%.3f", static_cast<double>(bytes) / 1e6);
        return grouped(trainable) + " trainable, " + grouped(frozen) + " non-trainable, " +
               grouped(trainable + frozen) + " total parameters; " + megabytes + " MB with buffers";
    }
};

}  // namespace
DV_COMPONENT(ModelSummary, "dvhost.callback.model_summary", "Prints what a model is made of when fit starts");
