#include "logging/note.hpp"

#include <dv/error.hpp>

#include <cstring>
#include <type_traits>

namespace dvhost::logging {

namespace {

/// Each field's bytes, one after the other; texts and lists with their length before them. The same list of fields writes
/// and reads, so the two cannot differ.
class Writer {
public:
    std::string bytes;

    template <class T>
    requires std::is_arithmetic_v<T>
    void field(const T& value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    template <class Sequence>
    requires(!std::is_arithmetic_v<Sequence>)
    void field(const Sequence& value) {
        field(static_cast<std::uint64_t>(value.size()));
        bytes.append(reinterpret_cast<const char*>(value.data()), value.size() * sizeof value[0]);
    }
};

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    template <class T>
    requires std::is_arithmetic_v<T>
    void field(T& value) {
        take(&value, sizeof value);
    }
    template <class Sequence>
    requires(!std::is_arithmetic_v<Sequence>)
    void field(Sequence& value) {
        std::uint64_t size = 0;
        field(size);
        if (size > bytes_.size() / sizeof value[0]) torn();
        value.resize(size);
        take(value.data(), size * sizeof value[0]);
    }

private:
    void take(void* to, std::size_t size) {
        if (size > bytes_.size()) torn();
        if (size > 0) std::memcpy(to, bytes_.data(), size);
        bytes_.remove_prefix(size);
    }
    [[noreturn]] static void torn() { throw dv::Error("what was logged beside the numbers is torn"); }

    std::string_view bytes_;
};

void fields(auto& io, auto& note) {
    using T = std::remove_cvref_t<decltype(note)>;
    io.field(note.name);
    if constexpr (std::is_same_v<T, TextNote>) {
        io.field(note.text);
    } else if constexpr (std::is_same_v<T, ArtifactNote>) {
        io.field(note.path);
    } else if constexpr (std::is_same_v<T, ImageNote>) {
        io.field(note.png), io.field(note.channels), io.field(note.width), io.field(note.height);
    } else {
        io.field(note.limits), io.field(note.counts);
        io.field(note.min), io.field(note.max), io.field(note.sum), io.field(note.sum_squares), io.field(note.count);
    }
}

template <std::size_t I = 0>
Note decode_alternative(std::uint32_t kind, Reader& in) {
    if constexpr (I == std::variant_size_v<Note>) {
        throw dv::Error("something unknown was logged beside the numbers, by a newer version");
    } else {
        if (kind != I) return decode_alternative<I + 1>(kind, in);
        std::variant_alternative_t<I, Note> note{};
        fields(in, note);
        return note;
    }
}

}  // namespace

std::string encode(const Note& note) {
    Writer out;
    out.field(static_cast<std::uint32_t>(note.index()));
    std::visit([&](const auto& alternative) { fields(out, alternative); }, note);
    return std::move(out.bytes);
}

Note decode(std::string_view bytes) {
    Reader in(bytes);
    std::uint32_t kind = 0;
    in.field(kind);
    return decode_alternative(kind, in);
}

}  // namespace dvhost::logging
