#pragma once
/// Reads the plain data and the tensors of a Python pickle. Nothing is ever imported, called or built: a global that is not one of
/// PyTorch's few for tensors becomes an opaque value, and so does what the pickle would have made with it.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dvhost::checkpoint {

/// A storage that a pickle names; its bytes lie elsewhere in the file.
struct PickledStorage {
    std::string key;
    at::ScalarType type = at::kFloat;
    std::int64_t n_elements = 0;
};

/// A view of a storage, not yet looked at.
struct PickledTensor {
    const PickledStorage* storage = nullptr;
    std::int64_t offset = 0;
    std::vector<std::int64_t> sizes, strides;
};

/// One unpickled value; cheap to copy, for a pickle may ask for many copies. Texts and containers belong to the Unpickled that they came with; they may refer to each other in circles.
struct UnpickledValue {
    struct Dict;
    struct Sequence;  ///< list or tuple
    struct Global {
        const std::string* name;  ///< "module name"
    };
    struct Opaque {};
    struct None {};
    struct Mark {};
    std::variant<None, bool, std::int64_t, double, const std::string*, const Dict*, const Sequence*, Global,
                 const PickledStorage*, const PickledTensor*, Opaque, Mark>
        value;

    /// Its text, or null when it is none.
    const std::string* text() const {
        const auto* text = as<const std::string*>();
        return text != nullptr ? *text : nullptr;
    }
    /// What a dict holds under a text, or null when this is none or has none.
    const UnpickledValue* find(std::string_view key) const;
    template <class T>
    const T* as() const {
        return std::get_if<T>(&value);
    }
};
struct UnpickledValue::Dict {
    std::vector<std::pair<UnpickledValue, UnpickledValue>> items;
};
struct UnpickledValue::Sequence {
    std::vector<UnpickledValue> items;
};

/// Owns what its value refers to.
struct Unpickled {
    UnpickledValue root;
    std::deque<UnpickledValue::Dict> dicts;
    std::deque<UnpickledValue::Sequence> sequences;
    std::deque<std::string> texts;
    std::deque<PickledStorage> storages;
    std::deque<PickledTensor> tensors;
};

/// Reads one pickle from the front of `bytes` and takes it off. Protocols 0 (in part), 2, 3 and 4. Throws dv::Error for what is cut
/// short, malformed, or needs more than 1e8 steps.
std::unique_ptr<Unpickled> unpickle(std::string_view& bytes);

}  // namespace dvhost::checkpoint
