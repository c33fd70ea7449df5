#include "checkpoint/pickle.hpp"

#include <dv/error.hpp>

#include <bit>
#include <cstring>
#include <limits>
#include <map>

namespace dvhost::checkpoint {

namespace {

// Opcodes of protocol 2, by their names in Python's pickletools.
enum Opcode : char {
    kProto = '\x80',
    kEmptyDict = '}',
    kEmptyList = ']',
    kEmptyTuple = ')',
    kMark = '(',
    kBinUnicode = 'X',
    kBinInt = 'J',
    kBinInt1 = 'K',
    kBinInt2 = 'M',
    kLong1 = '\x8a',
    kBinFloat = 'G',
    kNone = 'N',
    kNewTrue = '\x88',
    kNewFalse = '\x89',
    kTuple = 't',
    kAppends = 'e',
    kSetItems = 'u',
    kGlobal = 'c',
    kReduce = 'R',
    kBinPersId = 'Q',
    kStop = '.'
};

/// The name of PyTorch's storage class for a dtype.
std::string_view storage_class(at::ScalarType type) {
    switch (type) {
        case at::kFloat: return "FloatStorage";
        case at::kDouble: return "DoubleStorage";
        case at::kHalf: return "HalfStorage";
        case at::kBFloat16: return "BFloat16Storage";
        case at::kLong: return "LongStorage";
        case at::kInt: return "IntStorage";
        case at::kShort: return "ShortStorage";
        case at::kChar: return "CharStorage";
        case at::kByte: return "ByteStorage";
        case at::kBool: return "BoolStorage";
        default: throw dv::Error(std::string("a tensor of type ") + c10::toString(type) + " has no storage class in a checkpoint");
    }
}

class Pickler {
public:
    Pickled run(const PickleValue& value) {
        op(kProto);
        out_.bytes += '\x02';
        put(value);
        op(kStop);
        return std::move(out_);
    }

private:
    void op(Opcode code) { out_.bytes += static_cast<char>(code); }
    template <class T>
    void raw(T value) {  // little-endian, as this machine is
        static_assert(std::endian::native == std::endian::little);
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        out_.bytes.append(bytes, sizeof value);
    }
    void global(std::string_view module, std::string_view name) {
        op(kGlobal);
        out_.bytes.append(module).append("\n").append(name).append("\n");
    }
    void text(std::string_view s) {
        op(kBinUnicode);
        raw(static_cast<std::uint32_t>(s.size()));
        out_.bytes.append(s);
    }
    void integer(std::int64_t v) {
        if (v >= 0 && v < 256) {
            op(kBinInt1);
            raw(static_cast<std::uint8_t>(v));
        } else if (v >= 0 && v < 65536) {
            op(kBinInt2);
            raw(static_cast<std::uint16_t>(v));
        } else if (v >= std::numeric_limits<std::int32_t>::min() && v <= std::numeric_limits<std::int32_t>::max()) {
            op(kBinInt);
            raw(static_cast<std::int32_t>(v));
        } else {
            op(kLong1);
            out_.bytes += '\x08';
            raw(v);
        }
    }
    void real(double v) {  // big-endian, unlike the integers
        op(kBinFloat);
        const auto bits = std::bit_cast<std::uint64_t>(v);
        for (int shift = 56; shift >= 0; shift -= 8) out_.bytes += static_cast<char>(bits >> shift & 0xff);
    }
    void pairs(const PickleValue::Pairs& items) {
        if (items.empty()) return;
        op(kMark);
        for (const auto& [key, value] : items) {
            put(key);
            put(value);
        }
        op(kSetItems);
    }
    void empty_ordered_dict() {
        global("collections", "OrderedDict");
        op(kEmptyTuple);
        op(kReduce);
    }
    void sizes(at::IntArrayRef values) {
        op(kMark);
        for (const std::int64_t v : values) integer(v);
        op(kTuple);
    }

    void tensor(const at::Tensor& given) {
        const at::Tensor t = given.detach().cpu();
        global("torch._utils", "_rebuild_tensor_v2");
        op(kMark);
        storage(t);
        integer(t.storage_offset());
        sizes(t.sizes());
        sizes(t.strides());
        op(kNewFalse);  // requires_grad: whoever loads decides
        empty_ordered_dict();  // backward hooks
        op(kTuple);
        op(kReduce);
    }
    void storage(const at::Tensor& t) {
        const auto elements = static_cast<std::int64_t>(t.storage().nbytes() / t.itemsize());
        const auto [found, is_new] = storage_of_.try_emplace(t.storage().data(), out_.storages.size());
        if (is_new) out_.storages.push_back(t);
        op(kMark);
        text("storage");
        global("torch", storage_class(t.scalar_type()));
        text(std::to_string(found->second));
        text("cpu");
        integer(elements);
        op(kTuple);
        op(kBinPersId);
    }

    void put(const PickleValue& v) {
        std::visit([&](const auto& x) { put_one(x); }, v.value);
    }
    void put_one(PickleValue::None) { op(kNone); }
    void put_one(bool b) { op(b ? kNewTrue : kNewFalse); }
    void put_one(std::int64_t i) { integer(i); }
    void put_one(double d) { real(d); }
    void put_one(const std::string& s) { text(s); }
    void put_one(const at::Tensor& t) { tensor(t); }
    void put_one(const PickleValue::List& items) {
        op(kEmptyList);
        if (items.empty()) return;
        op(kMark);
        for (const PickleValue& item : items) put(item);
        op(kAppends);
    }
    void put_one(const PickleValue::Tuple& tuple) {
        op(kMark);
        for (const PickleValue& item : tuple.items) put(item);
        op(kTuple);
    }
    void put_one(const PickleValue::Dict& dict) {
        op(kEmptyDict);
        pairs(dict.items);
    }
    void put_one(const PickleValue::OrderedDict& dict) {
        empty_ordered_dict();
        pairs(dict.items);
    }

    Pickled out_;
    std::map<const void*, std::size_t> storage_of_;
};

}  // namespace

Pickled pickle(const PickleValue& value) { return Pickler().run(value); }

const PickleValue::Pairs* PickleValue::pairs() const {
    if (const auto* dict = as<Dict>()) return &dict->items;
    const auto* ordered = as<OrderedDict>();
    return ordered != nullptr ? &ordered->items : nullptr;
}

const PickleValue::List* PickleValue::items() const {
    if (const auto* tuple = as<Tuple>()) return &tuple->items;
    return as<List>();
}

namespace {

template <class Key>
const PickleValue* find_in(const PickleValue::Pairs* pairs, const Key& key) {
    if (pairs == nullptr) return nullptr;
    for (const auto& [name, value] : *pairs) {
        const auto* held = name.template as<std::conditional_t<std::is_same_v<Key, std::int64_t>, std::int64_t, std::string>>();
        if (held != nullptr && *held == key) return &value;
    }
    return nullptr;
}

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const { return find_in(pairs(), key); }
const PickleValue* PickleValue::find(std::int64_t key) const { return find_in(pairs(), key); }

}  // namespace dvhost::checkpoint
