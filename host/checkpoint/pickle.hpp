#pragma once
/// Writes the subset of Python's pickle protocol 2 that `torch.load(weights_only=True)` accepts: plain data, ordered maps, tensors.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dvhost::checkpoint {

/// A value to pickle.
struct PickleValue {
    using List = std::vector<PickleValue>;
    struct Tuple {
        List items;
    };
    using Pairs = std::vector<std::pair<PickleValue, PickleValue>>;
    struct Dict {
        Pairs items;
    };
    /// collections.OrderedDict, as PyTorch's state dicts are.
    struct OrderedDict {
        Pairs items;
    };
    struct None {};
    std::variant<None, bool, std::int64_t, double, std::string, List, Tuple, Dict, OrderedDict, at::Tensor> value;

    template <class T>
    const T* as() const {
        return std::get_if<T>(&value);
    }
    /// The entries of a dict or an ordered dict; null for anything else.
    const Pairs* pairs() const;
    /// The elements of a list or a tuple; null for anything else.
    const List* items() const;
    /// What a dict holds under a text or a number; null when this is none or has none.
    const PickleValue* find(std::string_view key) const;
    const PickleValue* find(std::int64_t key) const;
};

struct Pickled {
    std::string bytes;                 ///< the data.pkl member
    std::vector<at::Tensor> storages;  ///< CPU tensors, one per data/<i> member; each covers its storage from the start
};

/// Tensors on other devices are copied to the CPU. Tensors that share a storage share one member.
/// Throws dv::Error for a tensor whose dtype has no PyTorch storage class here, naming it.
Pickled pickle(const PickleValue& value);

}  // namespace dvhost::checkpoint
