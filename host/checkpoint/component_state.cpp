#include "checkpoint/component_state.hpp"

#include <string>
#include <vector>

namespace dvhost::checkpoint {

namespace {

std::string text(dv_str s) { return std::string(s.p, s.n); }
dv_str borrow(std::string_view s) { return {s.data(), s.size()}; }

/// The tables that are open, outermost first; each with the name that it will have in the one before.
struct Writer {
    std::vector<std::pair<std::string, PickleValue::Pairs>> open{{"", {}}};

    static Writer& of(void* self) { return *static_cast<Writer*>(self); }
    static void put(void* self, dv_str key, PickleValue value) {
        of(self).open.back().second.emplace_back(PickleValue{text(key)}, std::move(value));
    }
};

const PickleValue& behind(const dv_node* node) { return *reinterpret_cast<const PickleValue*>(node); }
const dv_node* handle(const PickleValue* value) { return reinterpret_cast<const dv_node*>(value); }

std::int32_t kind(const dv_node* node) noexcept {
    const PickleValue& v = behind(node);
    if (v.as<bool>()) return DV_KIND_BOOL;
    if (v.as<std::int64_t>()) return DV_KIND_INT;
    if (v.as<double>()) return DV_KIND_FLOAT;
    if (v.as<std::string>()) return DV_KIND_STRING;
    if (v.items()) return DV_KIND_LIST;
    if (v.as<at::Tensor>() && v.as<at::Tensor>()->numel() == 1) return DV_KIND_FLOAT;  // as Lightning keeps scores
    return v.pairs() ? DV_KIND_TABLE : 0;  // none, or a tensor: of no kind that a component asks for
}
const dv_node* get(const dv_node* table, dv_str key) noexcept {
    return handle(behind(table).find(std::string_view(key.p, key.n)));
}
std::uint64_t count(const dv_node* node) noexcept {
    const PickleValue& v = behind(node);
    return v.items() ? v.items()->size() : v.pairs() ? v.pairs()->size() : 0;
}
const dv_node* item(const dv_node* node, std::uint64_t i) noexcept {
    if (i >= count(node)) return nullptr;
    const PickleValue& v = behind(node);
    return handle(v.items() ? &(*v.items())[i] : &(*v.pairs())[i].second);
}
dv_str key(const dv_node* table, std::uint64_t i) noexcept {
    const PickleValue::Pairs* pairs = behind(table).pairs();
    if (pairs == nullptr || i >= pairs->size()) return {"", 0};
    const auto* name = (*pairs)[i].first.as<std::string>();
    return name ? borrow(*name) : dv_str{"", 0};
}
template <class T, class Out>
dv_status take(const dv_node* node, Out* out) noexcept {
    const T* value = behind(node).as<T>();
    if (value == nullptr) return DV_WRONG_TYPE;
    *out = static_cast<Out>(*value);
    return DV_OK;
}

}  // namespace

PickleValue written_state(const std::function<void(const dv_state_out&)>& save) {
    Writer writer;
    const dv_state_out out{
        sizeof(dv_state_out),
        0,
        &writer,
        [](void* self, dv_str key) { Writer::put(self, key, {}); },
        [](void* self, dv_str key, std::int32_t value) { Writer::put(self, key, {value != 0}); },
        [](void* self, dv_str key, std::int64_t value) { Writer::put(self, key, {value}); },
        [](void* self, dv_str key, double value) { Writer::put(self, key, {value}); },
        [](void* self, dv_str key, dv_str value) { Writer::put(self, key, {text(value)}); },
        [](void* self, dv_str key) { Writer::of(self).open.emplace_back(text(key), PickleValue::Pairs{}); },
        [](void* self) {
            auto [name, pairs] = std::move(Writer::of(self).open.back());
            Writer::of(self).open.pop_back();
            Writer::put(self, borrow(name), {PickleValue::Dict{std::move(pairs)}});
        },
    };
    save(out);
    return {PickleValue::Dict{std::move(writer.open.front().second)}};
}

dv_config state_view(const PickleValue& value) {
    return {sizeof(dv_config), 0, handle(&value), kind, get, count, item, key,
            [](const dv_node* n, std::int32_t* out) noexcept { return take<bool>(n, out); },
            [](const dv_node* n, std::int64_t* out) noexcept { return take<std::int64_t>(n, out); },
            [](const dv_node* n, double* out) noexcept {
                if (const auto* t = behind(n).as<at::Tensor>()) {
                    *out = t->item<double>();
                    return dv_status{DV_OK};
                }
                return behind(n).as<std::int64_t>() ? take<std::int64_t>(n, out) : take<double>(n, out);
            },
            [](const dv_node* n, dv_str* out) noexcept {
                const auto* s = behind(n).as<std::string>();
                if (s == nullptr) return dv_status{DV_WRONG_TYPE};
                *out = borrow(*s);
                return dv_status{DV_OK};
            },
            [](const dv_node*, dv_where* out) noexcept {
                out->line = out->column = 0;
                out->origin = borrow("checkpoint");
            }};
}

}  // namespace dvhost::checkpoint
