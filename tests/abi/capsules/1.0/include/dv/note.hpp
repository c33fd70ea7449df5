#pragma once
/// From a parameter declaration to the TOML text of a component's note, at compile time.
/// The format is docs/plugin_notes.md; the host's reader is host/registry/note.cpp. Authors do not need this header.

#include <dv/schema.hpp>

namespace dv::detail {

/// Counts, or writes when it has a buffer: each text is produced twice by the same code.
struct TextOut {
    char* buffer = nullptr;
    std::size_t size = 0;

    constexpr void put(char c) {
        if (buffer) buffer[size] = c;
        ++size;
    }
    constexpr void put(std::string_view s) {
        for (char c : s) put(c);
    }
    constexpr void quoted(std::string_view s) {
        put('"');
        for (char c : s) {
            if (c == '"' || c == '\\') put('\\');
            if (c == '\n') {
                put("\\n");
            } else {
                put(c);
            }
        }
        put('"');
    }
    constexpr void integer(std::int64_t v) {
        char digits[20]{};
        int n = 0;
        std::uint64_t rest = v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
        do {
            digits[n++] = static_cast<char>('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (v < 0) put('-');
        while (n > 0) put(digits[--n]);
    }
    /// Shortest decimal that reads back as the same double (defaults are short decimals; 17 digits at most).
    constexpr void real(double v) {
        if (v < 0) {
            put('-');
            v = -v;
        }
        if (v == 0) return put("0.0");
        if (v > 1.7e308) return put("inf");
        int exponent = 0;
        long double scaled = v;
        while (scaled >= 10.0L) scaled = v / power10(++exponent);
        while (scaled < 1.0L) scaled = v * power10(-(--exponent));
        for (int digits = 1; digits <= 18; ++digits) {
            const int shift = digits - 1 - exponent;  // mantissa = v * 10^shift
            const long double m = shift >= 0 ? v * power10(shift) : v / power10(-shift);
            const auto mantissa = static_cast<std::int64_t>(m + 0.5L);
            const long double back = shift >= 0 ? static_cast<long double>(mantissa) / power10(shift)
                                                : static_cast<long double>(mantissa) * power10(-shift);
            if (static_cast<double>(back) == v || digits == 18) return decimal(mantissa, shift);
        }
    }

private:
    static constexpr long double power10(int n) {
        long double r = 1.0L;
        for (int i = 0; i < n; ++i) r *= 10.0L;
        return r;
    }
    /// mantissa * 10^-shift, as 12.5, 0.001 or 1.0e-8.
    constexpr void decimal(std::int64_t mantissa, int shift) {
        if (shift <= 0 && shift > -16) {
            integer(mantissa);
            for (int i = 0; i < -shift; ++i) put('0');
            return put(".0");
        }
        if (shift > 0 && shift <= 6) {
            std::int64_t unit = 1;
            for (int i = 0; i < shift; ++i) unit *= 10;
            integer(mantissa / unit);
            put('.');
            for (std::int64_t rest = mantissa % unit; unit > 1;) {
                unit /= 10;
                put(static_cast<char>('0' + rest / unit));
                rest %= unit;
            }
            return;
        }
        integer(mantissa);
        put(".0e");
        integer(-shift);
    }
};

template <class T>
constexpr void type_name(TextOut& out) {
    if constexpr (is_optional<T>) {
        type_name<typename T::value_type>(out);
    } else if constexpr (is_vector<T>) {
        out.put("list<");
        type_name<typename T::value_type>(out);
        out.put(">");
    } else if constexpr (is_factory<T>) {
        out.put("component<");
        out.put(T::kind_type::dv_iface);
        out.put(">");
    } else if constexpr (Described<T>) {
        out.put("table");
    } else if constexpr (std::same_as<T, bool>) {
        out.put("bool");
    } else if constexpr (std::integral<T>) {
        out.put("int");
    } else if constexpr (std::floating_point<T>) {
        out.put("float");
    } else if constexpr (std::is_enum_v<T>) {
        out.put("enum");
    } else if constexpr (std::same_as<T, std::filesystem::path>) {
        out.put("path");
    } else {
        static_assert(std::same_as<T, std::string>, "this member type cannot be a parameter; see dv/schema.hpp");
        out.put("string");
    }
}

/// Writes `value` as member type T would be written in a manifest.
template <class T, class V>
constexpr void scalar(TextOut& out, const V& value, const ParameterFacts& facts) {
    if constexpr (is_optional<T>) {
        scalar<typename T::value_type>(out, value, facts);
    } else if constexpr (std::is_enum_v<T> && std::is_enum_v<V>) {
        out.quoted(facts.choices[static_cast<std::size_t>(value)]);
    } else if constexpr (std::same_as<V, std::string_view>) {
        out.quoted(value);
    } else if constexpr (std::same_as<T, bool>) {
        out.put(value ? "true" : "false");
    } else if constexpr (std::integral<T>) {
        out.integer(static_cast<std::int64_t>(value));
    } else {
        out.real(static_cast<double>(value));
    }
}

template <class T, class V, std::size_t N>
constexpr void list_default(TextOut& out, const ListDefault<V, N>& fallback, const ParameterFacts& facts) {
    out.put("[");
    for (std::size_t i = 0; i < N; ++i) {
        if (i != 0) out.put(", ");
        scalar<T>(out, fallback.values[i], facts);
    }
    out.put("]");
}

template <class Member, class Default>
constexpr void default_line(TextOut& out, const Default& fallback, const ParameterFacts& facts) {
    if constexpr (std::same_as<Default, unset_t> || std::same_as<Default, table_t>) {
        return;
    } else {
        out.put("default = ");
        if constexpr (std::same_as<Default, empty_t>) {
            out.put("[]");
        } else if constexpr (is_vector<Member>) {
            list_default<typename Member::value_type>(out, fallback, facts);
        } else if constexpr (is_factory<Member>) {
            out.quoted(fallback);
        } else {
            scalar<Member>(out, fallback, facts);
        }
        out.put("\n");
    }
}

constexpr void facts_lines(TextOut& out, const ParameterFacts& f) {
    const auto number = [&](std::string_view key, const std::optional<double>& value) {
        if (!value) return;
        out.put(key);
        out.put(" = ");
        out.real(*value);
        out.put("\n");
    };
    const auto text = [&](std::string_view key, std::string_view value) {
        if (value.empty()) return;
        out.put(key);
        out.put(" = ");
        out.quoted(value);
        out.put("\n");
    };
    number("min", f.min), number("max", f.max), number("above", f.above), number("below", f.below);
    number("multiple_of", f.multiple_of);
    if (f.n_choices > 0) {
        out.put("choices = [");
        for (std::size_t i = 0; i < f.n_choices; ++i) {
            if (i != 0) out.put(", ");
            out.quoted(f.choices[i]);
        }
        out.put("]\n");
    }
    text("unit", f.unit), text("since", f.since), text("deprecated", f.deprecated), text("replace_with", f.replace_with);
    if (f.secret) out.put("secret = true\n");
    if (f.required) out.put("required = true\n");
}

/// The struct whose parameters describe one element of T, or void.
template <class T>
struct nested_of {
    using type = std::conditional_t<Described<T>, T, void>;
};
template <class T>
struct nested_of<std::optional<T>> : nested_of<T> {};
template <class T>
struct nested_of<std::vector<T>> : nested_of<T> {};

/// One [[param]] table per parameter; nested structs as [[param.param]], and so on.
template <class Owner>
constexpr void parameters_text(TextOut& out, std::size_t depth) {
    for_each_parameter<Owner>([&](const auto& q) {
        using Q = std::remove_cvref_t<decltype(q)>;
        using Member = typename Q::member_type;
        using Nested = typename nested_of<Member>::type;
        constexpr bool stays_empty =
            is_optional<Member> || (is_factory<Member> && std::same_as<decltype(q.fallback), unset_t>);
        out.put("[[param");
        for (std::size_t i = 0; i < depth; ++i) out.put(".param");
        out.put("]]\nname = ");
        out.quoted(q.name);
        out.put("\ntype = \"");
        type_name<Member>(out);
        out.put("\"\n");
        if (!q.facts.required) default_line<Member>(out, q.fallback, q.facts);
        if (stays_empty && !q.facts.required) out.put("optional = true\n");
        out.put("doc = ");
        out.quoted(q.doc);
        out.put("\n");
        facts_lines(out, q.facts);
        if constexpr (!std::is_void_v<Nested>) parameters_text<Nested>(out, depth + 1);
    });
}

template <class C>
constexpr std::size_t component_text(char* buffer, std::string_view iface, std::uint32_t version, std::string_view id,
                                     std::string_view doc) {
    TextOut out{buffer};
    out.put("iface = ");
    out.quoted(iface);
    out.put("\niface_version = ");
    out.integer(version);
    out.put("\nid = ");
    out.quoted(id);
    out.put("\ndoc = ");
    out.quoted(doc);
    out.put("\n");
    parameters_text<C>(out, 0);
    return out.size;
}

/// One ELF note, laid out as the gABI wants it: header, owner padded to 4, payload padded to 4.
template <std::size_t Length>
struct Note {
    std::uint32_t owner_size = 7, payload_size = Length, type = 0;
    char owner[8] = "dvhost";
    char payload[(Length + 3) / 4 * 4]{};
};

template <class C, std::size_t Length>
constexpr auto component_note(std::string_view iface, std::uint32_t version, std::string_view id, std::string_view doc) {
    Note<Length> note;
    note.type = 0x44560002u;
    component_text<C>(note.payload, iface, version, id, doc);
    return note;
}

}  // namespace dv::detail
