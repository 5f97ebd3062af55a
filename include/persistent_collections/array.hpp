/// \file
/// Arrays of numbers and plain structs as little-endian bytes, and back.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_ARRAY_HPP
#define PERSISTENT_COLLECTIONS_ARRAY_HPP

#include "memory.hpp"
#include "types.hpp"

/// \cond internal
namespace pc::detail {

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

/// How many dimensions of an array have a fixed length.
template <class T> constexpr std::size_t dimensions_of() {
    if constexpr (array_of<T>::is_fixed)
        return 1 + dimensions_of<typename T::value_type>();
    else
        return 0;
}

/// The fixed lengths of an array; one more than there are, so that there always is one.
template <class T> struct shape_of {
    std::uint64_t lengths[dimensions_of<T>() + 1] = {};
    constexpr shape_of() { fill<T>(lengths); }

  private:
    template <class A> static constexpr void fill(std::uint64_t *at) {
        if constexpr (array_of<A>::is_fixed) {
            *at = std::tuple_size_v<A>;
            fill<typename A::value_type>(at + 1);
        }
    }
};

/// The numbers of an array as they lie in memory.
template <class T> bytes_ref array_in_memory(const T &array) noexcept {
    using number = typename array_of<T>::number;
    if constexpr (array_of<T>::is_fixed)
        return {&array, array_of<T>::count * sizeof(number)};
    else
        return {array.data(), array.size() * sizeof(number)};
}

/// Whether the numbers of an array lie in memory as they are stored.
template <class T> inline constexpr bool lies_as_stored = little_endian || is_view<T>;

/// Stores the numbers of an array little-endian.
template <class T> void store_array(std::byte *to, const T &array) noexcept {
    using number = typename array_of<T>::number;
    const bytes_ref from = array_in_memory(array);
    if constexpr (lies_as_stored<T>) {
        if (from.size != 0)
            std::memcpy(to, from.data, from.size);
    } else {
        for (std::size_t at = 0; at < from.size; at += sizeof(number)) {
            number one;
            std::memcpy(&one, from.begin() + at, sizeof one);
            store_little(to + at, one);
        }
    }
}

/// Fills an array from little-endian bytes. Returns false if their number differs from its own.
template <class T> bool fill_array(T &array, const std::byte *bytes, std::size_t size) {
    using number = typename array_of<T>::number;
    if constexpr (array_of<T>::is_fixed) {
        if (size != array_of<T>::count * sizeof(number))
            return false;
        array_view<number>(bytes, array_of<T>::count).copy_to(reinterpret_cast<number *>(&array));
    } else {
        if (size % sizeof(number) != 0)
            return false;
        array.resize(size / sizeof(number));
        array_view<number>(bytes, array.size()).copy_to(array.data());
    }
    return true;
}

/// Stores the bytes of a struct: equal structs have equal bytes, and the padding is zero, if the compiler can
/// clear it.
template <class T> void store_opaque(std::byte *to, const T &value) noexcept {
    T plain = value;
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
    __builtin_clear_padding(&plain);
#endif
#endif
    std::memcpy(to, &plain, sizeof(T));
}

} // namespace pc::detail
/// \endcond

#endif
