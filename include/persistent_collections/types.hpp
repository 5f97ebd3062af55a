/// \file
/// The C++ types that can be stored, and their stored types; others do not compile, and the
/// message says what to use.
#ifndef PERSISTENT_COLLECTIONS_TYPES_HPP
#define PERSISTENT_COLLECTIONS_TYPES_HPP

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "array_view.hpp"
#include "durations.hpp"
#include "scalars.hpp"

namespace pc {

template <class Lazy> class basic_any_value;
/// A value of any type; see pc::basic_any_value.
using any_value = basic_any_value<void>;

/// Says whether a plain struct may be stored by its bytes, as `opaque[n]`. Specialise it for your
/// struct:
///
/// ```cpp
/// struct point {
///     std::int32_t x, y;
/// };
/// template <> struct pc::is_opaque<point> : std::true_type {};
///
/// int main() {
///     pc::environment env("data");
///     pc::dict<std::string, point> places(env, "places");
///     places.put("here", {1, 2});
///     assert(places.at("here").y == 2);
/// }
/// ```
///
/// The struct must be trivially copyable and have no pointers. Other programs see the bytes of its
/// memory. As a key, it must have no padding and no floating-point members, and sorts by its bytes.
template <class T> struct is_opaque : std::false_type {};

/// \cond internal
namespace detail {

/// The stored type of a C++ type.
enum class sort {
    none,
    integer,
    real,
    boolean,
    text,
    bytes,
    uuid,
    date,
    datetime,
    array,
    opaque,
    tuple,
    any
};

template <class T> struct always_false : std::false_type {};

template <class T>
inline constexpr bool is_character = std::is_same_v<T, char> || std::is_same_v<T, wchar_t> ||
                                     std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>
#ifdef __cpp_char8_t
                                     || std::is_same_v<T, char8_t>
#endif
    ;

template <class T> struct integer_of { using type = T; };
template <class T>
using integer_of_t =
    typename std::conditional_t<std::is_enum_v<T>, std::underlying_type<T>, integer_of<T>>::type;

template <class T, bool = std::is_enum_v<T>>
inline constexpr bool is_integer =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_character<T> && sizeof(T) <= 8;
template <class T>
inline constexpr bool is_integer<T, true> = !std::is_same_v<std::underlying_type_t<T>, bool>;

template <class T> inline constexpr bool is_real = std::is_same_v<T, float> || std::is_same_v<T, double>;
template <class T> inline constexpr bool is_number = is_integer<T> || is_real<T>;

/// The elements and dimensions of arrays.
template <class T> struct array_of {
    static constexpr bool is_array = false;
    static constexpr bool is_fixed = false;
    static constexpr std::size_t count = 1;
    using number = T;
    static void append_dimensions(std::string &) {}
};
template <class T, std::size_t N> struct array_of<std::array<T, N>> {
    using inner = array_of<T>;
    static constexpr bool is_array = N != 0 && (inner::is_array ? inner::is_fixed : is_number<T>);
    static constexpr bool is_fixed = true;
    static constexpr std::size_t count = N * inner::count;
    using number = typename inner::number;
    static void append_dimensions(std::string &out) {
        if (out.back() != '[')
            out += ',';
        out += std::to_string(N);
        inner::append_dimensions(out);
    }
};
template <class T> struct array_of<std::vector<T>> {
    static constexpr bool is_array = is_number<T>;
    static constexpr bool is_fixed = false;
    static constexpr std::size_t count = 0;
    using number = T;
    static void append_dimensions(std::string &) {}
};
template <class T> struct array_of<array_view<T>> : array_of<std::vector<T>> {};

template <class T> struct tuple_of : std::false_type {};
template <class... T> struct tuple_of<std::tuple<T...>> : std::true_type {};
template <class A, class B> struct tuple_of<std::pair<A, B>> : std::true_type {};

template <class T> struct optional_of : std::false_type {};
template <class T> struct optional_of<std::optional<T>> : std::true_type {};

template <class T> struct chrono_of : std::false_type {};
template <class Clock, class Duration>
struct chrono_of<std::chrono::time_point<Clock, Duration>> : std::true_type {};
template <class Rep, class Period> struct chrono_of<std::chrono::duration<Rep, Period>> : std::true_type {};

template <class T> constexpr sort sort_of() {
    if constexpr (std::is_same_v<T, bool>)
        return sort::boolean;
    else if constexpr (is_integer<T>)
        return sort::integer;
    else if constexpr (is_real<T>)
        return sort::real;
    else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>)
        return sort::text;
    else if constexpr (std::is_same_v<T, std::vector<std::byte>> || std::is_same_v<T, array_view<std::byte>>)
        return sort::bytes;
    else if constexpr (std::is_same_v<T, uuid>)
        return sort::uuid;
    else if constexpr (std::is_same_v<T, date>)
        return sort::date;
    else if constexpr (std::is_same_v<T, datetime>)
        return sort::datetime;
    else if constexpr (std::is_same_v<T, any_value>)
        return sort::any;
    else if constexpr (is_opaque<T>::value)
        return sort::opaque;
    else if constexpr (array_of<T>::is_array)
        return sort::array;
    else if constexpr (tuple_of<T>::value)
        return sort::tuple;
    else
        return sort::none;
}

template <class T> inline constexpr bool is_view = std::is_same_v<T, std::string_view>;
template <class T> inline constexpr bool is_view<array_view<T>> = true;

/// The owning type for a view: the type of results without memory to point to.
template <class T> struct owned { using type = T; };
template <> struct owned<std::string_view> { using type = std::string; };
template <class T> struct owned<array_view<T>> { using type = std::vector<T>; };
template <class T> using owned_t = typename owned<T>::type;

template <class T> constexpr bool is_scalar() {
    constexpr sort what = sort_of<T>();
    return what != sort::none && what != sort::array && what != sort::opaque && what != sort::tuple &&
           what != sort::any && !is_view<T>;
}

template <class T> struct elements_are_scalars : std::false_type {};
template <class... T>
struct elements_are_scalars<std::tuple<T...>>
    : std::bool_constant<(sizeof...(T) != 0) && (is_scalar<T>() && ...)> {};
template <class A, class B>
struct elements_are_scalars<std::pair<A, B>> : std::bool_constant<is_scalar<A>() && is_scalar<B>()> {};

/// Refuses types that cannot be stored, by name. It is true, so that it can be a constant that is
/// evaluated first.
template <class T> constexpr bool check_storable() {
    using bare = std::decay_t<T>;
    static_assert(
        !std::is_reference_v<T> && !std::is_const_v<T> && !std::is_volatile_v<T>,
        "persistent_collections: a stored type has no const, volatile or reference; name the plain type");
    static_assert(!std::is_pointer_v<bare> || !(is_character<std::remove_cv_t<std::remove_pointer_t<bare>>>),
                  "persistent_collections: a pointer to characters cannot be stored; use std::string");
    static_assert(
        !std::is_pointer_v<bare> || is_character<std::remove_cv_t<std::remove_pointer_t<bare>>>,
        "persistent_collections: a pointer cannot be stored, since it means nothing in another process; "
        "store what it points to");
    static_assert(
        !optional_of<T>::value,
        "persistent_collections: a std::optional cannot be stored; leave the key out where there is no "
        "value, or use pc::any_value, which can be null");
    static_assert(
        !chrono_of<T>::value,
        "persistent_collections: a std::chrono time point or duration cannot be stored, since its epoch "
        "and unit would be lost; use pc::datetime or pc::date, or an integer");
    static_assert(!is_character<T>,
                  "persistent_collections: a character type cannot be stored; use std::string for text, "
                  "std::int8_t or std::uint8_t for a number");
    static_assert(
        !std::is_same_v<T, long double>,
        "persistent_collections: long double cannot be stored, since it differs between machines; use "
        "double");
    static_assert(
        !std::is_same_v<T, std::vector<bool>>,
        "persistent_collections: std::vector<bool> cannot be stored; use std::vector<std::uint8_t>");
    constexpr bool plain = std::is_class_v<T> && std::is_trivially_copyable_v<T> && !is_view<T> &&
                           !optional_of<T>::value && !chrono_of<T>::value && !tuple_of<T>::value &&
                           !array_of<T>::is_fixed;
    static_assert(
        !plain || sort_of<T>() != sort::none,
        "persistent_collections: a struct is stored by its bytes only where that is asked for: specialise "
        "pc::is_opaque for it as std::true_type");
    static_assert(
        !is_opaque<T>::value || (std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>),
        "persistent_collections: pc::is_opaque is for structs that are trivially copyable and have a "
        "default constructor");
    constexpr bool named = std::is_pointer_v<bare> || optional_of<T>::value || chrono_of<T>::value ||
                           is_character<T> || std::is_same_v<T, long double> ||
                           std::is_same_v<T, std::vector<bool>> || plain || std::is_reference_v<T> ||
                           std::is_const_v<T> || std::is_volatile_v<T>;
    static_assert(
        named || sort_of<T>() != sort::none,
        "persistent_collections: this type cannot be stored; types that can are bool, integers, float, "
        "double, std::string, std::vector<std::byte>, pc::uuid, pc::date, pc::datetime, std::vector and "
        "std::array of numbers, std::tuple of these as a key, structs with pc::is_opaque, and "
        "pc::any_value for everything else");
    return sort_of<T>() != sort::none;
}

template <class T> constexpr bool check_key_type() {
    constexpr bool storable = check_storable<T>();
    static_assert(!storable || sort_of<T>() != sort::array,
                  "persistent_collections: an array of numbers cannot be a key; use a std::tuple, or "
                  "std::vector<std::byte>");
    static_assert(
        !storable || sort_of<T>() != sort::tuple || elements_are_scalars<T>::value,
        "persistent_collections: the elements of a std::tuple as a key are bool, integers, float, double, "
        "std::string, std::vector<std::byte>, pc::uuid, pc::date or pc::datetime; tuples that nest are "
        "keys of pc::any_value");
    static_assert(
        !storable || sort_of<T>() != sort::opaque || std::has_unique_object_representations_v<T>,
        "persistent_collections: a struct with padding or floating-point members cannot be a key, since "
        "equal ones can have different bytes; use a std::tuple");
    return storable;
}

template <class T> constexpr bool check_value_type() {
    constexpr bool storable = check_storable<T>();
    static_assert(
        !storable || sort_of<T>() != sort::tuple,
        "persistent_collections: a std::tuple or std::pair can be a key, not a value; use pc::any_value, "
        "or a struct with pc::is_opaque");
    return storable && sort_of<T>() != sort::tuple;
}

template <class T> void append_type(std::string &out);

template <class T> void append_number(std::string &out) {
    using number = integer_of_t<T>;
    out += is_real<T> ? 'f' : std::is_signed_v<number> ? 'i' : 'u';
    out += std::to_string(8 * sizeof(T));
}

template <class Tuple, std::size_t... At> void append_elements(std::string &out, std::index_sequence<At...>) {
    ((out += At == 0 ? '(' : ',', append_type<std::tuple_element_t<At, Tuple>>(out)), ...);
    out += ')';
}

template <class T> void append_type(std::string &out) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::integer || what == sort::real) {
        append_number<T>(out);
    } else if constexpr (what == sort::array) {
        append_number<typename array_of<T>::number>(out);
        out += '[';
        array_of<T>::append_dimensions(out);
        out += ']';
    } else if constexpr (what == sort::opaque) {
        out += "opaque[" + std::to_string(sizeof(T)) + "]";
    } else if constexpr (what == sort::tuple) {
        append_elements<T>(out, std::make_index_sequence<std::tuple_size_v<T>>());
    } else {
        out += what == sort::boolean    ? "bool"
               : what == sort::text     ? "str"
               : what == sort::bytes    ? "bytes"
               : what == sort::uuid     ? "uuid"
               : what == sort::date     ? "date"
               : what == sort::datetime ? "datetime"
                                        : "any";
    }
}

} // namespace detail
/// \endcond

/// Returns the stored type of a C++ type, as in the schema.
///
/// ```cpp
/// assert(pc::type_name<std::string>() == "str");
/// assert((pc::type_name<std::array<float, 768>>() == "f32[768]"));
/// assert((pc::type_name<std::tuple<std::string, std::int64_t>>() == "(str,i64)"));
/// ```
template <class T> [[nodiscard]] const std::string &type_name() {
    static_assert(detail::check_storable<T>());
    static const std::string name = [] {
        std::string made;
        detail::append_type<T>(made);
        return made;
    }();
    return name;
}

} // namespace pc

#endif
