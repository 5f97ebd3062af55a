/// \file
/// Self-describing values: the content of a collection of type `any`.
#ifndef PERSISTENT_COLLECTIONS_ANY_VALUE_HPP
#define PERSISTENT_COLLECTIONS_ANY_VALUE_HPP

#include <cstring>
#include <variant>
#include <vector>

#include "convert.hpp"

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
};

/// A value without a C++ form, encoded: in a value, one CBOR item; in a key, one element of the tuple
/// layer. It is written back unchanged.
struct encoded {
    /// The bytes.
    std::vector<std::byte> bytes;
};

/// \cond internal
namespace detail {

/// Types that any_value holds, and that no collection stores as a type of their own.
template <class T>
inline constexpr bool is_any_kind =
    std::is_same_v<T, std::nullptr_t> || std::is_same_v<T, undefined> || std::is_same_v<T, any_array> ||
    std::is_same_v<T, any_tuple> || std::is_same_v<T, any_set> || std::is_same_v<T, any_map> ||
    std::is_same_v<T, std::vector<any_value>> || std::is_same_v<T, encoded>;

/// Types of this file that are compared as one.
template <class T>
inline constexpr bool is_any_part =
    std::is_same_v<T, any_array> || std::is_same_v<T, any_tuple> || std::is_same_v<T, any_set> ||
    std::is_same_v<T, any_map> || std::is_same_v<T, encoded>;

/// Whether each element of one set is in the other.
template <class Set> bool is_part_of(const Set &part, const Set &whole) {
    for (const auto &wanted : part.items) {
        bool found = false;
        for (const auto &item : whole.items)
            found = found || item == wanted;
        if (!found)
            return false;
    }
    return true;
}

/// The shape of an array in `any`: none if it has one dimension.
template <class T> std::vector<std::uint64_t> shape_in_any() {
    const shape_of<T> shape;
    return dimensions_of<T>() > 1
               ? std::vector<std::uint64_t>(shape.lengths, shape.lengths + dimensions_of<T>())
               : std::vector<std::uint64_t>();
}

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
///
/// It is written as pc::any_value. It is a template so that programs which do not use it need not wait for
/// a compiler to look inside.
template <class Lazy> class basic_any_value {
  public:
    /// A list of values.
    using list = std::vector<basic_any_value>;
    /// All types that it can hold. Integers are `std::int64_t` if they fit, else `std::uint64_t`.
    using variant = std::variant<std::nullptr_t, undefined, bool, std::int64_t, std::uint64_t, double,
                                 std::string, std::vector<std::byte>, uuid, date, datetime, any_array,
                                 any_tuple, list, any_map, any_set, encoded>;

    /// Makes a null.
    basic_any_value() noexcept = default;
    /// Makes a null.
    basic_any_value(std::nullptr_t) noexcept {}
    /// Makes a value of any type that a collection can store, or of one of the kinds in \ref variant.
    template <class T, class = std::enable_if_t<detail::can_hold<T>()>> basic_any_value(T &&value) {
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
    [[nodiscard]] const basic_any_value &operator[](std::size_t index) const;
    /// Returns the value of a text key in a map, or a null if the key is absent. Throws pc::bad_value if
    /// it is not a map.
    [[nodiscard]] const basic_any_value &operator[](std::string_view key) const;
    /// The value of a text key in a map.
    [[nodiscard]] const basic_any_value &operator[](const char *key) const {
        return (*this)[std::string_view(key)];
    }
    /// An item of a list, a tuple or a set, by an integer of any type.
    template <class Index, class = std::enable_if_t<std::is_integral_v<Index>>>
    [[nodiscard]] const basic_any_value &operator[](Index index) const {
        if constexpr (std::is_signed_v<Index>)
            if (index < 0)
                throw bad_value("a value of any has no item at " + std::to_string(index));
        return (*this)[static_cast<std::size_t>(index)];
    }
    /// Checks whether it is a map with this text key.
    [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

    /// Checks whether two are equal.
    friend bool operator==(const basic_any_value &a, const basic_any_value &b) { return a.equals(b); }
    /// Checks whether two differ.
    friend bool operator!=(const basic_any_value &a, const basic_any_value &b) { return !a.equals(b); }

  private:
    template <class T> void set(T &&value);
    template <class Held, class Wanted> [[nodiscard]] const Held &require() const {
        const auto *held = std::get_if<Held>(&held_);
        if (!held)
            detail::misfit(type_name<Wanted>());
        return *held;
    }
    [[nodiscard]] bool equals(const basic_any_value &other) const;
    [[nodiscard]] const basic_any_value *find(std::string_view key) const noexcept;
    [[nodiscard]] const list *items() const noexcept;

    variant held_;
};

/// Checks whether two tuples, lists or maps have the same items in the same order, two sets the same elements
/// in whatever order, two arrays the same numbers in the same shape, two encoded values the same bytes.
template <class T> std::enable_if_t<detail::is_any_part<T>, bool> operator==(const T &a, const T &b) {
    if constexpr (std::is_same_v<T, any_array>)
        return a.element == b.element && a.bytes == b.bytes && a.shape == b.shape;
    else if constexpr (std::is_same_v<T, any_map>)
        return a.entries == b.entries;
    else if constexpr (std::is_same_v<T, encoded>)
        return a.bytes == b.bytes;
    else if constexpr (std::is_same_v<T, any_tuple>)
        return a.items == b.items;
    else // both ways, since one that is not stored yet may have an element twice
        return a.items.size() == b.items.size() && detail::is_part_of(a, b) && detail::is_part_of(b, a);
}
/// Checks whether two differ.
template <class T> std::enable_if_t<detail::is_any_part<T>, bool> operator!=(const T &a, const T &b) {
    return !(a == b);
}

template <class Lazy> bool basic_any_value<Lazy>::equals(const basic_any_value &other) const {
    const auto *x = std::get_if<double>(&held_);
    const auto *y = std::get_if<double>(&other.held_);
    if (x && y) // by what is stored: one NaN, and zeros with their signs
        return *x == *x ? std::memcmp(x, y, sizeof *x) == 0 : *y != *y;
    // An integer is stored as one, whether it is held with a sign or without.
    const auto *plain = std::get_if<std::int64_t>(&held_);
    const auto *large = std::get_if<std::uint64_t>(&other.held_);
    if (!plain || !large) {
        plain = std::get_if<std::int64_t>(&other.held_);
        large = std::get_if<std::uint64_t>(&held_);
    }
    if (plain && large)
        return *plain >= 0 && static_cast<std::uint64_t>(*plain) == *large;
    return held_ == other.held_;
}

template <class Lazy> template <class T> void basic_any_value<Lazy>::set(T &&value) {
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
        made.bytes.resize(detail::array_in_memory(value).size);
        detail::store_array(made.bytes.data(), value);
        made.shape = detail::shape_in_any<plain>();
        held_ = std::move(made);
    } else if constexpr (what == detail::sort::opaque) {
        std::vector<std::byte> made(sizeof(plain));
        detail::store_opaque(made.data(), value);
        held_ = std::move(made);
    } else if constexpr (what == detail::sort::tuple) {
        any_tuple made;
        std::apply([&](const auto &...element) { (made.items.emplace_back(element), ...); }, value);
        held_ = std::move(made);
    } else {
        static_assert(detail::check_storable<plain>());
    }
}

template <class Lazy> template <class T> T basic_any_value<Lazy>::as() const {
    constexpr detail::sort what = detail::sort_of<T>();
    if constexpr (what == detail::sort::any) {
        return *this;
    } else if constexpr (what == detail::sort::integer) {
        if (const auto *large = std::get_if<std::uint64_t>(&held_))
            return detail::integer_as<T>(*large);
        return detail::integer_as<T>(require<std::int64_t, T>());
    } else if constexpr (what == detail::sort::real) {
        return detail::real_as<T>(require<double, T>());
    } else if constexpr (what == detail::sort::array && !detail::is_view<T>) {
        const any_array &held = require<any_array, T>();
        T array{};
        if (held.element != detail::element_of<typename detail::array_of<T>::number>() ||
            held.shape != detail::shape_in_any<T>() ||
            !detail::fill_array(array, held.bytes.data(), held.bytes.size()))
            detail::misfit(type_name<T>());
        return array;
    } else if constexpr (what == detail::sort::opaque) {
        const std::vector<std::byte> &held = require<std::vector<std::byte>, T>();
        if (held.size() != sizeof(T))
            detail::misfit(type_name<T>());
        T made;
        std::memcpy(&made, held.data(), sizeof(T));
        return made;
    } else if constexpr (what == detail::sort::tuple) {
        const auto &held = require<any_tuple, T>(); // looked into only where that is used
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
        return require<T, T>();
    }
}

template <class Lazy> template <class T> bool basic_any_value<Lazy>::is() const {
    try {
        static_cast<void>(as<T>());
        return true;
    } catch (const bad_value &) {
        return false;
    }
}

template <class Lazy> auto basic_any_value<Lazy>::items() const noexcept -> const list * {
    if (const auto *held = std::get_if<list>(&held_))
        return held;
    if (const auto *held = std::get_if<any_tuple>(&held_))
        return &held->items;
    const auto *held = std::get_if<any_set>(&held_);
    return held ? &held->items : nullptr;
}

template <class Lazy> std::size_t basic_any_value<Lazy>::size() const noexcept {
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

template <class Lazy>
const basic_any_value<Lazy> &basic_any_value<Lazy>::operator[](std::size_t index) const {
    const list *held = items();
    if (!held)
        throw bad_value("a value of any is no list, tuple or set");
    if (index >= held->size())
        throw bad_value("a value of any has " + std::to_string(held->size()) + " items, none at " +
                        std::to_string(index));
    return (*held)[index];
}

template <class Lazy>
auto basic_any_value<Lazy>::find(std::string_view key) const noexcept -> const basic_any_value * {
    if (const auto *map = std::get_if<any_map>(&held_))
        for (const auto &entry : map->entries) {
            const auto *text = std::get_if<std::string>(&entry.first.held_);
            if (text && *text == key)
                return &entry.second;
        }
    return nullptr;
}

template <class Lazy>
const basic_any_value<Lazy> &basic_any_value<Lazy>::operator[](std::string_view key) const {
    static const basic_any_value null;
    if (!std::holds_alternative<any_map>(held_))
        throw bad_value("a value of any is no map");
    const any_value *found = find(key);
    return found ? *found : null;
}

} // namespace pc

#endif
