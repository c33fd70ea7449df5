#include "checkpoint/weights.hpp"

#include "checkpoint/pytorch_file.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/translations.hpp"

#include <dv/error.hpp>

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

namespace dvhost::checkpoint {

namespace {

using Names = std::vector<std::string>;
using Tensors = std::map<std::string, at::Tensor, std::less<>>;

bool fits_any(const Names& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return dv::matches(p, name); });
}

std::string listed(const Names& names) {
    constexpr std::size_t kShown = 20;
    std::string text;
    for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) text += (i == 0 ? "'" : ", '") + names[i] + "'";
    if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
    return text;
}

std::string shape_text(const at::Tensor& tensor) {
    std::ostringstream text;
    text << tensor.sizes();
    return text.str();
}

/// The translation that the request asks for, its own rules first.
Translation translation_of(const WeightsRequest& request) {
    Translation out;
    if (!request.table.empty()) {
        const std::vector<Translation> all = translations();
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const Translation& t) { return t.name == request.table; });
        if (found == all.end()) {
            throw dv::Error("there is no translation '" + request.table + "' of weights; there are " +
                            listed(translation_names()));
        }
        out = *found;
    }
    out.rules.insert(out.rules.begin(), request.translate.begin(), request.translate.end());
    if (!request.prefix.empty()) out.prefix = request.prefix;
    const Names& keep = request.keep_on_shape_mismatch;
    out.keep_on_shape_mismatch.insert(out.keep_on_shape_mismatch.end(), keep.begin(), keep.end());
    return out;
}

std::string translated(std::string name, const Translation& by) {
    if (name.starts_with(by.prefix)) name.erase(0, by.prefix.size());
    for (const auto& [from, to] : by.rules) {
        if (from.empty() || name.find(from) == std::string::npos) continue;
        std::string out;
        std::size_t at = 0;
        for (std::size_t hit = name.find(from); hit != std::string::npos; hit = name.find(from, at)) {
            out.append(name, at, hit - at).append(to);
            at = hit + from.size();
        }
        return out.append(name, at);
    }
    return name;
}

/// "tau_V1" for DynVision's second name of it, "tstep_V1.tau"; else empty.
std::string alias_of(std::string_view name) {
    constexpr std::string_view begin = "tstep_", end = ".tau";
    if (!name.starts_with(begin) || !name.ends_with(end) || name.size() <= begin.size() + end.size()) return {};
    return "tau_" + std::string(name.substr(begin.size(), name.size() - begin.size() - end.size()));
}

/// The file's tensors under the model's names.
Tensors renamed(const std::vector<dv::NamedTensor>& from_file, const Translation& by, const Tensors& model,
                const std::string& file) {
    Tensors out;
    std::vector<std::pair<std::string, at::Tensor>> aliases;
    for (const dv::NamedTensor& t : from_file) {
        if (t.name.find(".source.") != std::string::npos)
            continue;  // DynVision's connections hold their source layer once more
        const std::string name = translated(t.name, by);
        if (!model.contains(name)) {
            if (name.ends_with(".num_batches_tracked")) continue;
            if (const std::string alias = alias_of(name); !alias.empty() && model.contains(alias)) {
                aliases.emplace_back(alias, t.tensor);
                continue;
            }
        }
        if (!out.emplace(name, t.tensor).second) {
            throw dv::Error(file + ": two of its tensors become '" + name + "': correct weights.translate");
        }
    }
    for (auto& [name, tensor] : aliases) out.emplace(name, std::move(tensor));  // what has its own name goes before
    return out;
}

/// What is to be copied where, and what is not; nothing has changed yet.
struct Plan {
    WeightsReport report;
    std::vector<std::pair<at::Tensor, at::Tensor>> copies;  ///< (to, from)
    std::string shapes;                                     ///< what is wrong with them
    Names not_finite;
};

bool is_finite(const at::Tensor& tensor) {
    return !at::isFloatingType(tensor.scalar_type()) || tensor.isfinite().all().item<bool>();
}

Plan plan_of(const Tensors& model, const Tensors& given, const Translation& by, const Names& match) {
    Plan plan;
    plan.report.trained_after = by.trained_after;
    const auto wanted = [&](const std::string& name) { return match.empty() || fits_any(match, name); };
    for (const auto& [name, own] : model) {
        if (!wanted(name)) continue;
        const auto found = given.find(name);
        if (found == given.end()) {
            if (!fits_any(by.may_miss, name)) plan.report.missing.push_back(name);
        } else if (found->second.sizes() != own.sizes() && !(found->second.numel() == 1 && own.numel() == 1)) {
            if (fits_any(by.keep_on_shape_mismatch, name)) {
                plan.report.kept.push_back(name);
            } else {
                plan.shapes += (plan.shapes.empty() ? "'" : ", '") + name + "' is " + shape_text(found->second) +
                               " in the file and " + shape_text(own) + " in the model";
            }
        } else if (!is_finite(found->second)) {
            plan.not_finite.push_back(name);
        } else {
            plan.report.loaded.push_back(name);
            plan.copies.emplace_back(own, found->second.reshape(own.sizes()));
        }
    }
    for (const auto& [name, tensor] : given) {
        if (wanted(name) && !model.contains(name)) plan.report.unexpected.push_back(name);
    }
    return plan;
}

void refuse_misfits(const Plan& plan, const WeightsRequest& request) {
    std::string wrong;
    const auto add = [&](const std::string& what) { wrong += (wrong.empty() ? "" : "; ") + what; };
    if (!plan.not_finite.empty()) add("not finite (NaN or Inf): " + listed(plan.not_finite));
    if (!plan.shapes.empty())
        add("other shapes: " + plan.shapes + " (weights.keep_on_shape_mismatch keeps the model's own)");
    if (request.strict && !plan.report.missing.empty()) add("not in the file: " + listed(plan.report.missing));
    if (request.strict && !plan.report.unexpected.empty()) add("not in the model: " + listed(plan.report.unexpected));
    if (wrong.empty() && plan.report.loaded.empty()) add("no name in it is one of the model's");
    if (wrong.empty()) return;
    const bool names_differ = request.strict && (!plan.report.missing.empty() || !plan.report.unexpected.empty());
    throw dv::Error(
        "the weights in " + request.path.string() + " do not fit the model: " + wrong +
        (names_differ
             ? ". Translate names with weights.translate or weights.prefix, choose some with weights.match, or load "
               "what fits with weights.strict = false"
             : ""));
}

}  // namespace

std::vector<dv::NamedTensor> read_weights(const std::filesystem::path& path, WeightsFormat format,
                                          const std::string& key) {
    if (format == WeightsFormat::automatic) {
        std::ifstream in(path, std::ios::binary);
        if (!in) throw dv::IoError("cannot read the weights in " + path.string() + ": is the path right?");
        char first[9] = {};
        in.read(first, sizeof first);
        // A length of 8 bytes whose upper half is 0, and the brace that begins a JSON object.
        const bool is_safetensors = in.gcount() == sizeof first && first[8] == '{' && first[4] == 0 && first[5] == 0 &&
                                    first[6] == 0 && first[7] == 0;
        format =
            is_safetensors || path.extension() == ".safetensors" ? WeightsFormat::safetensors : WeightsFormat::pytorch;
    }
    if (format == WeightsFormat::pytorch) return read_pytorch(path, key);
    std::vector<dv::NamedTensor> all = read_safetensors(path);
    if (key.empty()) return all;
    std::vector<dv::NamedTensor> some;
    for (dv::NamedTensor& t : all) {
        if (t.name.starts_with(key + ".")) some.push_back({t.name.substr(key.size() + 1), t.tensor, false});
    }
    return some;
}

std::vector<std::string> translation_names() {
    Names names;
    for (const Translation& t : translations()) names.push_back(t.name);
    return names;
}

WeightsReport load_weights(dv::Model& model, const WeightsRequest& request) {
    const Translation translation = translation_of(request);
    Tensors own;
    for (const dv::NamedTensor& t : model.parameters()) own.emplace(t.name, t.tensor);
    const Tensors given =
        renamed(read_weights(request.path, request.format, request.key), translation, own, request.path.string());
    const Plan plan = plan_of(own, given, translation, request.match);
    refuse_misfits(plan, request);
    const at::NoGradGuard no_grad;
    for (const auto& [to, from] : plan.copies) to.detach().copy_(from);
    return plan.report;
}

std::string WeightsReport::text() const {
    std::string out = std::to_string(loaded.size()) + " tensors";
    if (!kept.empty()) out += "; the model's own are kept, for shapes differ: " + listed(kept);
    if (!missing.empty()) out += "; not in the file: " + listed(missing);
    if (!unexpected.empty()) out += "; left out, for the model has none such: " + listed(unexpected);
    return out;
}

}  // namespace dvhost::checkpoint
