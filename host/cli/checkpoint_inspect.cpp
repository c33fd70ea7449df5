#include "cli/checkpoint_file.hpp"
#include "cli/options.hpp"
#include "cli/table.hpp"
#include "registry/printable.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <iostream>
#include <map>

namespace dvhost::cli {

namespace {

using checkpoint::PickleValue;
using Json = nlohmann::ordered_json;

std::string key_text(const PickleValue& key) {
    if (const auto* s = key.as<std::string>()) return *s;
    if (const auto* i = key.as<std::int64_t>()) return std::to_string(*i);
    return "?";
}

Json json_of(const PickleValue& value) {
    if (const auto* b = value.as<bool>()) return *b;
    if (const auto* i = value.as<std::int64_t>()) return *i;
    if (const auto* d = value.as<double>()) return std::isfinite(*d) ? Json(*d) : Json(std::to_string(*d));
    if (const auto* s = value.as<std::string>()) return registry::printable(*s);
    if (const auto* t = value.as<at::Tensor>()) return {{"dtype", dtype_name(t->scalar_type())}, {"shape", t->sizes().vec()}};
    if (const auto* items = value.items()) {
        Json out = Json::array();
        for (const PickleValue& item : *items) out.push_back(json_of(item));
        return out;
    }
    if (const auto* pairs = value.pairs()) {
        Json out = Json::object();
        for (const auto& [key, held] : *pairs) out[registry::printable(key_text(key))] = json_of(held);
        return out;
    }
    return nullptr;
}

/// What a dict holds under `key`; an empty object when it holds none.
Json json_at(const PickleValue& tree, const char* key) {
    const PickleValue* value = tree.find(key);
    return value != nullptr ? json_of(*value) : Json::object();
}

/// Where training was, by whatever the file says of it.
Json counters(const CheckpointFile& file) {
    Json out = Json::object();
    for (const char* key : {"epoch", "global_step"}) {
        if (const PickleValue* value = file.tree.find(key)) out[key] = json_of(*value);
    }
    const PickleValue* own = file.tree.find("dvhost");
    const PickleValue* progress = own != nullptr ? own->find("progress") : nullptr;
    if (progress == nullptr || progress->pairs() == nullptr) return out;
    for (const auto& [key, value] : *progress->pairs()) {
        if (!out.contains(key_text(key)) && key_text(key) != "moment") out[registry::printable(key_text(key))] = json_of(value);
    }
    if (const PickleValue* elapsed = own->find("elapsed")) out["elapsed_s"] = json_of(*elapsed);
    return out;
}

/// Each optimizer's groups, and how many tensors of each kind of state it has.
Json optimizers(const PickleValue& tree) {
    Json out = Json::array();
    const PickleValue* states = tree.find("optimizer_states");
    if (states == nullptr || states->items() == nullptr) return out;
    for (const PickleValue& one : *states->items()) {
        Json groups = Json::array();
        const PickleValue* listed = one.find("param_groups");
        if (listed != nullptr && listed->items() != nullptr) {
            for (const PickleValue& group : *listed->items()) {
                Json options = json_of(group);
                if (options.contains("params")) options["params"] = options["params"].size();
                groups.push_back(std::move(options));
            }
        }
        std::map<std::string, std::int64_t> held;
        const PickleValue* state = one.find("state");
        if (state != nullptr && state->pairs() != nullptr) {
            for (const auto& [index, entries] : *state->pairs()) {
                if (entries.pairs() == nullptr) continue;
                for (const auto& [key, value] : *entries.pairs()) ++held[registry::printable(key_text(key))];
            }
        }
        out.push_back({{"groups", std::move(groups)}, {"state", held}});
    }
    return out;
}

Json described(const CheckpointFile& file) {
    Json out{{"file", file.path.string()}, {"kind", file.kind_text()}, {"left_out", file.left_out}};
    Json tensors = Json::array();
    for (const dv::NamedTensor& t : weights_of(file)) {
        tensors.push_back({{"name", registry::printable(t.name)}, {"dtype", dtype_name(t.tensor.scalar_type())}, {"shape", t.tensor.sizes().vec()}});
    }
    if (file.is_checkpoint()) {
        out["keys"] = Json::array();
        for (const auto& [key, value] : *file.tree.pairs()) out["keys"].push_back(registry::printable(key_text(key)));
        out["counters"] = counters(file);
        out["optimizers"] = optimizers(file.tree);
        out["lr_schedulers"] = json_at(file.tree, "lr_schedulers");
        out["callbacks"] = json_at(file.tree, "callbacks");
        out["hyper_parameters"] = json_at(file.tree, "hyper_parameters");
        out["datamodule_hyper_parameters"] = json_at(file.tree, "datamodule_hyper_parameters");
    }
    out["tensors"] = std::move(tensors);
    return out;
}

// ---- As people read it -------------------------------------------------------------------------------------------------------

using Rows = std::vector<std::vector<std::string>>;

/// A plain value; text without quotes, a list or table in one line of at most 100 characters.
std::string plain(const Json& value) {
    if (value.is_string()) return registry::printable(value.get<std::string>(), 100);
    return registry::printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 100);
}

/// A table's entries, nested ones with their path.
void add_rows(Rows& rows, const Json& table, const std::string& prefix) {
    for (const auto& [key, value] : table.items()) {
        if (value.is_object() && !value.empty()) {
            add_rows(rows, value, prefix + key + ".");
        } else {
            rows.push_back({prefix + key, plain(value)});
        }
    }
}

void print_section(const std::string& title, const Json& table) {
    if (!table.is_object() || table.empty()) return;
    Rows rows;
    add_rows(rows, table, "");
    std::cout << "\n" << title << "\n" << aligned(rows, "  ");
}

void print_optimizers(const Json& optimizers) {
    for (std::size_t i = 0; i < optimizers.size(); ++i) {
        std::cout << "\noptimizer " << i << "\n";
        Rows rows;
        for (std::size_t g = 0; g < optimizers[i]["groups"].size(); ++g) {
            add_rows(rows, optimizers[i]["groups"][g], optimizers[i]["groups"].size() == 1 ? "" : "group " + std::to_string(g) + ".");
        }
        for (const auto& [key, n] : optimizers[i]["state"].items()) rows.push_back({"state " + key, "of " + n.dump() + " parameters"});
        std::cout << aligned(rows, "  ");
    }
}

void print_text(const CheckpointFile& file, const Json& all) {
    Rows head{{"file", file.path.string()}, {"kind", file.kind_text()}};
    if (file.left_out > 0) head.push_back({"left out", file.left_out_text()});
    if (all.contains("keys")) {
        std::string keys;
        for (const Json& key : all["keys"]) keys += (keys.empty() ? "" : ", ") + key.get<std::string>();
        head.push_back({"keys", keys});
    }
    std::cout << aligned(head);
    print_section("counters", all.value("counters", Json()));
    print_optimizers(all.value("optimizers", Json::array()));
    const Json callbacks = all.value("callbacks", Json::object());
    for (const auto& [key, state] : callbacks.items()) print_section("callback " + key, state);
    print_section("hyper-parameters of the model", all.value("hyper_parameters", Json()));
    print_section("hyper-parameters of the data", all.value("datamodule_hyper_parameters", Json()));

    Rows rows;
    std::int64_t n_values = 0, n_bytes = 0;
    for (const dv::NamedTensor& t : weights_of(file)) {
        rows.push_back({registry::printable(t.name, 200), dtype_name(t.tensor.scalar_type()), shape_text(t.tensor)});
        n_values += t.tensor.numel();
        n_bytes += static_cast<std::int64_t>(t.tensor.nbytes());
    }
    std::cout << "\ntensors: " << rows.size() << ", with " << n_values << " values in " << n_bytes << " bytes\n" << aligned(rows, "  ");
}

}  // namespace

int checkpoint_inspect(const Arguments& arguments) {
    boost::program_options::options_description description("Options");
    description.add_options()("file", boost::program_options::value<std::string>()->value_name("FILE"),
                              "a checkpoint, a file of PyTorch, or safetensors")("json", "for programs");
    boost::program_options::variables_map values;
    if (!parse(arguments, "checkpoint inspect", description, "file", values)) return 0;
    if (values.count("file") == 0) throw UsageError("which file? e.g. `dvhost checkpoint inspect runs/quickstart/version_0/checkpoints/last.ckpt`");
    const CheckpointFile file = read_checkpoint_file(values["file"].as<std::string>());
    const Json all = described(file);
    if (values.count("json") > 0) {
        std::cout << all.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    } else {
        print_text(file, all);
    }
    return 0;
}

}  // namespace dvhost::cli
