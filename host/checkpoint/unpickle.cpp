#include "checkpoint/unpickle.hpp"

#include <dv/error.hpp>

#include <bit>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace dvhost::checkpoint {

const UnpickledValue* UnpickledValue::find(std::string_view key) const {
    const auto* dict = as<const Dict*>();
    if (dict == nullptr) return nullptr;
    for (const auto& [name, held] : (*dict)->items) {
        const std::string* text = name.text();
        if (text != nullptr && *text == key) return &held;
    }
    return nullptr;
}

namespace {

using Value = UnpickledValue;

[[noreturn]] void malformed(const std::string& what) { throw dv::Error("its pickle is malformed: " + what); }

std::optional<at::ScalarType> storage_type(std::string_view global) {
    static constexpr std::pair<std::string_view, at::ScalarType> kTypes[] = {
        {"torch FloatStorage", at::kFloat}, {"torch DoubleStorage", at::kDouble},
        {"torch HalfStorage", at::kHalf},   {"torch BFloat16Storage", at::kBFloat16},
        {"torch LongStorage", at::kLong},   {"torch IntStorage", at::kInt},
        {"torch ShortStorage", at::kShort}, {"torch CharStorage", at::kChar},
        {"torch ByteStorage", at::kByte},   {"torch BoolStorage", at::kBool}};
    for (const auto& [name, type] : kTypes) {
        if (global == name || (global.starts_with("torch.cuda ") && global.substr(11) == name.substr(6))) return type;
    }
    return std::nullopt;
}

class Machine {
public:
    explicit Machine(std::string_view& bytes) : bytes_(bytes), out_(std::make_unique<Unpickled>()) {}

    std::unique_ptr<Unpickled> run() {
        constexpr std::int64_t kMaxSteps = 100'000'000;
        for (std::int64_t steps = 0; steps < kMaxSteps; ++steps) {
            const char op = take(1)[0];
            if (op == '.') {
                out_->root = pop();
                return std::move(out_);
            }
            if (!plain(op) && !container(op) && !memo(op) && !object(op)) {
                malformed("operation " + std::to_string(static_cast<unsigned char>(op)) +
                          " is not among those that are read");
            }
        }
        malformed("it does not end");
    }

private:
    // ---- Bytes -----------------------------------------------------------------------------------------------------------
    std::string_view take(std::uint64_t n) {
        if (n > bytes_.size()) malformed("it is cut short");
        const std::string_view front = bytes_.substr(0, n);
        bytes_.remove_prefix(n);
        return front;
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string line() {
        const std::size_t end = bytes_.find('\n');
        if (end == std::string_view::npos) malformed("it is cut short");
        std::string text(take(end));
        take(1);
        return text;
    }
    /// A Python int of n bytes; opaque when it does not fit.
    Value integer(std::uint64_t n) {
        const std::string_view digits = take(n);
        if (n > 8) return {Value::Opaque{}};
        std::uint64_t bits = n > 0 && (digits.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
        for (std::size_t i = digits.size(); i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(digits[i]);
        return {static_cast<std::int64_t>(bits)};
    }

    // ---- Stack -----------------------------------------------------------------------------------------------------------
    void push(Value value) { stack_.push_back(std::move(value)); }
    Value pop() {
        if (stack_.empty()) malformed("it takes from an empty stack");
        Value top = std::move(stack_.back());
        stack_.pop_back();
        return top;
    }
    Value& top() {
        if (stack_.empty()) malformed("it looks at an empty stack");
        return stack_.back();
    }
    std::vector<Value> pop_to_mark() {
        for (std::size_t i = stack_.size(); i-- > 0;) {
            if (stack_[i].as<Value::Mark>() == nullptr) continue;
            std::vector<Value> items(std::make_move_iterator(stack_.begin() + static_cast<std::ptrdiff_t>(i) + 1),
                                     std::make_move_iterator(stack_.end()));
            stack_.resize(i);
            return items;
        }
        malformed("a mark is missing");
    }
    void push_sequence(std::vector<Value> items) {
        push({static_cast<const Value::Sequence*>(&out_->sequences.emplace_back(Value::Sequence{std::move(items)}))});
    }
    const std::string* kept(std::string text) { return &out_->texts.emplace_back(std::move(text)); }
    void push_text(std::string_view text) { push({kept(std::string(text))}); }
    void push_tuple(std::size_t n) {
        std::vector<Value> items(n);
        for (std::size_t i = n; i-- > 0;) items[i] = pop();
        push_sequence(std::move(items));
    }
    void push_dict() { push({static_cast<const Value::Dict*>(&out_->dicts.emplace_back())}); }
    void append(std::vector<Value> items) {
        // All containers are ours; they are const to those who read.
        if (const auto* list = top().as<const Value::Sequence*>()) {
            auto& all = const_cast<Value::Sequence*>(*list)->items;
            all.insert(all.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
        } else if (top().as<Value::Opaque>() == nullptr) {
            malformed("it appends to what is no list");
        }
    }
    void set_items(std::vector<Value> pairs) {
        if (pairs.size() % 2 != 0) malformed("a key has no value");
        if (const auto* dict = top().as<const Value::Dict*>()) {
            for (std::size_t i = 0; i < pairs.size(); i += 2) {
                const_cast<Value::Dict*>(*dict)->items.emplace_back(std::move(pairs[i]), std::move(pairs[i + 1]));
            }
        } else if (top().as<Value::Opaque>() == nullptr) {
            malformed("it sets items of what is no dict");
        }
    }

    // ---- Operations, by their codes in Python's pickletools --------------------------------------------------------------
    bool plain(char op) {
        switch (op) {
            case '\x80': take(1); return true;                                     // PROTO
            case '\x95': take(8); return true;                                     // FRAME
            case 'N': push({Value::None{}}); return true;                          // NONE
            case '\x88': push({true}); return true;                                // NEWTRUE
            case '\x89': push({false}); return true;                               // NEWFALSE
            case 'J': push({std::int64_t{number<std::int32_t>()}}); return true;   // BININT
            case 'K': push({std::int64_t{number<std::uint8_t>()}}); return true;   // BININT1
            case 'M': push({std::int64_t{number<std::uint16_t>()}}); return true;  // BININT2
            case '\x8a': push(integer(number<std::uint8_t>())); return true;       // LONG1
            case '\x8b': push(integer(number<std::uint32_t>())); return true;      // LONG4
            case 'G':
                push({std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>()))});
                return true;                                                     // BINFLOAT
            case 'X': push_text(take(number<std::uint32_t>())); return true;     // BINUNICODE
            case '\x8c': push_text(take(number<std::uint8_t>())); return true;   // SHORT_BINUNICODE
            case '\x8d': push_text(take(number<std::uint64_t>())); return true;  // BINUNICODE8
            case 'U': push_text(take(number<std::uint8_t>())); return true;      // SHORT_BINSTRING
            case 'T': push_text(take(number<std::uint32_t>())); return true;     // BINSTRING
            case 'C':
                take(number<std::uint8_t>());
                push({Value::Opaque{}});
                return true;  // SHORT_BINBYTES
            case 'B':
                take(number<std::uint32_t>());
                push({Value::Opaque{}});
                return true;  // BINBYTES
            case '\x8e':
                take(number<std::uint64_t>());
                push({Value::Opaque{}});
                return true;  // BINBYTES8
            default: return false;
        }
    }
    bool container(char op) {
        switch (op) {
            case '(': push({Value::Mark{}}); return true;  // MARK
            case '0': pop(); return true;                  // POP
            case '1': pop_to_mark(); return true;          // POP_MARK
            case '2': push(top()); return true;            // DUP
            case ')': push_sequence({}); return true;      // EMPTY_TUPLE
            case ']': push_sequence({}); return true;      // EMPTY_LIST
            case '}': push_dict(); return true;            // EMPTY_DICT
            case '\x8f': push_sequence({}); return true;   // EMPTY_SET
            case '\x85': push_tuple(1); return true;       // TUPLE1
            case '\x86': push_tuple(2); return true;       // TUPLE2
            case '\x87': push_tuple(3); return true;       // TUPLE3
            case 't':
            case 'l':
            case '\x91': push_sequence(pop_to_mark()); return true;  // TUPLE, LIST, FROZENSET
            case 'd': {                                              // DICT
                std::vector<Value> pairs = pop_to_mark();
                push_dict();
                set_items(std::move(pairs));
                return true;
            }
            case 'a': {  // APPEND
                Value item = pop();
                append({std::move(item)});
                return true;
            }
            case 'e':
            case '\x90': append(pop_to_mark()); return true;  // APPENDS, ADDITEMS
            case 's': {                                       // SETITEM
                Value value = pop(), key = pop();
                set_items({std::move(key), std::move(value)});
                return true;
            }
            case 'u': set_items(pop_to_mark()); return true;  // SETITEMS
            default: return false;
        }
    }
    bool memo(char op) {
        switch (op) {
            case 'q': memo_[number<std::uint8_t>()] = top(); return true;                       // BINPUT
            case 'r': memo_[number<std::uint32_t>()] = top(); return true;                      // LONG_BINPUT
            case '\x94': memo_[static_cast<std::uint32_t>(memo_.size())] = top(); return true;  // MEMOIZE
            case 'h': push(remembered(number<std::uint8_t>())); return true;                    // BINGET
            case 'j': push(remembered(number<std::uint32_t>())); return true;                   // LONG_BINGET
            default: return false;
        }
    }
    const Value& remembered(std::uint32_t key) const {
        const auto found = memo_.find(key);
        if (found == memo_.end()) malformed("it recalls what it has not stored");
        return found->second;
    }
    bool object(char op) {
        switch (op) {
            case 'c': {  // GLOBAL
                std::string module = line();
                push({Value::Global{kept(std::move(module) + " " + line())}});
                return true;
            }
            case '\x93': {  // STACK_GLOBAL
                const Value name = pop(), module = pop();
                const std::string *n = name.text(), *m = module.text();
                if (n == nullptr || m == nullptr) malformed("a global is not named by texts");
                push({Value::Global{kept(*m + " " + *n)}});
                return true;
            }
            case 'R':
            case '\x81': {  // REDUCE, NEWOBJ
                const Value arguments = pop(), callable = pop();
                push(made_of(callable, arguments));
                return true;
            }
            case 'b':
                pop();
                top();
                return true;  // BUILD: an object's attributes are not looked at
            case 'Q': {       // BINPERSID
                const Value id = pop();
                push(storage_of(id));
                return true;
            }
            default: return false;
        }
    }

    // ---- What PyTorch puts into a pickle ---------------------------------------------------------------------------------
    static const std::vector<Value>* items_of(const Value& value) {
        const auto* sequence = value.as<const Value::Sequence*>();
        return sequence != nullptr ? &(*sequence)->items : nullptr;
    }
    Value made_of(const Value& callable, const Value& arguments) {
        const auto* global = callable.as<Value::Global>();
        const std::vector<Value>* args = items_of(arguments);
        if (global == nullptr || args == nullptr) return {Value::Opaque{}};
        if (*global->name == "collections OrderedDict") return ordered_dict(*args);
        if (*global->name == "torch._utils _rebuild_tensor_v2" || *global->name == "torch._utils _rebuild_tensor")
            return tensor_of(*args);
        if (global->name->starts_with("torch._utils _rebuild_parameter") && !args->empty()) return (*args)[0];
        return {Value::Opaque{}};
    }
    Value ordered_dict(const std::vector<Value>& args) {
        auto& dict = out_->dicts.emplace_back();
        if (!args.empty()) {  // Python 2 wrote the pairs as an argument
            const std::vector<Value>* pairs = items_of(args[0]);
            for (std::size_t i = 0; pairs != nullptr && i < pairs->size(); ++i) {
                const std::vector<Value>* pair = items_of((*pairs)[i]);
                if (pair != nullptr && pair->size() == 2) dict.items.emplace_back((*pair)[0], (*pair)[1]);
            }
        }
        return {static_cast<const Value::Dict*>(&dict)};
    }
    /// (storage, offset, sizes, strides, ...)
    Value tensor_of(const std::vector<Value>& args) {
        if (args.size() < 4) malformed("a tensor lacks its parts");
        const auto* storage = args[0].as<const PickledStorage*>();
        const auto* offset = args[1].as<std::int64_t>();
        if (storage == nullptr) return {Value::Opaque{}};  // of a type that is not read
        if (offset == nullptr) malformed("a tensor has no offset");
        PickledTensor tensor{*storage, *offset, integers(args[2]), integers(args[3])};
        return {static_cast<const PickledTensor*>(&out_->tensors.emplace_back(std::move(tensor)))};
    }
    static std::vector<std::int64_t> integers(const Value& value) {
        const std::vector<Value>* items = items_of(value);
        if (items == nullptr) malformed("a tensor has no shape");
        std::vector<std::int64_t> out;
        for (const Value& item : *items) {
            const auto* n = item.as<std::int64_t>();
            if (n == nullptr) malformed("a shape is not made of integers");
            out.push_back(*n);
        }
        return out;
    }
    /// ("storage", torch.FloatStorage, key, location, number of elements, [view])
    Value storage_of(const Value& id) {
        const std::vector<Value>* parts = items_of(id);
        if (parts == nullptr || parts->size() < 5) malformed("a storage is not described as PyTorch does");
        const auto* global = (*parts)[1].as<Value::Global>();
        const std::string* key = (*parts)[2].text();
        const auto* n = (*parts)[4].as<std::int64_t>();
        if (global == nullptr || key == nullptr || n == nullptr || *n < 0)
            malformed("a storage is not described as PyTorch does");
        const std::optional<at::ScalarType> type = storage_type(*global->name);
        if (!type) return {Value::Opaque{}};
        return {static_cast<const PickledStorage*>(&out_->storages.emplace_back(PickledStorage{*key, *type, *n}))};
    }

    std::string_view& bytes_;
    std::unique_ptr<Unpickled> out_;
    std::vector<Value> stack_;
    std::unordered_map<std::uint32_t, Value> memo_;
};

}  // namespace

std::unique_ptr<Unpickled> unpickle(std::string_view& bytes) { return Machine(bytes).run(); }

}  // namespace dvhost::checkpoint
