#include "cli/checkpoint_file.hpp"

#include "checkpoint/pytorch_file.hpp"
#include "checkpoint/safetensors.hpp"
#include "registry/printable.hpp"

#include <dv/error.hpp>

#include <c10/core/ScalarType.h>

#include <fstream>

namespace dvhost::cli {

namespace {

using checkpoint::PickleValue;
using Kind = CheckpointFile::Kind;

enum class Container { zip, safetensors, stream };

Container container_of(const std::filesystem::path& path) {
    if (std::filesystem::is_directory(path)) throw dv::IoError("cannot read " + path.string() + ": it is a folder; name a file in it");
    std::ifstream in(path, std::ios::binary);
    if (!in) throw dv::IoError("cannot read " + path.string() + ": it is not there, or not readable");
    char first[9] = {};
    in.read(first, sizeof first);
    if (in.gcount() == 0) throw dv::IoError("cannot read " + path.string() + ": it is empty");
    if (first[0] == 'P' && first[1] == 'K') return Container::zip;
    return in.gcount() == sizeof first && first[8] == '{' ? Container::safetensors : Container::stream;
}

PickleValue dict_of(const std::vector<dv::NamedTensor>& tensors) {
    PickleValue::Dict out;
    for (const dv::NamedTensor& t : tensors) out.items.emplace_back(PickleValue{t.name}, PickleValue{t.tensor});
    return {std::move(out)};
}

Kind kind_of(const PickleValue& tree) {
    const PickleValue* weights = tree.find("state_dict");
    if (weights == nullptr || weights->pairs() == nullptr) return Kind::weights;
    const PickleValue* own = tree.find("dvhost");
    return own != nullptr && own->find("progress") != nullptr ? Kind::dvhost : Kind::lightning;
}

}  // namespace

std::string CheckpointFile::kind_text() const {
    if (kind == Kind::safetensors) return "safetensors";
    if (kind == Kind::weights) return "tensors saved by PyTorch";
    const PickleValue* own = tree.find("dvhost");
    const PickleValue* format = own != nullptr ? own->find("format") : nullptr;
    if (format != nullptr && format->as<std::int64_t>() != nullptr) {
        return "checkpoint of dvhost, format " + std::to_string(*format->as<std::int64_t>()) +
               (kind == Kind::dvhost ? "" : ", without the state that training goes on from");
    }
    const PickleValue* version = tree.find("pytorch-lightning_version");
    const auto* text = version != nullptr ? version->as<std::string>() : nullptr;
    return text != nullptr ? "checkpoint of Lightning " + registry::printable(*text, 32) : "checkpoint of an unknown program";
}

std::string CheckpointFile::left_out_text() const {
    if (left_out == 0) return {};
    const bool one = left_out == 1;
    return std::to_string(left_out) + (one ? " value in it is neither plain data nor a tensor" : " values in it are neither plain data nor tensors") +
           ": Python would have to run code to make " + (one ? "it, so it was" : "them, so they were") + " left out; nothing was run";
}

CheckpointFile read_checkpoint_file(const std::filesystem::path& path) {
    CheckpointFile out;
    out.path = path;
    switch (container_of(path)) {
        case Container::zip:
            out.tree = checkpoint::read_pytorch_tree(path, &out.left_out);
            out.kind = kind_of(out.tree);
            break;
        case Container::safetensors:
            out.tree = dict_of(checkpoint::read_safetensors(path));
            out.kind = Kind::safetensors;
            break;
        case Container::stream: out.tree = dict_of(checkpoint::read_pytorch(path, "")); break;
    }
    return out;
}

std::vector<dv::NamedTensor> weights_of(const CheckpointFile& file) {
    const PickleValue* held = file.is_checkpoint() ? file.tree.find("state_dict") : &file.tree;
    std::vector<dv::NamedTensor> out;
    for (const auto& [name, value] : *held->pairs()) {
        const auto* tensor = value.as<at::Tensor>();
        if (tensor != nullptr && name.as<std::string>() != nullptr) out.push_back({*name.as<std::string>(), *tensor, false});
    }
    return out;
}

std::string dtype_name(at::ScalarType type) { return c10::getDtypeNames(type).first; }

std::string shape_text(const at::Tensor& tensor) {
    std::string out = "[";
    for (std::int64_t d = 0; d < tensor.dim(); ++d) out += (d == 0 ? "" : ", ") + std::to_string(tensor.size(d));
    return out + "]";
}

}  // namespace dvhost::cli
