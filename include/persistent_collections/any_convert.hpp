/// \file
/// pc::any_value as `pc_value`, and back.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_ANY_CONVERT_HPP
#define PERSISTENT_COLLECTIONS_ANY_CONVERT_HPP

#include "any_value.hpp"

/// \cond internal
namespace pc::detail {

// ---- To C. ----

template <class Item> pc_value items_to_c(std::uint32_t kind, const std::vector<Item> &items, arena &parts) {
    pc_value *const made = parts.values(items.size());
    for (std::size_t i = 0; i < items.size(); i++)
        made[i] = any_to_c(items[i], parts);
    pc_value value = make_value(kind);
    value.as.items = {made, items.size()};
    return value;
}

template <class Entry> pc_value entries_to_c(const std::vector<Entry> &entries, arena &parts) {
    pc_value *const made = parts.values(2 * entries.size());
    for (std::size_t i = 0; i < entries.size(); i++) {
        made[2 * i] = any_to_c(entries[i].first, parts);
        made[2 * i + 1] = any_to_c(entries[i].second, parts);
    }
    pc_value value = make_value(PC_VALUE_MAP);
    value.as.items = {made, entries.size()};
    return value;
}

template <class Array> pc_value any_array_to_c(const Array &array, arena &parts) {
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
    return with_shape(made, array.shape.data(), array.shape.size(), parts);
}

template <class Any> pc_value any_to_c(const Any &value, arena &parts) {
    return std::visit(
        [&](const auto &held) -> pc_value {
            using T = std::decay_t<decltype(held)>;
            if constexpr (std::is_same_v<T, std::nullptr_t>)
                return pc_value_null();
            else if constexpr (std::is_same_v<T, undefined>)
                return make_value(PC_VALUE_UNDEFINED);
            else if constexpr (std::is_same_v<T, any_array>)
                return any_array_to_c(held, parts);
            else if constexpr (std::is_same_v<T, any_tuple>)
                return items_to_c(PC_VALUE_TUPLE, held.items, parts);
            else if constexpr (std::is_same_v<T, typename Any::list>)
                return items_to_c(PC_VALUE_LIST, held, parts);
            else if constexpr (std::is_same_v<T, any_set>)
                return items_to_c(PC_VALUE_SET, held.items, parts);
            else if constexpr (std::is_same_v<T, any_map>)
                return entries_to_c(held.entries, parts);
            else if constexpr (std::is_same_v<T, encoded>)
                return make_bytes(PC_VALUE_ENCODED, held.bytes.data(), held.bytes.size());
            else
                return scalar_to_c(held);
        },
        value.held());
}

// ---- From C. ----

inline std::vector<std::byte> owned_bytes(const pc_value &value) {
    const bytes_ref held = bytes_of(value);
    return {held.begin(), held.begin() + held.size};
}

template <class Any> std::vector<Any> items_from_c(const pc_value_items &items) {
    std::vector<Any> made;
    made.reserve(items.len);
    for (std::size_t i = 0; i < items.len; i++)
        made.push_back(any_from_c<Any>(items.items[i]));
    return made;
}

template <class Any> Any map_from_c(const pc_value_items &items) {
    any_map map;
    for (std::size_t i = 0; i < items.len; i++)
        map.entries.emplace_back(any_from_c<Any>(items.items[2 * i]),
                                 any_from_c<Any>(items.items[2 * i + 1]));
    return map;
}

/// An array of several dimensions, or bytes that only the library understands.
template <class Any> Any encoded_from_c(const pc_value &value) {
    any_array array;
    pc_value numbers;
    buffer storage;
    if (!take_shaped(
            value, [&](std::uint64_t length) { array.shape.push_back(length); }, numbers, storage))
        return encoded{owned_bytes(value)};
    array.element = numbers.subtype;
    array.bytes = owned_bytes(numbers);
    return array;
}

template <class Any> Any any_from_c(const pc_value &value) {
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
        return std::string(bytes_of(value).text());
    case PC_VALUE_BYTES:
        return owned_bytes(value);
    case PC_VALUE_UUID:
        return from_c<uuid>(value);
    case PC_VALUE_DATE:
        return from_c<date>(value);
    case PC_VALUE_DATETIME:
        return from_c<datetime>(value);
    case PC_VALUE_ARRAY:
        return any_array{value.subtype, owned_bytes(value), {}};
    case PC_VALUE_TUPLE:
        return any_tuple{items_from_c<Any>(value.as.items)};
    case PC_VALUE_LIST:
        return items_from_c<Any>(value.as.items);
    case PC_VALUE_SET:
        return any_set{items_from_c<Any>(value.as.items)};
    case PC_VALUE_MAP:
        return map_from_c<Any>(value.as.items);
    default:
        return encoded_from_c<Any>(value);
    }
}

} // namespace pc::detail
/// \endcond

#endif
