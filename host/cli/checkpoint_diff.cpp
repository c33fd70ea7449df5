#include "cli/checkpoint_file.hpp"
#include "cli/options.hpp"
#include "cli/table.hpp"
#include "registry/printable.hpp"

#include <ATen/ops/maximum.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <optional>

namespace dvhost::cli {

namespace {

using checkpoint::PickleValue;

/// What two files are compared by; paths like "optimizer_states.0.state.3.exp_avg".
struct Flat {
    std::map<std::string, at::Tensor> tensors;
    std::map<std::string, std::string> values;
};

/// How long a run took, where its files lie and what its manifest's text was say nothing about where training is.
bool is_circumstance(const std::string& path, const PickleValue& value) {
    if (path == "dvhost.elapsed" || path == "dvhost.threads" || path == "dvhost.manifest") return true;
    return path.starts_with("callbacks.") && (value.as<std::string>() != nullptr || path.find('/') != std::string::npos);
}

std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

void flatten(const PickleValue& value, const std::string& path, Flat& out) {
    const std::string below = path.empty() ? "" : path + ".";
    if (const auto* tensor = value.as<at::Tensor>()) {
        out.tensors.emplace(path, *tensor);
    } else if (const auto* pairs = value.pairs()) {
        for (const auto& [key, held] : *pairs) {
            const auto* name = key.as<std::string>();
            const auto* index = key.as<std::int64_t>();
            if (name != nullptr || index != nullptr) flatten(held, below + (name != nullptr ? *name : std::to_string(*index)), out);
        }
    } else if (const auto* items = value.items()) {
        for (std::size_t i = 0; i < items->size(); ++i) flatten((*items)[i], below + std::to_string(i), out);
    } else if (!is_circumstance(path, value)) {
        std::string text = "none";
        if (const auto* b = value.as<bool>()) text = *b ? "true" : "false";
        if (const auto* i = value.as<std::int64_t>()) text = std::to_string(*i);
        if (const auto* d = value.as<double>()) text = number_text(*d);
        if (const auto* s = value.as<std::string>()) text = "\"" + registry::printable(*s, 60) + "\"";
        out.values.emplace(path, text);
    }
}

/// Everything of a checkpoint; the weights alone when one of the files has nothing else.
Flat flat(const CheckpointFile& file, bool weights_alone) {
    Flat out;
    if (!weights_alone) {
        flatten(file.tree, "", out);
        return out;
    }
    for (const dv::NamedTensor& t : weights_of(file)) out.tensors.emplace(t.name, t.tensor);
    return out;
}

struct Difference {
    double absolute = 0.0;  ///< the largest
    double relative = 0.0;  ///< the largest, to the larger of two values
};

/// Both of one shape. A NaN equals a NaN only; what differs in that is infinitely far apart.
Difference difference(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    if (x.numel() == 0) return {};
    if (x.isnan().ne(y.isnan()).any().item<bool>()) {
        return {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    }
    // Equal infinities have no difference that could be computed.
    const at::Tensor same = x.eq(y).logical_or(x.isnan());
    const at::Tensor apart = x.sub(y).abs().masked_fill(same, 0.0);
    const at::Tensor larger = at::maximum(x.abs(), y.abs());
    return {apart.max().item<double>(), apart.div(larger).masked_fill(same, 0.0).max().item<double>()};
}

std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
}

struct Report {
    std::vector<std::vector<std::string>> rows;
    double largest = 0.0;
    std::size_t n_equal = 0;  ///< tensors
};

void compare_tensors(const Flat& a, const Flat& b, double tolerance, Report& out) {
    for (const auto& [name, tensor] : a.tensors) {
        const std::string shown = registry::printable(name, 200);
        const auto other = b.tensors.find(name);
        if (other == b.tensors.end()) {
            out.rows.push_back({"only in A", shown, dtype_name(tensor.scalar_type()) + " " + shape_text(tensor)});
        } else if (tensor.sizes() != other->second.sizes()) {
            out.rows.push_back({"shape", shown, shape_text(tensor) + " and " + shape_text(other->second)});
        } else if (tensor.scalar_type() != other->second.scalar_type()) {
            out.rows.push_back({"dtype", shown, dtype_name(tensor.scalar_type()) + " and " + dtype_name(other->second.scalar_type())});
        } else {
            const Difference d = difference(tensor, other->second);
            out.largest = std::max(out.largest, d.absolute);
            if (d.absolute <= tolerance) {
                ++out.n_equal;
            } else {
                out.rows.push_back({"values", shown, "by up to " + short_number(d.absolute) + ", relative " + short_number(d.relative)});
            }
        }
    }
    for (const auto& [name, tensor] : b.tensors) {
        if (a.tensors.contains(name)) continue;
        out.rows.push_back({"only in B", registry::printable(name, 200), dtype_name(tensor.scalar_type()) + " " + shape_text(tensor)});
    }
}

/// Numbers within the tolerance are equal.
bool is_same(const std::string& a, const std::string& b, double tolerance) {
    if (a == b) return true;
    char *end_a = nullptr, *end_b = nullptr;
    const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
    return *end_a == '\0' && *end_b == '\0' && std::abs(x - y) <= tolerance;
}

void compare_values(const Flat& a, const Flat& b, double tolerance, Report& out) {
    for (const auto& [name, value] : a.values) {
        const auto other = b.values.find(name);
        const std::string shown = registry::printable(name, 200);
        if (other == b.values.end()) {
            out.rows.push_back({"only in A", shown, value});
        } else if (!is_same(value, other->second, tolerance)) {
            out.rows.push_back({"value", shown, value + " and " + other->second});
        }
    }
    for (const auto& [name, value] : b.values) {
        if (!a.values.contains(name)) out.rows.push_back({"only in B", registry::printable(name, 200), value});
    }
}

}  // namespace

int checkpoint_diff(const Arguments& arguments) {
    namespace po = boost::program_options;
    double tolerance = 0.0;
    po::options_description description("Options");
    description.add_options()("file", po::value<std::vector<std::string>>()->value_name("FILE"), "the two files, A and B")(
        "tolerance", po::value(&tolerance)->value_name("X"), "numbers that are so near count as equal; otherwise only equal ones do")(
        "weights", "only the models' tensors");
    po::variables_map values;
    if (!parse(arguments, "checkpoint diff", description, "file", values)) return 0;
    const auto names = values.count("file") > 0 ? values["file"].as<std::vector<std::string>>() : std::vector<std::string>();
    if (names.size() != 2) throw UsageError("which two files? e.g. `dvhost checkpoint diff a.ckpt b.ckpt`");
    if (!(tolerance >= 0.0)) throw UsageError("--tolerance must be 0 or more");

    const CheckpointFile a = read_checkpoint_file(names[0]), b = read_checkpoint_file(names[1]);
    const bool weights_alone = values.count("weights") > 0 || !a.is_checkpoint() || !b.is_checkpoint();
    const Flat left = flat(a, weights_alone), right = flat(b, weights_alone);
    Report report;
    compare_tensors(left, right, tolerance, report);
    compare_values(left, right, tolerance, report);
    std::cout << "A  " << a.path.string() << " (" << a.kind_text() << ")\nB  " << b.path.string() << " (" << b.kind_text() << ")\n";
    for (const CheckpointFile* file : {&a, &b}) {
        if (file->left_out > 0) std::cout << file->path.string() << ": " << file->left_out_text() << "\n";
    }
    if (weights_alone) std::cout << "compared: weights alone\n";
    std::cout << "\n" << aligned(report.rows);
    std::cout << report.n_equal << " tensors are equal" << (tolerance > 0 ? " within " + short_number(tolerance) : "") << ", "
              << report.rows.size() << " differences; the largest is " << short_number(report.largest) << "\n";
    return report.rows.empty() ? 0 : 1;
}

}  // namespace dvhost::cli
