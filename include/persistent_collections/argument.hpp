/// \file
/// Numbers and tuples as arguments: one that would not come back equal is detected, not truncated.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_ARGUMENT_HPP
#define PERSISTENT_COLLECTIONS_ARGUMENT_HPP

#include <limits>

#include "types.hpp"

/// \cond internal
namespace pc::detail {

/// How a number fits a type: it comes back equal, or is the nearest float of a double, or neither.
enum class fit : unsigned char { exact, rounded, none };

/// Whether something is a number that the language has built in, also one that the standard does not know.
template <class N>
inline constexpr bool is_plain_number =
    !std::is_class_v<N> && !std::is_union_v<N> && !std::is_enum_v<N> && !std::is_pointer_v<N> &&
    !std::is_member_pointer_v<N> && !std::is_null_pointer_v<N> && !std::is_array_v<N> &&
    !std::is_function_v<N> && std::is_convertible_v<N, double>;

/// The number that an object stands for, before it is converted: that of a std::atomic<long> is a long.
template <class N, class = void> struct number_of { using type = void; };
template <class N> struct number_of<N, std::enable_if_t<is_plain_number<N>>> { using type = N; };
template <class N>
struct number_of<N, std::enable_if_t<!is_plain_number<N> && !std::is_pointer_v<N> &&
                                     is_plain_number<decltype(+std::declval<const N &>())>>> {
    using type = decltype(+std::declval<const N &>());
};

template <class N> constexpr bool is_whole() {
    if constexpr (std::is_same_v<N, bool>)
        return true;
    else
        return static_cast<N>(0.5) == N{};
}

/// 2 to the power of how many digits a whole number has.
template <class Real, class Whole> constexpr Real beyond() {
    constexpr bool has_sign = static_cast<Whole>(-1) < Whole{};
    Real power{1};
    for (int digits = std::is_same_v<Whole, bool> ? 1 : 8 * int{sizeof(Whole)} - (has_sign ? 1 : 0);
         digits != 0; digits--)
        power *= 2;
    return power;
}

/// Whether a real number lies within a whole type, so that it may be converted.
template <class Whole, class Real> bool is_within(Real number) {
    constexpr bool has_sign = static_cast<Whole>(-1) < Whole{};
    constexpr Real end = beyond<Real, Whole>();
    return number < end && number >= (has_sign ? -end : Real{});
}

/// Converts a number, and tells how it fits. What is out of reach becomes 0.
template <class T, class N> fit convert_number(const N &number, T &made) {
    if constexpr (std::is_same_v<T, bool>) {
        made = number == N{1};
        return made || number == N{} ? fit::exact : fit::none;
    } else if constexpr (is_whole<N>() && is_whole<T>()) {
        made = static_cast<T>(number);
        return static_cast<N>(made) == number && (made < T{}) == (number < N{}) ? fit::exact : fit::none;
    } else if constexpr (!is_whole<N>() && !std::is_floating_point_v<N>) {
        // A float that the standard has no functions for.
        const auto wide = static_cast<long double>(number);
        const fit how = convert_number(wide, made);
        return static_cast<N>(wide) == number || wide != wide ? how : fit::none;
    } else if constexpr (is_whole<T>()) {
        made = is_within<T>(number) ? static_cast<T>(number) : T{};
        return is_within<T>(number) && static_cast<N>(made) == number ? fit::exact : fit::none;
    } else if constexpr (is_whole<N>()) {
        made = static_cast<T>(number);
        return is_within<N>(made) && static_cast<N>(made) == number ? fit::exact : fit::none;
    } else {
        made = static_cast<T>(number);
        if (static_cast<N>(made) == number || number != number)
            return fit::exact;
        // Beyond the largest float lies only the infinite.
        const bool is_finite =
            made >= std::numeric_limits<T>::lowest() && made <= std::numeric_limits<T>::max();
        return std::is_same_v<T, float> && std::is_same_v<N, double> && is_finite ? fit::rounded : fit::none;
    }
}

/// A number of any type where one of type T is wanted.
template <class T> class number_argument {
    template <class N> using natural = typename number_of<N>::type;

  public:
    /// 0, as `{}` is.
    number_argument() noexcept = default;
    template <class N,
              class = std::enable_if_t<!std::is_same_v<N, number_argument> &&
                                       (!std::is_void_v<natural<N>> ||
                                        (std::is_class_v<N> && std::is_convertible_v<const N &, T>))>>
    number_argument(const N &given) {
        if constexpr (!std::is_void_v<natural<N>>)
            how_ = convert_number(static_cast<natural<N>>(given), number_);
        else
            number_ = given;
    }
    /// One that nothing stored is equal to.
    [[nodiscard]] static number_argument unfit() noexcept {
        number_argument made;
        made.how_ = fit::none;
        return made;
    }

    operator const T &() const noexcept { return number_; }
    [[nodiscard]] fit how() const noexcept { return how_; }

  private:
    T number_{};
    fit how_ = fit::exact;
};

template <class Tuple> class tuple_argument;

template <class T> constexpr auto argument_of() {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::text)
        return std::enable_if<true, std::string_view>();
    else if constexpr (std::is_arithmetic_v<T> &&
                       (what == sort::integer || what == sort::real || what == sort::boolean))
        return std::enable_if<true, number_argument<T>>();
    else if constexpr (what == sort::tuple)
        return std::enable_if<true, tuple_argument<T>>();
    else
        return std::enable_if<true, const T &>();
}

/// What a call takes where a T is wanted: text as a view, so that nothing is copied, numbers and tuples so
/// that it is known whether they fit, everything else as it is.
template <class T> using argument = typename decltype(argument_of<T>())::type;

/// The same as an item in braces.
template <class T>
using item_argument = std::conditional_t<std::is_reference_v<argument<T>>, owned_t<T>, argument<T>>;

/// Whether a key comes back equal.
template <class T> bool is_exact(const T &) noexcept { return true; }
template <class T> bool is_exact(const number_argument<T> &given) noexcept {
    return given.how() == fit::exact;
}
template <class Tuple> bool is_exact(const tuple_argument<Tuple> &given) noexcept { return given.is_exact(); }

/// A tuple of elements of any types where one of others is wanted. It refers to what it was made of.
template <template <class...> class Of, class... T> class tuple_argument<Of<T...>> {
    using tuple = Of<T...>;
    template <class... Given> static constexpr bool takes() {
        if constexpr (sizeof...(Given) == sizeof...(T))
            return (std::is_convertible_v<const Given &, argument<T>> && ...);
        else
            return false;
    }

  public:
    tuple_argument(const tuple &given) noexcept : at_(&given) {}
    tuple_argument(const T &...elements) : made_(std::in_place, elements...) {}
    template <class... Given, class = std::enable_if_t<takes<Given...>()>>
    tuple_argument(const Given &...given) {
        make(given...);
    }
    template <class... Given, class = std::enable_if_t<takes<Given...>()>>
    tuple_argument(const std::tuple<Given...> &given) {
        std::apply([this](const auto &...element) { this->make(element...); }, given);
    }
    template <class A, class B, class = std::enable_if_t<takes<A, B>()>>
    tuple_argument(const std::pair<A, B> &given) {
        make(given.first, given.second);
    }
    [[nodiscard]] static tuple_argument unfit() { return tuple_argument(); }

    operator const tuple &() const noexcept { return made_ ? *made_ : *at_; }
    [[nodiscard]] bool is_exact() const noexcept { return exact_; }

  private:
    tuple_argument() : made_(std::in_place), exact_(false) {}
    template <class... Given> void make(const Given &...given) { from(static_cast<argument<T>>(given)...); }
    void from(argument<T>... elements) {
        exact_ = (detail::is_exact(elements) && ...);
        made_.emplace(static_cast<T>(elements)...);
    }

    const tuple *at_ = nullptr;
    std::optional<tuple> made_;
    bool exact_ = true;
};

/// An entry in braces, or a pair of any types.
template <class Key, class Value> struct entry_argument {
    entry_argument(argument<Key> key, argument<Value> value) : key(key), value(value) {}
    template <class A, class B,
              class = std::enable_if_t<std::is_convertible_v<const A &, argument<Key>> &&
                                       std::is_convertible_v<const B &, argument<Value>>>>
    entry_argument(const std::pair<A, B> &entry) : key(entry.first), value(entry.second) {}

    argument<Key> key;
    argument<Value> value;
};

/// A number of any type, or nothing.
template <class T> class optional_number {
  public:
    optional_number() noexcept = default;
    optional_number(std::nullopt_t) noexcept {}
    template <class N, class = std::enable_if_t<std::is_convertible_v<const N &, number_argument<T>>>>
    optional_number(const N &given) : number_(given) {}
    template <class N, class = std::enable_if_t<std::is_convertible_v<const N &, number_argument<T>>>>
    optional_number(const std::optional<N> &given) {
        if (given)
            number_.emplace(*given);
    }

    explicit operator bool() const noexcept { return number_.has_value(); }
    const number_argument<T> &operator*() const noexcept { return *number_; }

  private:
    std::optional<number_argument<T>> number_;
};

/// A value, or nothing.
template <class T>
using optional_argument = std::conditional_t<std::is_same_v<argument<T>, number_argument<T>>,
                                             optional_number<T>, const std::optional<owned_t<T>> &>;

template <class T> [[nodiscard]] std::string misfit_message() {
    return "what is given would not come back equal as " + type_name<T>() + "; store it as a wider type";
}

/// Refuses a key that would not come back equal.
template <class Key> void require_exact(const argument<Key> &key, std::size_t failed_at = SIZE_MAX) {
    if (!is_exact(key))
        raise(PC_ERR_BAD_KEY, misfit_message<Key>(), failed_at);
}

/// Refuses a value that would not come back equal. The nearest float of a double is what a float is there
/// for.
template <class Value> void require_fit(const argument<Value> &value, std::size_t failed_at = SIZE_MAX) {
    if constexpr (std::is_same_v<argument<Value>, number_argument<Value>>)
        if (value.how() == fit::none)
            raise(PC_ERR_BAD_VALUE, misfit_message<Value>(), failed_at);
}

} // namespace pc::detail
/// \endcond

#endif
