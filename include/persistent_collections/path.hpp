/// \file
/// Paths as arguments, without `<filesystem>`, which takes longer to compile than the rest of a small
/// program.
#ifndef PERSISTENT_COLLECTIONS_PATH_HPP
#define PERSISTENT_COLLECTIONS_PATH_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "error.hpp"

namespace pc {

/// \cond internal
namespace detail {

/// Whether it is a `std::filesystem::path`, or a class with the same function.
template <class T, class = void> struct is_path : std::false_type {};
template <class T>
struct is_path<T, std::void_t<decltype(std::declval<const T &>().u8string())>> : std::true_type {};

/// Whether it has a path, as a `std::filesystem::directory_entry` does.
template <class T, class = void> struct has_path : std::false_type {};
template <class T>
struct has_path<T, std::void_t<decltype(std::declval<const T &>().path().u8string())>> : std::true_type {};

/// The text that T converts to: a `std::string_view` of one of the types of characters, or void.
template <class T, class... Char> struct text_of { using type = void; };
template <class T, class Char, class... More> struct text_of<T, Char, More...> {
    using view = std::basic_string_view<Char>;
    using type = typename std::conditional_t<std::is_convertible_v<const T &, view>, text_of<view, Char>,
                                             text_of<T, More...>>::type;
};
template <class Char> struct text_of<std::basic_string_view<Char>, Char> {
    using type = std::basic_string_view<Char>;
};
template <class T>
using text_of_t = typename text_of<T, char,
#ifdef __cpp_char8_t
                                   char8_t,
#endif
                                   wchar_t, char16_t, char32_t>::type;

template <class T>
inline constexpr bool names_path = is_path<T>::value || has_path<T>::value ||
                                   (!std::is_void_v<text_of_t<T>> && !std::is_null_pointer_v<T>);

/// Encodes text of UTF-16 or UTF-32 as UTF-8.
template <class Char> std::string to_utf8(std::basic_string_view<Char> text) {
    std::string made;
    for (std::size_t at = 0; at < text.size(); at++) {
        auto code = static_cast<char32_t>(text[at]);
        if constexpr (sizeof(Char) == 2) {
            const auto low = at + 1 < text.size() ? static_cast<char32_t>(text[at + 1]) : 0;
            if (code >= 0xD800 && code < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                at++;
            }
        }
        if ((code >= 0xD800 && code < 0xE000) || code > 0x10FFFF)
            raise(PC_ERR_INVALID_ARGUMENT, "a path is not valid Unicode");
        const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        constexpr unsigned char heads[] = {0, 0xC0, 0xE0, 0xF0};
        made += static_cast<char>(heads[more] | (code >> (6 * more)));
        for (int left = more - 1; left >= 0; left--)
            made += static_cast<char>(0x80 | ((code >> (6 * left)) & 0x3F));
    }
    return made;
}

} // namespace detail
/// \endcond

/// The path of a file or directory, as an argument: text of any type of characters, a
/// `std::filesystem::path`, or a `std::filesystem::directory_entry`. Narrow
/// text is UTF-8.
class path_argument {
  public:
    /// Converts a path to bytes. Throws pc::invalid_argument if wide text is not valid Unicode.
    template <class Path, class = std::enable_if_t<detail::names_path<Path>>>
    path_argument(const Path &path) : bytes_(bytes_of(path)) {}

    /// The bytes of the path.
    [[nodiscard]] const std::string &bytes() const noexcept { return bytes_; }

  private:
    template <class Path> static std::string bytes_of(const Path &path) {
        if constexpr (detail::is_path<Path>::value) {
            const auto text = path.u8string();
            return {reinterpret_cast<const char *>(text.data()), text.size()};
        } else if constexpr (detail::has_path<Path>::value) {
            return bytes_of(path.path());
        } else {
            const detail::text_of_t<Path> text(path);
            if constexpr (sizeof(text[0]) == 1)
                return {reinterpret_cast<const char *>(text.data()), text.size()};
            else
                return detail::to_utf8(text);
        }
    }
    std::string bytes_;
};

} // namespace pc

#endif
