/// \file
/// Keys and values as bytes: how each C++ type is encoded in a collection, typed, raw or of `any`.
///
/// This file is internal; docs/format.md specifies the bytes.
#ifndef PERSISTENT_COLLECTIONS_CODEC_HPP
#define PERSISTENT_COLLECTIONS_CODEC_HPP

#include <string>

#include "any_convert.hpp"

/// \cond internal
namespace pc::detail {

enum class form : unsigned char {
    typed, ///< as the C++ type is stored
    raw,   ///< without a schema: keys of numbers as in memory
    any    ///< of `any`, though opened as something else
};

/// What one column of a collection holds.
struct column {
    form how = form::typed;
    std::string type; ///< as stored
};

struct columns {
    column key;
    column value;
};

/// The unsigned integer of a size.
template <std::size_t Size>
using unsigned_of =
    std::conditional_t<Size == 1, std::uint8_t,
                       std::conditional_t<Size == 2, std::uint16_t,
                                          std::conditional_t<Size == 4, std::uint32_t, std::uint64_t>>>;

/// The bits of a number, so that they sort as the numbers do.
template <class T> unsigned_of<sizeof(T)> ordered_bits(T number) noexcept {
    using bits = unsigned_of<sizeof(T)>;
    constexpr bits sign = static_cast<bits>(bits{1} << (8 * sizeof(T) - 1));
    if constexpr (is_real<T>) {
        if (number == 0)
            number = 0; // which has no sign
        bits made;
        std::memcpy(&made, &number, sizeof made);
        return (made & sign) != 0 ? static_cast<bits>(~made) : static_cast<bits>(made | sign);
    } else {
        const bits made = static_cast<bits>(number);
        return std::is_signed_v<integer_of_t<T>> ? static_cast<bits>(made ^ sign) : made;
    }
}

template <class T> T from_ordered_bits(unsigned_of<sizeof(T)> made) noexcept {
    using bits = unsigned_of<sizeof(T)>;
    constexpr bits sign = static_cast<bits>(bits{1} << (8 * sizeof(T) - 1));
    if constexpr (is_real<T>) {
        made = (made & sign) != 0 ? static_cast<bits>(made ^ sign) : static_cast<bits>(~made);
        T number;
        std::memcpy(&number, &made, sizeof number);
        return number;
    } else {
        if constexpr (std::is_signed_v<integer_of_t<T>>)
            made = static_cast<bits>(made ^ sign);
        return static_cast<T>(static_cast<integer_of_t<T>>(made));
    }
}

template <class T> bytes_ref number_key(T number, form how, scratch &room) noexcept {
    if (how == form::raw) {
        std::memcpy(room.small, &number, sizeof number);
    } else {
        const auto bits = ordered_bits(number);
        for (std::size_t i = 0; i < sizeof bits; i++)
            room.small[i] = static_cast<std::byte>(bits >> (8 * (sizeof bits - 1 - i)));
    }
    return room.keep(sizeof number);
}

template <class T> T key_number(const std::byte *at, form how) noexcept {
    if (how == form::raw) {
        T number;
        std::memcpy(&number, at, sizeof number);
        return number;
    }
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); i++)
        bits = bits << 8 | std::to_integer<std::uint64_t>(at[i]);
    return from_ordered_bits<T>(static_cast<unsigned_of<sizeof(T)>>(bits));
}

/// Encodes a key through the library.
template <class T> pc_status encode_key_in(const char *type, const T &key, scratch &room, bytes_ref &out) {
    arena parts;
    const pc_value value = to_c(key, parts);
    const pc_status status = pc_encode_key(type, &value, room.filled.get());
    if (status == PC_OK)
        out = room.keep_filled();
    return status;
}

/// Encodes a key. A status that is an error says that the collection cannot hold it; pc_last_error() says
/// why.
template <class T> pc_status encode_key(const column &to, const T &key, scratch &room, bytes_ref &out) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::tuple || what == sort::any) {
        return encode_key_in(to.type.c_str(), key, room, out);
    } else {
        if (to.how == form::any)
            return encode_key_in("any", key, room, out);
        if constexpr (what == sort::integer || what == sort::real) {
            out = number_key(key, to.how, room);
        } else if constexpr (what == sort::boolean) {
            room.small[0] = static_cast<std::byte>(key ? 1 : 0);
            out = room.keep(1);
        } else if constexpr (what == sort::text) {
            const std::string_view text(key);
            if (to.how == form::typed && (text.empty() || text.front() == '\0')) {
                std::byte *const at = room.large.resize(text.size() + 1);
                at[0] = std::byte{0};
                if (!text.empty())
                    std::memcpy(at + 1, text.data(), text.size());
                out = {at, text.size() + 1};
            } else {
                out = {text.data(), text.size()};
            }
        } else if constexpr (what == sort::bytes) {
            out = {key.data(), key.size()};
        } else if constexpr (what == sort::uuid) {
            out = {key.bytes.data(), key.bytes.size()};
        } else if constexpr (what == sort::date) {
            out = number_key(key.days, to.how, room);
        } else if constexpr (what == sort::datetime) {
            out = number_key(key.microseconds, to.how, room);
        } else {
            static_assert(what == sort::opaque);
            out = {&key, sizeof key};
        }
        return PC_OK;
    }
}

/// The same for an argument of a call; the collection cannot hold one that would not come back equal.
template <class T>
pc_status encode_key(const column &to, const number_argument<T> &key, scratch &room, bytes_ref &out) {
    return is_exact(key) ? encode_key(to, static_cast<const T &>(key), room, out) : PC_ERR_BAD_KEY;
}
template <class Tuple>
pc_status encode_key(const column &to, const tuple_argument<Tuple> &key, scratch &room, bytes_ref &out) {
    return is_exact(key) ? encode_key(to, static_cast<const Tuple &>(key), room, out) : PC_ERR_BAD_KEY;
}

template <class T> bytes_ref number_value(const T &number, scratch &room) noexcept {
    store_little(room.small, number);
    return room.keep(sizeof number);
}

/// Encodes a value, or throws.
template <class T> bytes_ref encode_value(const column &to, const T &value, scratch &room) {
    constexpr sort what = sort_of<T>();
    if (what == sort::any || to.how == form::any) {
        arena parts;
        const pc_value made = to_c(value, parts);
        check(pc_encode_value(what == sort::any ? to.type.c_str() : "any", &made, room.filled.get()));
        return room.keep_filled();
    }
    if constexpr (what == sort::integer || what == sort::real) {
        return number_value(value, room);
    } else if constexpr (what == sort::boolean) {
        room.small[0] = static_cast<std::byte>(value ? 1 : 0);
        return room.keep(1);
    } else if constexpr (what == sort::text || what == sort::bytes) {
        return {value.data(), value.size()};
    } else if constexpr (what == sort::uuid) {
        return {value.bytes.data(), value.bytes.size()};
    } else if constexpr (what == sort::date) {
        return number_value(value.days, room);
    } else if constexpr (what == sort::datetime) {
        return number_value(value.microseconds, room);
    } else if constexpr (what == sort::array) {
        bytes_ref numbers = array_in_memory(value);
        if constexpr (!lies_as_stored<T>) {
            std::byte *const turned = room.large.resize(numbers.size);
            store_array(turned, value);
            numbers.data = turned;
        }
        return numbers;
    } else if constexpr (what == sort::opaque) {
        if constexpr (!std::has_unique_object_representations_v<T>) {
            std::byte *const plain = room.large.resize(sizeof value);
            store_opaque(plain, value);
            return {plain, sizeof value};
        } else {
            return {&value, sizeof value};
        }
    } else {
        return {};
    }
}

template <class T> bytes_ref encode_value(const column &to, const number_argument<T> &value, scratch &room) {
    require_fit<T>(value);
    return encode_value(to, static_cast<const T &>(value), room);
}

[[noreturn]] inline void wrong_width(bool key, const std::string &type, std::size_t size) {
    const std::string message = "what is stored has " + std::to_string(size) + " bytes, which is no " +
                                (key ? "key" : "value") + " of type " + type;
    if (key)
        throw bad_key(message);
    throw bad_value(message);
}

/// Decodes what a key and a value have in common; `how` is how numbers in keys are written.
template <class T> T decode_plain(const bytes_ref &from, bool key, form how) {
    constexpr sort what = sort_of<T>();
    const auto require = [&](std::size_t width) {
        if (from.size != width)
            wrong_width(key, type_name<T>(), from.size);
        return from.begin();
    };
    const auto number = [&](auto zero) {
        using N = decltype(zero);
        const std::byte *at = require(sizeof(N));
        return key ? key_number<N>(at, how) : load_little<N>(at);
    };
    if constexpr (what == sort::integer || what == sort::real) {
        return number(T{});
    } else if constexpr (what == sort::boolean) {
        return *require(1) != std::byte{0};
    } else if constexpr (what == sort::text) {
        std::string_view text = from.text();
        if (key && how == form::typed && !text.empty() && text.front() == '\0')
            text.remove_prefix(1);
        return T(text);
    } else if constexpr (what == sort::bytes) {
        if constexpr (is_view<T>)
            return T(from.data, from.size);
        else
            return from.size != 0 ? T(from.begin(), from.begin() + from.size) : T();
    } else if constexpr (what == sort::uuid) {
        uuid made;
        std::memcpy(made.bytes.data(), require(16), 16);
        return made;
    } else if constexpr (what == sort::date) {
        return date{number(std::int32_t{})};
    } else if constexpr (what == sort::datetime) {
        return datetime{number(std::int64_t{})};
    } else if constexpr (what == sort::array) {
        if constexpr (is_view<T>) {
            using element = typename array_of<T>::number;
            if (from.size % sizeof(element) != 0)
                wrong_width(key, type_name<T>(), from.size);
            return T(from.data, from.size / sizeof(element));
        } else {
            T array{};
            if (!fill_array(array, from.begin(), from.size))
                wrong_width(key, type_name<T>(), from.size);
            return array;
        }
    } else {
        static_assert(what == sort::opaque);
        T made;
        std::memcpy(&made, require(sizeof(T)), sizeof(T));
        return made;
    }
}

/// Decodes through the library, which knows the type as it is stored.
template <class T, class Decode> T decode_any(const column &from, const bytes_ref &bytes, Decode decode) {
    pc_value value;
    buffer storage;
    check(decode(from.type.c_str(), bytes.data, bytes.size, &value, storage.get()));
    return from_c<T>(value);
}

template <class T> T decode_key(const column &from, const bytes_ref &key) {
    constexpr sort what = sort_of<T>();
    if constexpr (what == sort::any || what == sort::tuple)
        return decode_any<T>(from, key, pc_decode_key);
    else
        return from.how == form::any ? decode_any<T>(from, key, pc_decode_key)
                                     : decode_plain<T>(key, true, from.how);
}

template <class T> T decode_value(const column &from, const bytes_ref &bytes) {
    if constexpr (sort_of<T>() == sort::any) {
        return decode_any<T>(from, bytes, pc_decode_value);
    } else if constexpr (is_view<T>) {
        if (from.how == form::any)
            throw type_mismatch("values are stored as any, so that there is no " + type_name<T>() +
                                " to point to; read them as types that own what they hold");
        return decode_plain<T>(bytes, false, from.how);
    } else {
        return from.how == form::any ? decode_any<T>(from, bytes, pc_decode_value)
                                     : decode_plain<T>(bytes, false, from.how);
    }
}

} // namespace pc::detail
/// \endcond

#endif
