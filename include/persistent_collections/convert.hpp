/// \file
/// C++ values as `pc_value`, and back: tuples, and values of `any` that are stored as it or opened
/// as a type of their own, which the library itself encodes and decodes.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_CONVERT_HPP
#define PERSISTENT_COLLECTIONS_CONVERT_HPP

#include <limits>

#include "argument.hpp"
#include "array.hpp"

/// \cond internal
namespace pc::detail {

// ---- To C. ----

inline pc_value make_value(std::uint32_t kind) noexcept {
    pc_value made = pc_value_null();
    made.kind = kind;
    return made;
}

inline pc_value make_bytes(std::uint32_t kind, const void *data, std::size_t size) noexcept {
    pc_value made = pc_value_bytes(data, size);
    made.kind = kind;
    return made;
}

template <class T> pc_value scalar_to_c(const T &value) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::boolean) {
        return pc_value_bool(value);
    } else if constexpr (what == sort::integer) {
        using number = integer_of_t<T>;
        if constexpr (std::is_signed_v<number>)
            return pc_value_i64(static_cast<std::int64_t>(value));
        else
            return pc_value_u64(static_cast<std::uint64_t>(value));
    } else if constexpr (what == sort::real) {
        return pc_value_f64(static_cast<double>(value));
    } else if constexpr (what == sort::text) {
        return make_bytes(PC_VALUE_STR, value.data(), value.size());
    } else if constexpr (what == sort::bytes) {
        return make_bytes(PC_VALUE_BYTES, value.data(), value.size());
    } else if constexpr (what == sort::uuid) {
        pc_value made = make_value(PC_VALUE_UUID);
        std::memcpy(made.as.uuid, value.bytes.data(), value.bytes.size());
        return made;
    } else {
        static_assert(what == sort::date || what == sort::datetime);
        pc_value made = make_value(what == sort::date ? PC_VALUE_DATE : PC_VALUE_DATETIME);
        if constexpr (what == sort::date)
            made.as.i64 = value.days;
        else
            made.as.i64 = value.microseconds;
        return made;
    }
}

/// The most bytes of the head of a CBOR item.
inline constexpr std::size_t longest_head = 9;

/// Writes the head of a CBOR item, and returns its end.
inline std::byte *put_head(std::byte *out, unsigned major, std::uint64_t number) noexcept {
    const unsigned sizes = number < 24            ? 0
                           : number <= 0xff       ? 1
                           : number <= 0xffff     ? 2
                           : number <= 0xffffffff ? 4
                                                  : 8;
    const unsigned low = sizes == 0   ? static_cast<unsigned>(number)
                         : sizes == 1 ? 24
                         : sizes == 2 ? 25
                         : sizes == 4 ? 26
                                      : 27;
    *out++ = static_cast<std::byte>(major << 5 | low);
    for (unsigned i = sizes; i-- > 0;)
        *out++ = static_cast<std::byte>(number >> (8 * i));
    return out;
}

/// CBOR's tag of an array with several dimensions: 40([dimensions, numbers]).
inline constexpr std::uint64_t shaped_tag = 40;

/// Gives numbers a shape. The C ABI knows arrays of one dimension in `any`; others are passed as CBOR.
inline pc_value with_shape(const pc_value &flat, const std::uint64_t *shape, std::size_t dimensions,
                           arena &parts) {
    buffer numbers;
    check(pc_encode_value("any", &flat, numbers.get()));
    const std::size_t size = numbers.view().size();
    std::byte *const begin = parts.bytes(longest_head * (3 + dimensions) + size);
    std::byte *end = put_head(begin, 6, shaped_tag);
    end = put_head(end, 4, 2);
    end = put_head(end, 4, dimensions);
    for (std::size_t i = 0; i < dimensions; i++)
        end = put_head(end, 0, shape[i]);
    std::memcpy(end, numbers.view().data(), size);
    return make_bytes(PC_VALUE_ENCODED, begin, static_cast<std::size_t>(end - begin) + size);
}

template <class T> pc_value array_to_c(const T &array, arena &parts) {
    bytes_ref numbers = array_in_memory(array);
    if constexpr (!lies_as_stored<T>) {
        std::byte *const turned = parts.bytes(numbers.size);
        store_array(turned, array);
        numbers.data = turned;
    }
    pc_value made = make_bytes(PC_VALUE_ARRAY, numbers.data, numbers.size);
    made.subtype = element_of<typename array_of<T>::number>();
    if constexpr (dimensions_of<T>() > 1)
        made = with_shape(made, shape_of<T>().lengths, dimensions_of<T>(), parts);
    return made;
}

template <class Tuple, std::size_t... At>
pc_value tuple_to_c(const Tuple &tuple, arena &parts, std::index_sequence<At...>) {
    pc_value *const made = parts.values(sizeof...(At));
    ((made[At] = scalar_to_c(std::get<At>(tuple))), ...);
    pc_value value = make_value(PC_VALUE_TUPLE);
    value.as.items = {made, sizeof...(At)};
    return value;
}

/// Converts a pc::any_value; any_convert.hpp defines it.
template <class Any> pc_value any_to_c(const Any &value, arena &parts);

/// Converts a value of any C++ type, which must outlive the result.
template <class T> pc_value to_c(const T &value, arena &parts) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::any) {
        return any_to_c(value, parts);
    } else if constexpr (what == sort::tuple) {
        return tuple_to_c(value, parts, std::make_index_sequence<std::tuple_size_v<T>>());
    } else if constexpr (what == sort::array) {
        return array_to_c(value, parts);
    } else if constexpr (what == sort::opaque) {
        std::byte *const plain = parts.bytes(sizeof(T));
        store_opaque(plain, value);
        return make_bytes(PC_VALUE_BYTES, plain, sizeof(T));
    } else {
        return scalar_to_c(value);
    }
}

// ---- From C. ----

inline bytes_ref bytes_of(const pc_value &value) noexcept {
    return {value.as.bytes.data, value.as.bytes.data ? value.as.bytes.len : 0};
}

/// Reads the head of a CBOR item of a major type. Returns false if there is none.
inline bool take_head(bytes_ref &from, unsigned major, std::uint64_t &number) noexcept {
    if (from.size == 0 || std::to_integer<unsigned>(from.begin()[0]) >> 5 != major)
        return false;
    const unsigned low = std::to_integer<unsigned>(from.begin()[0]) & 31;
    const std::size_t more = low < 24 ? 0 : low < 28 ? std::size_t{1} << (low - 24) : from.size;
    if (from.size <= more)
        return false;
    number = low;
    for (std::size_t i = 1; i <= more; i++)
        number = (i == 1 ? 0 : number << 8) | std::to_integer<std::uint64_t>(from.begin()[i]);
    from = {from.begin() + 1 + more, from.size - 1 - more};
    return true;
}

/// Reads an array of several dimensions: calls `keep` with each length, and returns its numbers, which
/// `storage` owns. Returns false if the CBOR item is something else.
template <class Keep>
bool take_shaped(const pc_value &value, const Keep &keep, pc_value &numbers, buffer &storage) {
    bytes_ref rest = bytes_of(value);
    std::uint64_t number = 0;
    std::uint64_t dimensions = 0;
    if (!take_head(rest, 6, number) || number != shaped_tag || !take_head(rest, 4, number) || number != 2 ||
        !take_head(rest, 4, dimensions))
        return false;
    std::uint64_t count = 1;
    for (; dimensions != 0; dimensions--) {
        if (!take_head(rest, 0, number) || (number != 0 && count > SIZE_MAX / number))
            return false;
        keep(number);
        count *= number;
    }
    return pc_decode_value("any", rest.data, rest.size, &numbers, storage.get()) == PC_OK &&
           numbers.kind == PC_VALUE_ARRAY && numbers.as.bytes.len == count * width_of(numbers.subtype);
}

/// Throws the exception of a value of `any` that is not of the type that was asked for.
[[noreturn]] inline void misfit(const std::string &wanted) {
    throw bad_value("a value of any is not of the type " + wanted + " that was asked for");
}

/// Whether an integer is in the range of T; any is in that of `any`.
template <class T, class Held> bool in_range(Held held) noexcept {
    if constexpr (sort_of<T>() == sort::integer) {
        using number = integer_of_t<T>;
        const auto narrow = static_cast<number>(held);
        return static_cast<Held>(narrow) == held && (narrow < number{}) == (held < Held{});
    } else {
        return true;
    }
}

/// Returns an integer of `any` as a T if it is in the range of T.
template <class T, class Held> T integer_as(Held held) {
    if (!in_range<T>(held))
        misfit(type_name<T>());
    return static_cast<T>(static_cast<integer_of_t<T>>(held));
}

/// Returns a number of `any` as a float or double if that is exact.
template <class T> T real_as(double held) {
    const auto narrow = static_cast<T>(held);
    if (held == held && static_cast<double>(narrow) != held)
        misfit(type_name<T>());
    return narrow;
}

/// Fills an array from a value of `any`. Returns false if that is not such an array.
template <class T> bool array_from_c(const pc_value &value, T &array) {
    constexpr std::size_t dimensions = dimensions_of<T>();
    pc_value numbers = value;
    buffer storage;
    if constexpr (dimensions > 1) {
        const shape_of<T> shape;
        std::size_t at = 0;
        bool same = true;
        const auto compare = [&](std::uint64_t length) {
            same = same && at < dimensions && shape.lengths[at] == length;
            at++;
        };
        if (value.kind != PC_VALUE_ENCODED || !take_shaped(value, compare, numbers, storage) || !same ||
            at != dimensions)
            return false;
    }
    return numbers.kind == PC_VALUE_ARRAY && numbers.subtype == element_of<typename array_of<T>::number>() &&
           fill_array(array, bytes_of(numbers).begin(), numbers.as.bytes.len);
}

/// Makes a pc::any_value; any_convert.hpp defines it.
template <class Any> Any any_from_c(const pc_value &value);

template <class T> T from_c(const pc_value &value);

template <class Tuple, std::size_t... At>
Tuple tuple_from_c(const pc_value_items &from, std::index_sequence<At...>) {
    return Tuple{from_c<std::tuple_element_t<At, Tuple>>(from.items[At])...};
}

/// Makes a C++ value of any type. Throws pc::bad_value if the value is of another.
template <class T> T from_c(const pc_value &value) {
    constexpr sort what = sort_of<T>();
    const auto require = [&value](bool fits) {
        if (!fits)
            misfit(type_name<T>());
        return bytes_of(value);
    };
    if constexpr (what == sort::any) {
        return any_from_c<T>(value);
    } else if constexpr (what == sort::boolean) {
        static_cast<void>(require(value.kind == PC_VALUE_BOOL));
        return value.as.boolean;
    } else if constexpr (what == sort::integer) {
        if (value.kind == PC_VALUE_U64)
            return integer_as<T>(value.as.u64);
        static_cast<void>(require(value.kind == PC_VALUE_I64));
        return integer_as<T>(value.as.i64);
    } else if constexpr (what == sort::real) {
        static_cast<void>(require(value.kind == PC_VALUE_F64));
        return real_as<T>(value.as.f64);
    } else if constexpr (what == sort::text) {
        return T(require(value.kind == PC_VALUE_STR).text());
    } else if constexpr (what == sort::bytes) {
        const bytes_ref held = require(value.kind == PC_VALUE_BYTES);
        return held.size != 0 ? T(held.begin(), held.begin() + held.size) : T();
    } else if constexpr (what == sort::uuid) {
        static_cast<void>(require(value.kind == PC_VALUE_UUID));
        uuid made;
        std::memcpy(made.bytes.data(), value.as.uuid, made.bytes.size());
        return made;
    } else if constexpr (what == sort::date) {
        static_cast<void>(require(value.kind == PC_VALUE_DATE));
        return date{static_cast<std::int32_t>(value.as.i64)};
    } else if constexpr (what == sort::datetime) {
        static_cast<void>(require(value.kind == PC_VALUE_DATETIME));
        return datetime{value.as.i64};
    } else if constexpr (what == sort::array) {
        T array{};
        static_cast<void>(require(array_from_c(value, array)));
        return array;
    } else if constexpr (what == sort::opaque) {
        const bytes_ref held = require(value.kind == PC_VALUE_BYTES && value.as.bytes.len == sizeof(T));
        T made;
        std::memcpy(&made, held.data, sizeof(T));
        return made;
    } else {
        static_assert(what == sort::tuple);
        constexpr std::size_t size = std::tuple_size_v<T>;
        static_cast<void>(require(value.kind == PC_VALUE_TUPLE && value.as.items.len == size));
        return tuple_from_c<T>(value.as.items, std::make_index_sequence<size>());
    }
}

} // namespace pc::detail
/// \endcond

#endif
