#include "checkpoint/pytorch_file.hpp"

#include "checkpoint/unpickle.hpp"
#include "checkpoint/zip_directory.hpp"

#include <dv/error.hpp>

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

namespace dvhost::checkpoint {

namespace {

/// The values of a storage: 1-dim, on the CPU.
using Storages = std::map<std::string, at::Tensor>;

at::Tensor from_bytes(const PickledStorage& storage, const void* bytes, std::uint64_t n_bytes) {
    const std::uint64_t item = c10::elementSize(storage.type);
    if (static_cast<std::uint64_t>(storage.n_elements) > n_bytes / item) {
        throw dv::Error("storage '" + storage.key + "' should have " + std::to_string(storage.n_elements) +
                        " elements, and the file has " + std::to_string(n_bytes) + " bytes of it");
    }
    // Any byte may stand for a bool; made of it is one only by a comparison.
    const bool is_bool = storage.type == at::kBool;
    at::Tensor values = at::empty({storage.n_elements}, is_bool ? at::kByte : storage.type);
    if (storage.n_elements > 0)
        std::memcpy(values.mutable_data_ptr(), bytes, static_cast<std::size_t>(storage.n_elements) * item);
    return is_bool ? values.ne(0) : values;
}

/// The view of its storage, if it lies inside.
at::Tensor view_of(const PickledTensor& tensor, const at::Tensor& storage) {
    const auto outside = [] { throw dv::Error("a tensor reaches outside its storage"); };
    if (tensor.sizes.size() != tensor.strides.size() || tensor.sizes.size() > 64)
        throw dv::Error("a tensor's sizes and strides differ in number");
    std::int64_t last = tensor.offset;
    bool is_empty = false;
    if (tensor.offset < 0) outside();
    for (std::size_t d = 0; d < tensor.sizes.size(); ++d) {
        if (tensor.sizes[d] < 0 || tensor.strides[d] < 0) throw dv::Error("a tensor has a negative size or stride");
        is_empty = is_empty || tensor.sizes[d] == 0;
        std::int64_t step = 0;
        if (tensor.sizes[d] > 0 && (__builtin_mul_overflow(tensor.sizes[d] - 1, tensor.strides[d], &step) ||
                                    __builtin_add_overflow(last, step, &last))) {
            outside();
        }
    }
    if (!is_empty && last >= storage.size(0)) outside();
    if (is_empty) return at::empty(tensor.sizes, storage.options());
    return at::as_strided(storage, tensor.sizes, tensor.strides, tensor.offset);
}

const UnpickledValue& dict_at(const UnpickledValue& root, const std::string& key) {
    if (key.empty()) {
        const UnpickledValue* state = root.find("state_dict");
        return state != nullptr && state->as<const UnpickledValue::Dict*>() != nullptr ? *state : root;
    }
    const UnpickledValue* at = &root;
    for (std::size_t begin = 0; begin <= key.size();) {
        const std::size_t end = std::min(key.find('.', begin), key.size());
        const std::string part = key.substr(begin, end - begin);
        const UnpickledValue* next = at->find(part);
        if (next == nullptr) {
            std::string there;
            const auto* dict = at->as<const UnpickledValue::Dict*>();
            for (std::size_t i = 0; dict != nullptr && i < std::min<std::size_t>(8, (*dict)->items.size()); ++i) {
                const std::string* name = (*dict)->items[i].first.text();
                if (name != nullptr) there += (there.empty() ? "'" : ", '") + name->substr(0, 60) + "'";
            }
            throw dv::Error("there is no '" + part + "' (key \"" + key +
                            "\") in it; there are: " + (there.empty() ? "no names" : there));
        }
        at = next;
        begin = end + 1;
    }
    return *at;
}

std::vector<dv::NamedTensor> tensors_in(const UnpickledValue& value,
                                        const std::function<at::Tensor(const PickledStorage&)>& storage) {
    const auto* dict = value.as<const UnpickledValue::Dict*>();
    if (dict == nullptr) throw dv::Error("it holds no dict of tensors where one was expected");
    std::vector<dv::NamedTensor> out;
    for (const auto& [name, held] : (*dict)->items) {
        const auto* tensor = held.as<const PickledTensor*>();
        if (name.text() == nullptr || tensor == nullptr) continue;
        try {
            out.push_back({*name.text(), view_of(**tensor, storage(*(*tensor)->storage)), false});
        } catch (const dv::Error& error) {
            throw dv::Error("'" + *name.text() + "': " + error.what());
        }
    }
    return out;
}

/// An opened zip: its value, and its storages as they are asked for.
class Zip {
public:
    /// `in` is the same file.
    Zip(const std::filesystem::path& file, std::istream& in) : directory_(in), zip_(file.string()) {
        if (zip_.hasRecord("byteorder")) {
            const auto [order, n] = record("byteorder");
            if (std::string_view(static_cast<const char*>(order.get()), n) != "little")
                throw dv::Error("it was written on a big-endian machine");
        }
        const auto [pickle, n_pickle] = record("data.pkl");
        std::string_view bytes(static_cast<const char*>(pickle.get()), n_pickle);
        value_ = unpickle(bytes);
    }
    const UnpickledValue& root() const { return value_->root; }
    at::Tensor storage(const PickledStorage& wanted) {
        at::Tensor& storage = storages_[wanted.key];
        if (!storage.defined()) {
            const auto [data, n] = record("data/" + wanted.key);
            storage = from_bytes(wanted, data.get(), n);
        }
        if (storage.scalar_type() != wanted.type) throw dv::Error("storage '" + wanted.key + "' is of two types");
        return storage;
    }

private:
    /// Its bytes and their number.
    std::pair<at::DataPtr, std::size_t> record(const std::string& name) {
        auto [bytes, n] = zip_.getRecord(name);
        directory_.expect_undamaged(name, bytes.get(), n);
        return {std::move(bytes), n};
    }

    ZipDirectory directory_;
    caffe2::serialize::PyTorchStreamReader zip_;
    std::unique_ptr<Unpickled> value_;
    Storages storages_;
};

std::vector<dv::NamedTensor> read_zip(const std::filesystem::path& file, std::istream& in, const std::string& key) {
    Zip zip(file, in);
    return tensors_in(dict_at(zip.root(), key), [&](const PickledStorage& wanted) { return zip.storage(wanted); });
}

/// The plain part of a value. Containers may refer to each other in circles and share parts: depth and size are bounded.
class Tree {
public:
    explicit Tree(Zip& zip) : zip_(zip) {}
    std::size_t left_out() const { return left_out_; }

    std::optional<PickleValue> of(const UnpickledValue& v, int depth = 0) {
        constexpr int kDeepest = 200;
        constexpr std::size_t kMost = 10'000'000;
        if (depth > kDeepest || ++n_values_ > kMost) throw dv::Error("it is nested too deeply, or holds itself");
        if (v.as<UnpickledValue::None>()) return PickleValue{};
        if (const auto* b = v.as<bool>()) return PickleValue{*b};
        if (const auto* i = v.as<std::int64_t>()) return PickleValue{*i};
        if (const auto* d = v.as<double>()) return PickleValue{*d};
        if (const auto* s = v.text()) return PickleValue{*s};
        if (const auto* t = v.as<const PickledTensor*>()) return PickleValue{view_of(**t, zip_.storage(*(*t)->storage))};
        if (const auto* list = v.as<const UnpickledValue::Sequence*>()) {
            PickleValue::List out;
            for (const UnpickledValue& item : (*list)->items) {
                if (auto kept = of(item, depth + 1)) out.push_back(std::move(*kept));
            }
            return PickleValue{std::move(out)};
        }
        if (const auto* dict = v.as<const UnpickledValue::Dict*>()) {
            PickleValue::Dict out;
            for (const auto& [key, held] : (*dict)->items) {
                auto name = of(key, depth + 1);
                auto kept = of(held, depth + 1);
                if (name && kept) out.items.emplace_back(std::move(*name), std::move(*kept));
            }
            return PickleValue{std::move(out)};
        }
        ++left_out_;
        return std::nullopt;
    }

private:
    Zip& zip_;
    std::size_t n_values_ = 0, left_out_ = 0;
};

/// Four pickles (magic number, protocol, system, value), one with the list of storages, then each storage: its number of elements as
/// int64, and its values. Source: torch/serialization.py, _legacy_save.
std::vector<dv::NamedTensor> read_stream(std::string_view bytes, const std::string& key) {
    unpickle(bytes);
    const auto protocol = unpickle(bytes);
    const auto* version = protocol->root.as<std::int64_t>();
    if (version == nullptr || *version != 1001) throw dv::Error("it is no file of torch.save");
    const auto system = unpickle(bytes);
    const UnpickledValue* little = system->root.find("little_endian");
    if (little != nullptr && little->as<bool>() != nullptr && !*little->as<bool>())
        throw dv::Error("it was written on a big-endian machine");
    const auto value = unpickle(bytes);
    const auto order = unpickle(bytes);
    const auto* keys = order->root.as<const UnpickledValue::Sequence*>();
    if (keys == nullptr) throw dv::Error("the list of its storages is missing");

    std::map<std::string, const PickledStorage*, std::less<>> known;
    for (const PickledStorage& s : value->storages) known.emplace(s.key, &s);
    Storages storages;
    for (const UnpickledValue& k : (*keys)->items) {
        const std::string* name = k.text();
        const auto found = name != nullptr ? known.find(*name) : known.end();
        // Where a storage is of a type that is not read, nobody can say where the next begins.
        if (found == known.end()) throw dv::Error("a storage in it is not described");
        const PickledStorage& s = *found->second;
        std::int64_t n = 0;
        if (bytes.size() < sizeof n) throw dv::Error("it is cut short");
        std::memcpy(&n, bytes.data(), sizeof n);
        bytes.remove_prefix(sizeof n);
        const std::uint64_t item = c10::elementSize(s.type);
        if (n < 0 || static_cast<std::uint64_t>(n) > bytes.size() / item)
            throw dv::Error("it is cut short in storage '" + s.key + "'");
        if (n != s.n_elements) throw dv::Error("storage '" + s.key + "' has two sizes");
        storages[s.key] = from_bytes(s, bytes.data(), bytes.size());
        bytes.remove_prefix(static_cast<std::size_t>(n) * item);
    }
    return tensors_in(dict_at(value->root, key), [&](const PickledStorage& wanted) {
        const auto found = storages.find(wanted.key);
        if (found == storages.end()) throw dv::Error("its values are not in the file");
        if (found->second.scalar_type() != wanted.type) throw dv::Error("storage '" + wanted.key + "' is of two types");
        return found->second;
    });
}

}  // namespace

namespace {

/// Calls `read` with the opened file and whether it is a zip; what goes wrong names the file and what was wanted of it.
template <class Read>
auto reading(const std::filesystem::path& file, const std::string& purpose, const Read& read) {
    const auto refuse = [&](const std::string& why) -> dv::IoError {
        return dv::IoError("cannot " + purpose + " " + file.string() + ": " + why);
    };
    std::ifstream in(file, std::ios::binary);
    if (!in) throw refuse("it cannot be read");
    try {
        char first[2] = {};
        in.read(first, sizeof first);
        const bool is_zip = first[0] == 'P' && first[1] == 'K';
        in.clear();
        in.seekg(0);
        return read(in, is_zip);
    } catch (const c10::Error& error) {
        throw refuse("its zip is damaged (" + std::string(error.what_without_backtrace()) + ")");
    } catch (const dv::Error& error) {
        throw refuse(error.what());
    } catch (const std::exception& error) {
        throw refuse(error.what());
    }
}

}  // namespace

std::vector<dv::NamedTensor> read_pytorch(const std::filesystem::path& file, const std::string& key) {
    return reading(file, "take weights from", [&](std::istream& in, bool is_zip) {
        if (is_zip) return read_zip(file, in, key);
        const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        return read_stream(bytes, key);
    });
}

PickleValue read_pytorch_tree(const std::filesystem::path& file, std::size_t* left_out) {
    return reading(file, "read the checkpoint", [&](std::istream& in, bool is_zip) {
        if (!is_zip) throw dv::Error("it is no torch.save file of PyTorch 1.6 or later");
        Zip zip(file, in);
        Tree tree(zip);
        std::optional<PickleValue> root = tree.of(zip.root());
        if (!root || root->pairs() == nullptr) throw dv::Error("it holds no dict");
        if (left_out != nullptr) *left_out = tree.left_out();
        return std::move(*root);
    });
}

}  // namespace dvhost::checkpoint
