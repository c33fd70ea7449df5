#include "checkpoint/safetensors.hpp"

#include "checkpoint/atomic_file.hpp"

#include <dv/error.hpp>

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <set>

namespace dvhost::checkpoint {

namespace {

using Json = nlohmann::json;
static_assert(std::endian::native == std::endian::little, "safetensors is little-endian, and so is this reader");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // as the reference implementation
constexpr std::size_t kMaxDimensions = 64;

struct TypeName {
    const char* name;
    at::ScalarType type;
};
constexpr TypeName kTypes[] = {{"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
                               {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
                               {"U8", at::kByte},    {"BOOL", at::kBool}};

/// One entry of the header, judged.
struct Entry {
    std::string name;
    at::ScalarType type{};
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0, end = 0;  // in the data
};

class Reader {
public:
    explicit Reader(const std::filesystem::path& file) : file_(file), in_(file, std::ios::binary) {
        std::error_code none;
        size_ = std::filesystem::file_size(file, none);
        if (!in_ || none)
            throw dv::IoError("cannot read " + file.string() + ": " + (none ? none.message() : "no access"));
    }

    std::vector<dv::NamedTensor> run() {
        std::uint64_t header_size = 0;
        read(&header_size, sizeof header_size, "the length of its header");
        if (header_size > kMaxHeader)
            fail("its header would have " + std::to_string(header_size) + " bytes; at most 100 MB are read");
        if (header_size > size_ - sizeof header_size) fail("it ends inside its header");
        std::string text(header_size, '\0');
        read(text.data(), text.size(), "its header");
        n_data_ = size_ - sizeof header_size - header_size;
        std::vector<Entry> entries = judged(parsed(text));
        std::vector<dv::NamedTensor> out;
        for (const Entry& e : entries) out.push_back({e.name, tensor(e), false});
        return out;
    }

private:
    [[noreturn]] void fail(const std::string& what) const {
        throw dv::IoError(file_.string() + " is not a safetensors file that can be used: " + what);
    }
    void read(void* to, std::uint64_t n, const char* what) {
        in_.read(static_cast<char*>(to), static_cast<std::streamsize>(n));
        if (static_cast<std::uint64_t>(in_.gcount()) != n) fail(std::string("it ends inside ") + what);
    }

    Json parsed(const std::string& text) const {
        std::set<std::string> names;
        std::string twice;
        const auto notice = [&](int depth, Json::parse_event_t event, Json& value) {
            if (depth == 1 && event == Json::parse_event_t::key && !names.insert(value.get<std::string>()).second) {
                twice = value.get<std::string>();
            }
            return depth <= 8;  // nothing that is used lies deeper
        };
        Json header = Json::parse(text, notice, /*allow_exceptions=*/false);
        if (header.is_discarded() || !header.is_object()) fail("its header is not a JSON object");
        if (!twice.empty()) fail("'" + twice + "' is in it twice");
        return header;
    }

    std::vector<Entry> judged(const Json& header) const {
        std::vector<Entry> entries;
        for (const auto& [name, value] : header.items()) {
            if (name != "__metadata__") entries.push_back(entry(name, value));
        }
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
            return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
        });
        std::uint64_t next = 0;
        for (const Entry& e : entries) {
            if (e.begin < next) fail("'" + e.name + "' overlaps another tensor");
            if (e.begin > next) fail("there is a gap before '" + e.name + "'");
            next = e.end;
        }
        if (next != n_data_)
            fail("its tensors have " + std::to_string(next) + " bytes, and the file " + std::to_string(n_data_));
        return entries;
    }

    Entry entry(const std::string& name, const Json& value) const {
        const auto wrong = [&](const std::string& what) { fail("'" + name + "' " + what); };
        if (!value.is_object()) wrong("is described by something else than an object");
        const auto dtype = value.find("dtype"), shape = value.find("shape"), offsets = value.find("data_offsets");
        if (dtype == value.end() || !dtype->is_string()) wrong("has no dtype");
        if (shape == value.end() || !shape->is_array() || shape->size() > kMaxDimensions) wrong("has no usable shape");
        if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2) wrong("has no data_offsets");
        Entry out;
        out.name = name;
        const auto& type_name = dtype->get_ref<const std::string&>();
        const auto* type =
            std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) { return type_name == t.name; });
        if (type == std::end(kTypes)) wrong("has the dtype '" + type_name.substr(0, 16) + "', which is not read");
        out.type = type->type;
        std::uint64_t n_bytes = c10::elementSize(out.type);
        bool is_empty = false;
        for (const Json& size : *shape) {
            const std::optional<std::uint64_t> n = natural(size);
            if (!n) wrong("has a shape that is not made of natural numbers");
            is_empty = is_empty || *n == 0;
            out.shape.push_back(static_cast<std::int64_t>(*n));
        }
        for (const std::int64_t n : out.shape) {
            if (is_empty) break;
            if (n_bytes > std::numeric_limits<std::int64_t>::max() / static_cast<std::uint64_t>(n))
                wrong("has a shape that is too large");
            n_bytes *= static_cast<std::uint64_t>(n);
        }
        if (is_empty) n_bytes = 0;
        const std::optional<std::uint64_t> begin = natural((*offsets)[0]), end = natural((*offsets)[1]);
        if (!begin || !end || *begin > *end || *end > n_data_) wrong("lies outside the file");
        if (*end - *begin != n_bytes) {
            wrong("has " + std::to_string(*end - *begin) + " bytes, and its shape and type need " +
                  std::to_string(n_bytes));
        }
        out.begin = *begin;
        out.end = *end;
        return out;
    }

    static std::optional<std::uint64_t> natural(const Json& value) {
        if (!value.is_number_unsigned()) return std::nullopt;
        const auto n = value.get<std::uint64_t>();
        if (n > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
        return n;
    }

    /// Entries come in the order of the data, which has no gaps: the file is read from front to back.
    at::Tensor tensor(const Entry& e) {
        // Any byte may stand for a bool; made of it is one only by a comparison.
        const bool is_bool = e.type == at::kBool;
        at::Tensor out;
        try {
            out = at::empty(e.shape, is_bool ? at::kByte : e.type);
        } catch (const c10::Error&) {
            fail("'" + e.name + "' has a shape that is too large");
        }
        if (e.end > e.begin) read(out.mutable_data_ptr(), e.end - e.begin, ("'" + e.name + "'").c_str());
        return is_bool ? out.ne(0) : out;
    }

    std::filesystem::path file_;
    std::ifstream in_;
    std::uint64_t size_ = 0, n_data_ = 0;
};

}  // namespace

std::vector<dv::NamedTensor> read_safetensors(const std::filesystem::path& file) { return Reader(file).run(); }

void write_safetensors(const std::filesystem::path& file, std::span<const dv::NamedTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::vector<at::Tensor> data;
    std::uint64_t offset = 0;
    for (const dv::NamedTensor& t : tensors) {
        const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                        [&](const TypeName& k) { return k.type == t.tensor.scalar_type(); });
        if (type == std::end(kTypes)) {
            throw dv::Error("'" + t.name + "' is of type " + c10::toString(t.tensor.scalar_type()) +
                            ", which safetensors does not have");
        }
        if (header.contains(t.name)) throw dv::Error("there are two tensors '" + t.name + "'");
        data.push_back(t.tensor.detach().cpu().contiguous());
        const std::uint64_t end = offset + data.back().nbytes();
        header[t.name] = {{"dtype", type->name}, {"shape", t.tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // data begins aligned

    AtomicFile out(file);
    const std::uint64_t size = text.size();
    out.write(&size, sizeof size);
    out.write(text.data(), text.size());
    for (const at::Tensor& t : data) out.write(t.const_data_ptr(), t.nbytes());
    out.commit();
}

}  // namespace dvhost::checkpoint
