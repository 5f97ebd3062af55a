/// \file
/// Self-describing values: the content of a collection of type `any`.
#ifndef PERSISTENT_COLLECTIONS_ANY_VALUE_HPP
#define PERSISTENT_COLLECTIONS_ANY_VALUE_HPP

#include <cmath>
#include <initializer_list>
#include <limits>
#include <memory>
#include <variant>

#include "buffer.hpp"
#include "types.hpp"

namespace pc {

/// Undefined, Julia's `missing`; null is `nullptr`.
struct undefined {
    /// Returns true: all are equal.
    friend bool operator==(undefined, undefined) noexcept { return true; }
    /// Returns false: all are equal.
    friend bool operator!=(undefined, undefined) noexcept { return false; }
};

/// A sequence of values, whose length is part of its meaning. pc::any_value distinguishes it from a list
/// and a set.
struct any_tuple {
    /// The elements.
    std::vector<any_value> items;
};

/// A set of values: they differ from each other, and their order has no meaning.
struct any_set {
    /// The elements.
    std::vector<any_value> items;
};

/// Keys and values, in order of insertion.
struct any_map {
    /// The entries.
    std::vector<std::pair<any_value, any_value>> entries;
};

/// Numbers of one type, as a value of `any`.
struct any_array {
    /// The type of the numbers, one of `PC_ELEMENT_*`.
    std::uint32_t element = PC_ELEMENT_U8;
    /// The numbers, little-endian.
    std::vector<std::byte> bytes;
    /// The dimensions, the last of which varies fastest; empty means one dimension.
    std::vector<std::uint64_t> shape;

    /// Whether two have the same numbers in the same shape.
    friend bool operator==(const any_array &a, const any_array &b) {
        return a.element == b.element && a.bytes == b.bytes && a.shape == b.shape;
    }
    /// Checks whether two differ.
    friend bool operator!=(const any_array &a, const any_array &b) { return !(a == b); }
};

/// A value without a C++ form, encoded: in a value, one CBOR item; in a key, one element of the tuple
/// layer. It is written back unchanged.
struct encoded {
    /// The bytes.
    std::vector<std::byte> bytes;

    /// Whether two have the same bytes.
    friend bool operator==(const encoded &a, const encoded &b) { return a.bytes == b.bytes; }
    /// Checks whether two differ.
    friend bool operator!=(const encoded &a, const encoded &b) { return !(a == b); }
};

/// Whether two tuples have the same elements.
bool operator==(const any_tuple &a, const any_tuple &b);
/// Whether two sets have the same elements, in whatever order.
bool operator==(const any_set &a, const any_set &b);
/// Whether two maps have the same entries in the same order.
bool operator==(const any_map &a, const any_map &b);
/// Whether two tuples differ.
inline bool operator!=(const any_tuple &a, const any_tuple &b) { return !(a == b); }
/// Whether two sets differ.
inline bool operator!=(const any_set &a, const any_set &b) { return !(a == b); }
/// Whether two maps differ.
inline bool operator!=(const any_map &a, const any_map &b) { return !(a == b); }

/// \cond internal
namespace detail {

/// Types that any_value holds, and that no collection stores as a type of their own.
template <class T>
inline constexpr bool is_any_kind =
    std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, undefined> || std::is_same_v<T, any_array> ||
    std::is_same_v<T, any_tuple> || std::is_same_v<T, any_set> || std::is_same_v<T, any_map> ||
    std::is_same_v<T, std::vector<any_value>> || std::is_same_v<T, encoded>;

/// Whether an any_value can be made of a T.
template <class T> constexpr bool can_hold() {
    using plain = std::decay_t<T>;
    if constexpr (std::is_same_v<plain, any_value>)
        return false;
    else if constexpr (is_any_kind<plain> || std::is_convertible_v<T, std::string_view>)
        return true;
    else
        return sort_of<plain>() != sort::none;
}

} // namespace detail
/// \endcond

/// A value of any type, which owns its content: null, numbers, text, bytes, and lists, maps, tuples and
/// sets of these.
///
/// ```cpp
/// pc::dict<std::string, pc::any_value> books(env, "books");
/// books.put("Emma", pc::any_map{{{"year", 1815}, {"authors", pc::any_value::list{"Austen"}}}});
/// pc::any_value emma = books.at("Emma");
/// assert(emma["year"].as<int>() == 1815);
/// assert(emma["authors"][0].as<std::string>() == "Austen");
/// assert(emma["price"].is_null() && !emma.contains("price"));
/// ```
///
/// Two values are equal if their stored bytes are: 1, 1.0 and `true` are three values. Integers compare
/// as numbers.
class any_value {
  public:
    /// A list of values.
    using list = std::vector<any_value>;
    /// All types that it can hold. Integers are `std::int64_t` if they fit, else `std::uint64_t`.
    using variant = std::variant<std::nullptr_t, undefined, bool, std::int64_t, std::uint64_t, double,
                                 std::string, std::vector<std::byte>, uuid, date, datetime, any_array,
                                 any_tuple, list, any_map, any_set, encoded>;

    /// Makes a null.
    any_value() noexcept = default;
    /// Makes a null.
    any_value(std::nullptr_t) noexcept {}
    /// Makes a value of any type that a collection can store, or of one of the kinds in \ref variant.
    template <class T, class = std::enable_if_t<detail::can_hold<T>()>> any_value(T &&value) {
        set(std::forward<T>(value));
    }

    /// Returns the content, for `std::visit` and `std::get_if`.
    [[nodiscard]] const variant &held() const noexcept { return held_; }
    /// Returns the content, to be changed.
    [[nodiscard]] variant &held() noexcept { return held_; }

    /// Checks whether it is null.
    [[nodiscard]] bool is_null() const noexcept { return std::holds_alternative<std::nullptr_t>(held_); }
    /// Checks whether \ref as returns a T.
    template <class T> [[nodiscard]] bool is() const;
    /// Returns the content as a T, which is a type that a collection can store (such as an integer type
    /// in whose range it is), or one of those in \ref variant. Throws pc::bad_value if it is something
    /// else.
    template <class T> [[nodiscard]] T as() const;

    /// Returns the number of items, entries, numbers, characters or bytes; 0 for other kinds.
    [[nodiscard]] std::size_t size() const noexcept;
    /// Returns an item of a list, a tuple or a set. Throws pc::bad_value for other kinds, or if the item
    /// does not exist.
    [[nodiscard]] const any_value &operator[](std::size_t index) const;
    /// Returns the value of a text key in a map, or a null if the key is absent. Throws pc::bad_value if
    /// it is not a map.
    [[nodiscard]] const any_value &operator[](std::string_view key) const;
    /// The value of a text key in a map.
    [[nodiscard]] const any_value &operator[](const char *key) const {
        return (*this)[std::string_view(key)];
    }
    /// An item of a list, a tuple or a set, by an integer of any type.
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    [[nodiscard]] const any_value &operator[](Index index) const {
        if constexpr (std::is_signed_v<Index>)
            if (index < 0)
                throw bad_value("a value of any has no item at " + std::to_string(index));
        return (*this)[static_cast<std::size_t>(index)];
    }
    /// Checks whether it is a map with this text key.
    [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

    /// Checks whether two are equal.
    friend bool operator==(const any_value &a, const any_value &b);
    /// Checks whether two differ.
    friend bool operator!=(const any_value &a, const any_value &b) { return !(a == b); }

  private:
    template <class T> void set(T &&value);
    const any_value *find(std::string_view key) const noexcept;
    const std::vector<any_value> *items() const noexcept;

    variant held_;
};

/// Checks whether two are equal.
inline bool operator==(const any_value &a, const any_value &b) {
    const auto *x = std::get_if<double>(&a.held_);
    const auto *y = std::get_if<double>(&b.held_);
    if (x && y) // by what is stored: one NaN, and zeros with their signs
        return *x == *y ? std::signbit(*x) == std::signbit(*y) : std::isnan(*x) && std::isnan(*y);
    // An integer is stored as one, whether it is held with a sign or without.
    const auto *plain = std::get_if<std::int64_t>(&a.held_);
    const auto *large = std::get_if<std::uint64_t>(&b.held_);
    if (!plain || !large) {
        plain = std::get_if<std::int64_t>(&b.held_);
        large = std::get_if<std::uint64_t>(&a.held_);
    }
    if (plain && large)
        return *plain >= 0 && static_cast<std::uint64_t>(*plain) == *large;
    return a.held_ == b.held_;
}
inline bool operator==(const any_tuple &a, const any_tuple &b) { return a.items == b.items; }
inline bool operator==(const any_map &a, const any_map &b) { return a.entries == b.entries; }
inline bool operator==(const any_set &a, const any_set &b) {
    const auto has = [](const any_set &set, const any_value &wanted) {
        for (const any_value &item : set.items)
            if (item == wanted)
                return true;
        return false;
    };
    // Both ways, since one that is not stored yet may have an element twice.
    for (const any_value &item : a.items)
        if (!has(b, item))
            return false;
    for (const any_value &item : b.items)
        if (!has(a, item))
            return false;
    return a.items.size() == b.items.size();
}

/// \cond internal
namespace detail {

/// The memory to which a `pc_value` made of a C++ value points.
using arena = std::vector<std::unique_ptr<pc_value[]>>;

template <class T> constexpr std::uint32_t element_of() {
    using number = integer_of_t<T>;
    if constexpr (std::is_same_v<number, float>)
        return PC_ELEMENT_F32;
    else if constexpr (std::is_same_v<number, double>)
        return PC_ELEMENT_F64;
    else
        return (std::is_signed_v<number> ? PC_ELEMENT_I8 : PC_ELEMENT_U8) + (sizeof(T) == 1   ? 0
                                                                             : sizeof(T) == 2 ? 1
                                                                             : sizeof(T) == 4 ? 2
                                                                                              : 3);
}

inline std::size_t width_of(std::uint32_t element) noexcept {
    constexpr std::size_t widths[] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 4, 8};
    return element < sizeof(widths) / sizeof(*widths) ? widths[element] : 1;
}

template <class T> void append_dimensions_of(std::vector<std::uint64_t> &shape) {
    if constexpr (array_of<T>::is_fixed) {
        shape.push_back(std::tuple_size_v<T>);
        append_dimensions_of<typename T::value_type>(shape);
    }
}

/// The bytes of an array, little-endian.
template <class T> std::vector<std::byte> array_bytes(const T &array) {
    using number = typename array_of<T>::number;
    std::vector<std::byte> bytes;
    if constexpr (array_of<T>::is_fixed) {
        bytes.resize(array_of<T>::count * sizeof(number));
        array_view<number> numbers(&array, array_of<T>::count);
        if constexpr (little_endian) {
            std::memcpy(bytes.data(), &array, bytes.size());
        } else {
            const number *at = reinterpret_cast<const number *>(&array);
            for (std::size_t i = 0; i < array_of<T>::count; i++)
                store_little(bytes.data() + i * sizeof(number), at[i]);
        }
    } else {
        bytes.resize(array.size() * sizeof(number));
        for (std::size_t i = 0; i < array.size(); i++)
            store_little(bytes.data() + i * sizeof(number), static_cast<number>(array[i]));
    }
    return bytes;
}

/// The bytes of a struct: equal structs have equal bytes, and the padding is zero, if the compiler can
/// clear it.
template <class T> std::vector<std::byte> opaque_bytes(const T &value) {
    T plain = value;
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(&plain);
#endif
#endif
    std::vector<std::byte> bytes(sizeof(T));
    std::memcpy(bytes.data(), &plain, sizeof(T));
    return bytes;
}

/// Fills an array from little-endian bytes. Returns false if their number differs from its own.
template <class T> bool fill_array(T &array, const std::byte *bytes, std::size_t size) {
    using number = typename array_of<T>::number;
    if constexpr (array_of<T>::is_fixed) {
        if (size != array_of<T>::count * sizeof(number))
            return false;
        if constexpr (little_endian) {
            std::memcpy(&array, bytes, size);
        } else {
            number *at = reinterpret_cast<number *>(&array);
            for (std::size_t i = 0; i < array_of<T>::count; i++)
                at[i] = load_little<number>(bytes + i * sizeof(number));
        }
    } else {
        if (size % sizeof(number) != 0)
            return false;
        array.resize(size / sizeof(number));
        array_view<number>(bytes, array.size()).copy_to(array.data());
    }
    return true;
}

[[noreturn]] inline void misfit(const std::string &wanted) {
    throw bad_value("a value of any is not of the type " + wanted + " that was asked for");
}

} // namespace detail
/// \endcond

template <class T> void any_value::set(T &&value) {
    using plain = std::decay_t<T>;
    constexpr detail::sort what = detail::sort_of<plain>();
    if constexpr (what == detail::sort::boolean) {
        held_ = static_cast<bool>(value);
    } else if constexpr (what == detail::sort::integer) {
        const auto number = static_cast<detail::integer_of_t<plain>>(value);
        if constexpr (sizeof(number) == 8 && std::is_unsigned_v<decltype(number)>) {
            if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
                held_ = static_cast<std::uint64_t>(number);
                return;
            }
        }
        held_ = static_cast<std::int64_t>(number);
    } else if constexpr (what == detail::sort::real) {
        held_ = static_cast<double>(value);
    } else if constexpr (std::is_same_v<plain, std::string> ||
                         std::is_same_v<plain, std::vector<std::byte>> || detail::is_any_kind<plain> ||
                         what == detail::sort::uuid || what == detail::sort::date ||
                         what == detail::sort::datetime) {
        held_ = std::forward<T>(value);
    } else if constexpr (std::is_convertible_v<T, std::string_view>) {
        held_ = std::string(std::string_view(value));
    } else if constexpr (what == detail::sort::bytes) {
        held_ = value.to_vector();
    } else if constexpr (what == detail::sort::array) {
        any_array made;
        made.element = detail::element_of<typename detail::array_of<plain>::number>();
        made.bytes = detail::array_bytes(value);
        detail::append_dimensions_of<plain>(made.shape);
        if (made.shape.size() == 1)
            made.shape.clear();
        held_ = std::move(made);
    } else if constexpr (what == detail::sort::opaque) {
        held_ = detail::opaque_bytes<plain>(value);
    } else if constexpr (what == detail::sort::tuple) {
        any_tuple made;
        std::apply([&](const auto &...element) { (made.items.emplace_back(element), ...); }, value);
        held_ = std::move(made);
    } else {
        static_assert(detail::check_storable<plain>());
    }
}

template <class T> T any_value::as() const {
    constexpr detail::sort what = detail::sort_of<T>();
    const auto require = [](const auto *held) -> decltype(*held) {
        if (!held)
            detail::misfit(type_name<T>());
        return *held;
    };
    if constexpr (what == detail::sort::any) {
        return *this;
    } else if constexpr (what == detail::sort::integer) {
        using number = detail::integer_of_t<T>;
        if (const auto *big = std::get_if<std::uint64_t>(&held_)) {
            if (*big <= static_cast<std::uint64_t>(std::numeric_limits<number>::max()))
                return static_cast<T>(static_cast<number>(*big));
            detail::misfit(type_name<T>());
        }
        const std::int64_t held = require(std::get_if<std::int64_t>(&held_));
        const auto narrow = static_cast<number>(held);
        if (static_cast<std::int64_t>(narrow) != held || (narrow < number{}) != (held < 0))
            detail::misfit(type_name<T>());
        return static_cast<T>(narrow);
    } else if constexpr (what == detail::sort::real) {
        const double held = require(std::get_if<double>(&held_));
        const auto narrow = static_cast<T>(held);
        if (held == held && static_cast<double>(narrow) != held)
            detail::misfit(type_name<T>());
        return narrow;
    } else if constexpr (what == detail::sort::array && !detail::is_view<T>) {
        const any_array &held = require(std::get_if<any_array>(&held_));
        std::vector<std::uint64_t> shape;
        detail::append_dimensions_of<T>(shape);
        if (shape.size() <= 1)
            shape.clear();
        T array{};
        if (held.element != detail::element_of<typename detail::array_of<T>::number>() ||
            held.shape != shape || !detail::fill_array(array, held.bytes.data(), held.bytes.size()))
            detail::misfit(type_name<T>());
        return array;
    } else if constexpr (what == detail::sort::opaque) {
        const std::vector<std::byte> &held = require(std::get_if<std::vector<std::byte>>(&held_));
        if (held.size() != sizeof(T))
            detail::misfit(type_name<T>());
        T made;
        std::memcpy(&made, held.data(), sizeof(T));
        return made;
    } else if constexpr (what == detail::sort::tuple) {
        const any_tuple &held = require(std::get_if<any_tuple>(&held_));
        if (held.items.size() != std::tuple_size_v<T>)
            detail::misfit(type_name<T>());
        std::size_t at = 0;
        T made;
        std::apply(
            [&](auto &...element) {
                ((element = held.items[at++].template as<std::decay_t<decltype(element)>>()), ...);
            },
            made);
        return made;
    } else if constexpr (detail::is_view<T>) {
        static_assert(
            detail::always_false<T>::value,
            "persistent_collections: as gives values that own what they hold; use std::string, std::vector");
    } else if constexpr (detail::is_any_kind<T>) {
        const auto *held = std::get_if<T>(&held_);
        if (!held)
            detail::misfit("asked for");
        return *held;
    } else {
        static_assert(detail::check_storable<T>());
        return require(std::get_if<T>(&held_));
    }
}

template <class T> bool any_value::is() const {
    try {
        static_cast<void>(as<T>());
        return true;
    } catch (const bad_value &) {
        return false;
    }
}

inline const std::vector<any_value> *any_value::items() const noexcept {
    if (const auto *held = std::get_if<list>(&held_))
        return held;
    if (const auto *held = std::get_if<any_tuple>(&held_))
        return &held->items;
    const auto *held = std::get_if<any_set>(&held_);
    return held ? &held->items : nullptr;
}

inline std::size_t any_value::size() const noexcept {
    if (const auto *held = items())
        return held->size();
    if (const auto *held = std::get_if<any_map>(&held_))
        return held->entries.size();
    if (const auto *held = std::get_if<std::string>(&held_))
        return held->size();
    if (const auto *held = std::get_if<std::vector<std::byte>>(&held_))
        return held->size();
    const auto *held = std::get_if<any_array>(&held_);
    return held ? held->bytes.size() / detail::width_of(held->element) : 0;
}

inline const any_value &any_value::operator[](std::size_t index) const {
    const std::vector<any_value> *held = items();
    if (!held)
        throw bad_value("a value of any is no list, tuple or set");
    if (index >= held->size())
        throw bad_value("a value of any has " + std::to_string(held->size()) + " items, none at " +
                        std::to_string(index));
    return (*held)[index];
}

inline const any_value *any_value::find(std::string_view key) const noexcept {
    if (const auto *map = std::get_if<any_map>(&held_))
        for (const auto &entry : map->entries) {
            const auto *text = std::get_if<std::string>(&entry.first.held_);
            if (text && *text == key)
                return &entry.second;
        }
    return nullptr;
}

inline const any_value &any_value::operator[](std::string_view key) const {
    static const any_value null;
    if (!std::holds_alternative<any_map>(held_))
        throw bad_value("a value of any is no map");
    const any_value *found = find(key);
    return found ? *found : null;
}

} // namespace pc

#endif
