/// \file
/// Stored types that C++ has no type for: UUIDs, dates, and dates with times.
#ifndef PERSISTENT_COLLECTIONS_SCALARS_HPP
#define PERSISTENT_COLLECTIONS_SCALARS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "error.hpp"

namespace pc {

/// A UUID: 16 bytes, in the order of its text. Stored as `uuid`.
///
/// ```cpp
/// pc::uuid id = pc::uuid::parse("123e4567-e89b-12d3-a456-426614174000");
/// assert(id.bytes[0] == 0x12);
/// assert(id.text() == "123e4567-e89b-12d3-a456-426614174000");
/// ```
struct uuid {
    /// The bytes.
    std::array<std::uint8_t, 16> bytes{};

    /// Reads the text form, 32 hexadecimal digits with or without hyphens. Throws pc::invalid_argument.
    [[nodiscard]] static uuid parse(std::string_view text) {
        uuid made;
        std::size_t digits = 0;
        for (const char c : text) {
            const int digit = value_of(c);
            if (c == '-' && digits % 4 == 0 && digits >= 8 && digits <= 20)
                continue;
            if (digit < 0 || digits >= 32)
                throw invalid_argument("\"" + std::string(text) + "\" is not the text of a UUID");
            std::uint8_t &byte = made.bytes[digits / 2];
            byte = static_cast<std::uint8_t>(byte << 4 | digit);
            digits++;
        }
        if (digits != 32)
            throw invalid_argument("\"" + std::string(text) + "\" is not the text of a UUID");
        return made;
    }

    /// The text form, in lower case and with hyphens.
    [[nodiscard]] std::string text() const {
        static constexpr char digits[] = "0123456789abcdef";
        std::string made;
        for (std::size_t at = 0; at < bytes.size(); at++) {
            if (at == 4 || at == 6 || at == 8 || at == 10)
                made += '-';
            made += digits[bytes[at] >> 4];
            made += digits[bytes[at] & 15];
        }
        return made;
    }

    /// Checks whether two are equal.
    friend bool operator==(const uuid &a, const uuid &b) noexcept { return order(a, b) == 0; }
    /// Checks whether two differ.
    friend bool operator!=(const uuid &a, const uuid &b) noexcept { return order(a, b) != 0; }
    /// Compares two in the order of keys.
    friend bool operator<(const uuid &a, const uuid &b) noexcept { return order(a, b) < 0; }

  private:
    static int order(const uuid &a, const uuid &b) noexcept { return std::memcmp(&a.bytes, &b.bytes, 16); }
    static int value_of(char c) noexcept {
        if (c >= '0' && c <= '9')
            return c - '0';
        if (c >= 'a' && c <= 'f')
            return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    }
};

/// A date of the proleptic Gregorian calendar. Stored as `date`.
struct date {
    /// Days since 1970-01-01.
    std::int32_t days = 0;

    /// Checks whether two are equal.
    friend bool operator==(date a, date b) noexcept { return a.days == b.days; }
    /// Checks whether two differ.
    friend bool operator!=(date a, date b) noexcept { return a.days != b.days; }
    /// The order of keys.
    friend bool operator<(date a, date b) noexcept { return a.days < b.days; }
};

/// A date and time of day without a zone. Stored as `datetime`.
struct datetime {
    /// Microseconds since 1970-01-01T00:00:00.
    std::int64_t microseconds = 0;

    /// Checks whether two are equal.
    friend bool operator==(datetime a, datetime b) noexcept { return a.microseconds == b.microseconds; }
    /// Checks whether two differ.
    friend bool operator!=(datetime a, datetime b) noexcept { return a.microseconds != b.microseconds; }
    /// The order of keys.
    friend bool operator<(datetime a, datetime b) noexcept { return a.microseconds < b.microseconds; }
};

} // namespace pc

#endif
