/// \file
/// C++ values as `pc_value`, and back: values of `any` and tuples, which the library itself
/// encodes and decodes.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_CONVERT_HPP
#define PERSISTENT_COLLECTIONS_CONVERT_HPP

#include "any_value.hpp"
#include "argument.hpp"

/// \cond internal
namespace pc::detail {

/// Bytes of somebody else's.
struct bytes_ref {
    const void *data = nullptr;
    std::size_t size = 0;

    [[nodiscard]] const std::byte *begin() const noexcept { return static_cast<const std::byte *>(data); }
    [[nodiscard]] std::string_view text() const noexcept {
        return size != 0 ? std::string_view(static_cast<const char *>(data), size) : std::string_view();
    }
};

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

pc_value to_c(const any_value &value, arena &parts);

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

inline pc_value items_to_c(std::uint32_t kind, const std::vector<any_value> &items, arena &parts) {
    auto made = std::make_unique<pc_value[]>(items.size());
    for (std::size_t i = 0; i < items.size(); i++)
        made[i] = to_c(items[i], parts);
    pc_value value = make_value(kind);
    value.as.items = {made.get(), items.size()};
    parts.push_back(std::move(made));
    return value;
}

/// The head of a CBOR item.
inline void append_head(std::vector<std::byte> &out, unsigned major, std::uint64_t number) {
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
    out.push_back(static_cast<std::byte>(major << 5 | low));
    for (unsigned i = sizes; i-- > 0;)
        out.push_back(static_cast<std::byte>(number >> (8 * i)));
}

/// Reads the head of a CBOR item of a major type. False if there is none.
inline bool take_head(bytes_ref &from, unsigned major, std::uint64_t &number) {
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

/// CBOR's tag of an array with several dimensions: 40([dimensions, numbers]).
inline constexpr std::uint64_t shaped_tag = 40;

inline pc_value array_to_c(const any_array &array, arena &parts) {
    pc_value made = make_bytes(PC_VALUE_ARRAY, array.bytes.data(), array.bytes.size());
    made.subtype = array.element;
    if (array.shape.empty())
        return made;
    std::uint64_t count = 1;
    for (const std::uint64_t length : array.shape) {
        if (length != 0 && count > SIZE_MAX / length)
            throw bad_value("the dimensions of an array are beyond any memory");
        count *= length;
    }
    if (count != array.bytes.size() / width_of(array.element))
        throw bad_value("an array of " + std::to_string(array.bytes.size() / width_of(array.element)) +
                        " numbers has not the shape given, of " + std::to_string(count));
    // The C ABI knows arrays of one dimension in `any`; others are written as what they are in CBOR.
    std::vector<std::byte> item;
    append_head(item, 6, shaped_tag);
    append_head(item, 4, 2);
    append_head(item, 4, array.shape.size());
    for (const std::uint64_t length : array.shape)
        append_head(item, 0, length);
    buffer numbers;
    check(pc_encode_value("any", &made, numbers.get()));
    const std::size_t size = item.size() + numbers.view().size();
    auto room = std::make_unique<pc_value[]>(size / sizeof(pc_value) + 1);
    std::memcpy(room.get(), item.data(), item.size());
    std::memcpy(reinterpret_cast<std::byte *>(room.get()) + item.size(), numbers.view().data(),
                size - item.size());
    made = make_bytes(PC_VALUE_ENCODED, room.get(), size);
    parts.push_back(std::move(room));
    return made;
}

inline pc_value to_c(const any_value &value, arena &parts) {
    return std::visit(
        [&](const auto &held) -> pc_value {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<T, std::nullptr_t>) {
                return pc_value_null();
            } else if constexpr (std::is_same_v<T, undefined>) {
                return make_value(PC_VALUE_UNDEFINED);
            } else if constexpr (std::is_same_v<T, any_array>) {
                return array_to_c(held, parts);
            } else if constexpr (std::is_same_v<T, any_tuple>) {
                return items_to_c(PC_VALUE_TUPLE, held.items, parts);
            } else if constexpr (std::is_same_v<T, any_value::list>) {
                return items_to_c(PC_VALUE_LIST, held, parts);
            } else if constexpr (std::is_same_v<T, any_set>) {
                return items_to_c(PC_VALUE_SET, held.items, parts);
            } else if constexpr (std::is_same_v<T, any_map>) {
                auto made = std::make_unique<pc_value[]>(2 * held.entries.size());
                for (std::size_t i = 0; i < held.entries.size(); i++) {
                    made[2 * i] = to_c(held.entries[i].first, parts);
                    made[2 * i + 1] = to_c(held.entries[i].second, parts);
                }
                pc_value map = make_value(PC_VALUE_MAP);
                map.as.items = {made.get(), held.entries.size()};
                parts.push_back(std::move(made));
                return map;
            } else if constexpr (std::is_same_v<T, encoded>) {
                return make_bytes(PC_VALUE_ENCODED, held.bytes.data(), held.bytes.size());
            } else {
                return scalar_to_c(held);
            }
        },
        value.held());
}

inline std::vector<std::byte> bytes_of(const pc_value &value) {
    const auto *data = reinterpret_cast<const std::byte *>(value.as.bytes.data);
    return data ? std::vector<std::byte>(data, data + value.as.bytes.len) : std::vector<std::byte>();
}

any_value from_c(const pc_value &value);

/// An array of several dimensions, if that is what a CBOR item is.
inline std::optional<any_array> shaped_array(const pc_value &value) {
    bytes_ref rest{value.as.bytes.data, value.as.bytes.len};
    std::uint64_t number = 0;
    std::uint64_t dimensions = 0;
    if (!take_head(rest, 6, number) || number != shaped_tag || !take_head(rest, 4, number) || number != 2 ||
        !take_head(rest, 4, dimensions))
        return std::nullopt;
    std::vector<std::uint64_t> shape;
    std::uint64_t count = 1;
    for (; dimensions != 0; dimensions--) {
        if (!take_head(rest, 0, number) || (number != 0 && count > SIZE_MAX / number))
            return std::nullopt;
        shape.push_back(number);
        count *= number;
    }
    pc_value numbers;
    buffer storage;
    if (pc_decode_value("any", rest.data, rest.size, &numbers, storage.get()) != PC_OK ||
        numbers.kind != PC_VALUE_ARRAY || numbers.as.bytes.len != count * width_of(numbers.subtype))
        return std::nullopt;
    return any_array{numbers.subtype, bytes_of(numbers), std::move(shape)};
}

inline std::vector<any_value> items_from_c(const pc_value_items &items) {
    std::vector<any_value> made;
    made.reserve(items.len);
    for (std::size_t i = 0; i < items.len; i++)
        made.push_back(from_c(items.items[i]));
    return made;
}

inline any_value from_c(const pc_value &value) {
    switch (value.kind) {
    case PC_VALUE_NULL:
        return nullptr;
    case PC_VALUE_UNDEFINED:
        return undefined{};
    case PC_VALUE_BOOL:
        return value.as.boolean;
    case PC_VALUE_I64:
        return value.as.i64;
    case PC_VALUE_U64:
        return value.as.u64;
    case PC_VALUE_F64:
        return value.as.f64;
    case PC_VALUE_STR:
        return std::string(reinterpret_cast<const char *>(value.as.bytes.data), value.as.bytes.len);
    case PC_VALUE_BYTES:
        return bytes_of(value);
    case PC_VALUE_UUID: {
        uuid made;
        std::memcpy(made.bytes.data(), value.as.uuid, made.bytes.size());
        return made;
    }
    case PC_VALUE_DATE:
        return date{static_cast<std::int32_t>(value.as.i64)};
    case PC_VALUE_DATETIME:
        return datetime{value.as.i64};
    case PC_VALUE_ARRAY:
        return any_array{value.subtype, bytes_of(value), {}};
    case PC_VALUE_TUPLE:
        return any_tuple{items_from_c(value.as.items)};
    case PC_VALUE_LIST:
        return items_from_c(value.as.items);
    case PC_VALUE_SET:
        return any_set{items_from_c(value.as.items)};
    case PC_VALUE_MAP: {
        any_map map;
        for (std::size_t i = 0; i < value.as.items.len; i++)
            map.entries.emplace_back(from_c(value.as.items.items[2 * i]),
                                     from_c(value.as.items.items[2 * i + 1]));
        return map;
    }
    default:
        if (auto array = shaped_array(value))
            return *std::move(array);
        return encoded{bytes_of(value)};
    }
}

template <class Tuple> pc_value tuple_to_c(const Tuple &tuple, arena &parts) {
    constexpr std::size_t size = std::tuple_size_v<Tuple>;
    auto made = std::make_unique<pc_value[]>(size);
    std::size_t at = 0;
    std::apply([&](const auto &...element) { ((made[at++] = scalar_to_c(element)), ...); }, tuple);
    pc_value value = make_value(PC_VALUE_TUPLE);
    value.as.items = {made.get(), size};
    parts.push_back(std::move(made));
    return value;
}

/// A C++ value as the library takes one for `any`.
template <class T> pc_value any_to_c(const T &value, any_value &holder, arena &parts) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::any) {
        return to_c(value, parts);
    } else if constexpr (what == sort::tuple) {
        return tuple_to_c(value, parts);
    } else if constexpr (what == sort::array || what == sort::opaque) {
        holder = any_value(value);
        return to_c(holder, parts);
    } else {
        return scalar_to_c(value);
    }
}

} // namespace pc::detail
/// \endcond

#endif
