#pragma once
/// Typed parameters. A component declares each of its parameters once:
///
///     static constexpr auto params = dv::schema(
///         dv::p("path", &Csv::path, "metrics.csv", "output file"),
///         dv::p("every", &Csv::every, 50, "rows between flushes", dv::range{1, 1000}));
///
/// From that declaration come the schema in the plugin's note, the manifest check, the reference page, and the binding to
/// the member. Types are read off the member:
///
///     bool · integers · float, double · std::string · std::filesystem::path (relative to the manifest's folder)
///     an enum class, with dv::choices naming its values in order        (text; "true" and "false": bools)
///     std::optional<T>, default dv::unset                               (absent unless given)
///     std::vector<T>, default dv::list(1, 2)                            (a list)
///     a struct with its own `params`, default dv::table                 (a nested table)
///     std::vector of such structs, default dv::empty                    (a list of tables)
///     dv::Factory<Kind>, default "name" or dv::unset                    (a nested component, see factory.hpp)

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

namespace dv {

inline constexpr std::size_t kMaxChoices = 16;

/// What is known of a parameter besides its type and default. Built by the attributes below.
struct ParameterFacts {
    std::optional<double> min, max, above, below, multiple_of;
    std::array<std::string_view, kMaxChoices> choices{};
    std::size_t n_choices = 0;
    std::string_view unit, since, deprecated, replace_with;
    bool secret = false;
    bool required = false;
};

/// Inclusive bounds.
struct range {
    double lo, hi;
    constexpr void apply(ParameterFacts& f) const { f.min = lo, f.max = hi; }
};
/// Inclusive lower bound.
struct at_least {
    double lo;
    constexpr void apply(ParameterFacts& f) const { f.min = lo; }
};
/// Exclusive lower bound.
struct above {
    double lo;
    constexpr void apply(ParameterFacts& f) const { f.above = lo; }
};
/// Exclusive upper bound.
struct below {
    double hi;
    constexpr void apply(ParameterFacts& f) const { f.below = hi; }
};
struct multiple_of {
    double step;
    constexpr void apply(ParameterFacts& f) const { f.multiple_of = step; }
};
/// The texts a parameter may take; for an enum class, in the order of its values.
template <std::size_t N>
struct choices {
    std::array<std::string_view, N> texts;
    template <class... S>
    constexpr choices(S... s) : texts{std::string_view(s)...} {}
    constexpr void apply(ParameterFacts& f) const {
        static_assert(N <= kMaxChoices, "raise dv::kMaxChoices");
        for (std::size_t i = 0; i < N; ++i) f.choices[i] = texts[i];
        f.n_choices = N;
    }
};
template <class... S>
choices(S...) -> choices<sizeof...(S)>;

/// "ms", "Hz", "samples", ...
struct unit {
    std::string_view text;
    constexpr void apply(ParameterFacts& f) const { f.unit = text; }
};
/// The component's version that brought the parameter.
struct since {
    std::string_view version;
    constexpr void apply(ParameterFacts& f) const { f.since = version; }
};
/// Still read, with a warning that names the replacement.
struct deprecated {
    std::string_view why, replace_with;
    constexpr void apply(ParameterFacts& f) const { f.deprecated = why, f.replace_with = replace_with; }
};
struct secret_t {
    constexpr void apply(ParameterFacts& f) const { f.secret = true; }
};
struct required_t {
    constexpr void apply(ParameterFacts& f) const { f.required = true; }
};
/// Left out of hyper-parameters, logs and checkpoints.
inline constexpr secret_t secret;
/// Must be in the manifest; the default in code is then only a placeholder.
inline constexpr required_t required;

struct unset_t {};
struct table_t {};
struct empty_t {};
inline constexpr unset_t unset;  ///< no default: the std::optional (or the nested component) stays empty
inline constexpr table_t table;  ///< default of a nested table: the defaults of its own parameters
inline constexpr empty_t empty;  ///< default of a list: no elements

template <class T, std::size_t N>
struct ListDefault {
    std::array<T, N> values;
};
/// Default of a list of scalars: dv::list(0.9, 0.999), dv::list("loss", "accuracy").
template <class First, class... Rest>
constexpr auto list(First first, Rest... rest) {
    if constexpr (std::convertible_to<First, std::string_view>) {
        return ListDefault<std::string_view, 1 + sizeof...(Rest)>{{std::string_view(first), std::string_view(rest)...}};
    } else {
        return ListDefault<First, 1 + sizeof...(Rest)>{{first, static_cast<First>(rest)...}};
    }
}

template <class T>
concept Described = requires { T::params; };  ///< a struct that declares parameters

template <class K>
class Factory;

namespace detail {
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_factory = false;
template <class K>
inline constexpr bool is_factory<Factory<K>> = true;

template <class T>
concept TextLike = std::same_as<T, std::string> || std::same_as<T, std::filesystem::path>;

/// Whether `Default` says what a member of type T starts as.
template <class T, class Default>
constexpr bool default_fits() {
    if constexpr (std::same_as<Default, unset_t>) {
        return is_optional<T> || is_factory<T>;
    } else if constexpr (std::same_as<Default, table_t>) {
        return Described<T>;
    } else if constexpr (is_vector<T>) {
        return std::same_as<Default, empty_t> || requires(Default d) { d.values; };
    } else if constexpr (is_optional<T>) {
        return default_fits<typename T::value_type, Default>();
    } else if constexpr (std::same_as<Default, std::string_view>) {
        return TextLike<T> || is_factory<T>;
    } else if constexpr (std::is_enum_v<T>) {
        return std::same_as<T, Default>;
    } else {
        return std::is_arithmetic_v<T> == std::is_arithmetic_v<Default>;
    }
}
}  // namespace detail

template <class Owner, class Member, class Default>
struct Parameter {
    using owner_type = Owner;
    using member_type = Member;
    std::string_view name;
    Member Owner::* member;
    Default fallback;
    std::string_view doc;
    ParameterFacts facts;
};

/// Declares one parameter: its name in the manifest, the member it fills, its default, one line of explanation, and any of
/// the attributes above.
template <class Owner, class Member, class Default, class... Attributes>
constexpr auto p(std::string_view name, Member Owner::* member, Default fallback, std::string_view doc,
                 Attributes... attributes) {
    using Stored = std::conditional_t<std::convertible_to<Default, std::string_view>, std::string_view, Default>;
    static_assert(detail::default_fits<Member, Stored>(),
                  "a parameter's default must suit the type of its member; dv/schema.hpp lists what does");
    ParameterFacts facts;
    (attributes.apply(facts), ...);
    return Parameter<Owner, Member, Stored>{name, member, Stored(fallback), doc, facts};
}

template <class... P>
constexpr auto schema(P... parameters) {
    return std::tuple<P...>{parameters...};
}

/// Calls visit(parameter) for each parameter that Owner declares, in order.
template <class Owner, class Visit>
constexpr void for_each_parameter(const Visit& visit) {
    std::apply([&]([[maybe_unused]] const auto&... parameter) { (visit(parameter), ...); }, Owner::params);
}


}  // namespace dv
