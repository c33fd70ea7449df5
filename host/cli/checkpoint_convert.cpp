#include "checkpoint/checkpoint.hpp"
#include "checkpoint/run_keys.hpp"
#include "checkpoint/safetensors.hpp"
#include "checkpoint/saver.hpp"
#include "cli/checkpoint_file.hpp"
#include "cli/options.hpp"

#include <dv/error.hpp>

#include <iostream>

namespace dvhost::cli {

namespace {

using checkpoint::PickleValue;

enum class Target { safetensors, weights, checkpoint };

Target target_of(const std::string& asked, const std::filesystem::path& out) {
    const std::string name = asked.empty() ? out.extension().string() : "." + asked;
    if (name == ".safetensors") return Target::safetensors;
    if (name == ".pt" || name == ".pth") return Target::weights;
    if (name == ".ckpt") return Target::checkpoint;
    throw UsageError("into what is " + out.string() + " to be made? Its name should end in .safetensors (weights), .pt (weights, for PyTorch) "
                     "or .ckpt (a checkpoint to go on from), or say --to safetensors|pt|ckpt");
}

/// safetensors holds no two views of one memory.
std::vector<dv::NamedTensor> contiguous(std::vector<dv::NamedTensor> tensors) {
    for (dv::NamedTensor& t : tensors) t.tensor = t.tensor.contiguous();
    return tensors;
}

PickleValue state_dict(const std::vector<dv::NamedTensor>& tensors) {
    PickleValue::OrderedDict out;
    for (const dv::NamedTensor& t : tensors) out.items.emplace_back(PickleValue{t.name}, PickleValue{t.tensor.contiguous()});
    return {std::move(out)};
}

/// The same keys, with dvhost's own of today's format: worked out from Lightning's counters where the file has none.
PickleValue current_format(const CheckpointFile& file) {
    if (!file.is_checkpoint()) {
        throw dv::Error(file.path.string() + " holds weights alone, and a checkpoint needs optimizer state and counters: start from it with "
                        "weights.path, or write .safetensors or .pt");
    }
    const auto warn = [](const std::string& text) { std::cerr << "dvhost: " << text << "\n"; };
    const loops::RunState state = checkpoint::take_run_state(file.tree, /*partial=*/false, warn);
    PickleValue::Pairs own{{PickleValue{std::string("format")}, PickleValue{checkpoint::kFormat}}};
    if (const PickleValue* former = file.tree.find("dvhost")) {
        for (const char* kept : {"seed", "manifest", "threads"}) {
            if (const PickleValue* value = former->find(kept)) own.emplace_back(PickleValue{std::string(kept)}, *value);
        }
    }
    checkpoint::put_run_state(own, state);
    PickleValue::Pairs keys;
    for (const auto& [key, value] : *file.tree.pairs()) {
        const auto* name = key.as<std::string>();
        if (name == nullptr || *name == "dvhost") continue;
        keys.emplace_back(key, *name == "state_dict" ? state_dict(weights_of(file)) : value);
    }
    keys.emplace_back(PickleValue{std::string("dvhost")}, PickleValue{PickleValue::Dict{std::move(own)}});
    return {PickleValue::Dict{std::move(keys)}};
}

void write(const CheckpointFile& file, Target target, const std::filesystem::path& out) {
    if (target == Target::checkpoint) return checkpoint::write_file(out, current_format(file));
    const std::vector<dv::NamedTensor> weights = weights_of(file);
    if (weights.empty()) throw dv::Error(file.path.string() + " holds no weights");
    if (target == Target::safetensors) return checkpoint::write_safetensors(out, contiguous(weights), {{"format", "pt"}});
    checkpoint::write_file(out, state_dict(weights));
}

}  // namespace

int checkpoint_convert(const Arguments& arguments) {
    namespace po = boost::program_options;
    std::string to;
    po::options_description description("Options");
    description.add_options()("file", po::value<std::vector<std::string>>()->value_name("FILE"), "the file to read, and the one to write")(
        "to", po::value(&to)->value_name("safetensors|pt|ckpt"), "what to write; otherwise by the name's ending")(
        "force", "replace a file that is there");
    po::variables_map values;
    if (!parse(arguments, "checkpoint convert", description, "file", values)) return 0;
    const auto names = values.count("file") > 0 ? values["file"].as<std::vector<std::string>>() : std::vector<std::string>();
    if (names.size() != 2) throw UsageError("from which file to which? e.g. `dvhost checkpoint convert last.ckpt weights.safetensors`");
    const std::filesystem::path out = names[1];
    const Target target = target_of(to, out);
    if (std::filesystem::exists(out) && values.count("force") == 0) throw UsageError(out.string() + " is there already; --force replaces it");
    const CheckpointFile file = read_checkpoint_file(names[0]);
    if (file.left_out > 0) std::cerr << "dvhost: " << file.path.string() << ": " << file.left_out_text() << "\n";
    write(file, target, out);
    std::cout << out.string() << ": " << weights_of(file).size() << " tensors from " << file.path.string() << " (" << file.kind_text() << ")\n";
    return 0;
}

}  // namespace dvhost::cli
