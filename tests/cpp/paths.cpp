/* Paths as arguments. The header does not include <filesystem>, without which a small program compiles in
 * half the time. The kinds of paths that a std::filesystem::path can be made of compile as they did when it
 * was the argument's type.
 */
#include "check.hpp"

template <class Path> inline constexpr bool opens = std::is_constructible_v<pc::environment, Path>;
static_assert(opens<std::filesystem::path> && opens<std::filesystem::directory_entry> &&
              opens<const char *> && opens<std::string> && opens<std::string_view> && opens<char (&)[5]> &&
              opens<std::wstring> && opens<const char16_t *> && opens<std::u32string_view>);
static_assert(!opens<int> && !opens<std::nullptr_t> && !opens<char> && !opens<std::vector<int>> &&
              !opens<const unsigned char *>);
static_assert(std::is_convertible_v<std::filesystem::path, pc::path_argument>);

/// Creates an environment at a path relative to the test's directory; returns whether it exists.
template <class Path> static bool makes(const Path &path, const std::string &expected) {
    struct working_directory {
        std::filesystem::path before = std::filesystem::current_path();
        working_directory() { std::filesystem::current_path(check::directory()); }
        ~working_directory() { std::filesystem::current_path(before); }
    } restored;
    if (std::filesystem::exists(expected))
        return false;
    const pc::environment env(path);
    return std::filesystem::is_regular_file(expected + "/data.mdb");
}

TEST(a_path_is_narrow_text) {
    CHECK(makes("literal", "literal"));
    const char array[] = "array\0behind";
    CHECK(makes(array, "array"));
    CHECK(makes(static_cast<const char *>("pointer"), "pointer"));
    CHECK(makes(std::string("string"), "string"));
    CHECK(makes(std::string_view("view of a part").substr(0, 4), "view"));
    THROWS(pc::invalid_argument, "not UTF-8", pc::environment("\xff"));
}

TEST(a_path_is_one_of_the_standard_library) {
    CHECK(makes(std::filesystem::path("path"), "path"));
    CHECK(makes(std::filesystem::path("caf\xc3\xa9"), "caf\xc3\xa9"));
    CHECK(makes(std::filesystem::directory_entry("entry"), "entry"));
}

TEST(a_path_is_text_of_any_type_of_characters) {
    CHECK(makes(u8"u8 caf\u00e9", "u8 caf\xc3\xa9"));
    CHECK(makes(u"u16 A \u00e9 \u20ac \U0001f600", "u16 A \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
    CHECK(makes(std::u32string(U"u32 \u07ff\u0800\uffff\U00010000\U0010ffff"),
                "u32 \xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
    CHECK(makes(std::wstring_view(L"wide \u00e9"), "wide \xc3\xa9"));
    const char16_t alone[] = {u'a', 0xD800, u'b', 0};
    const char16_t at_the_end[] = {0xD800, 0};
    const char16_t low[] = {0xDC00, u'a', 0};
    THROWS(pc::invalid_argument, "Unicode", pc::environment(alone));
    THROWS(pc::invalid_argument, "Unicode", pc::environment(at_the_end));
    THROWS(pc::invalid_argument, "Unicode", pc::environment(low));
    THROWS(pc::invalid_argument, "Unicode", pc::environment(std::u32string(1, char32_t{0x110000})));
    THROWS(pc::invalid_argument, "Unicode", pc::environment(std::u32string(1, char32_t{0xDFFF})));
}

TEST(a_path_with_a_nul_inside_is_refused) {
    THROWS(pc::invalid_argument, "NUL", pc::environment(std::filesystem::path(std::string("a\0b", 3))));
    THROWS(pc::invalid_argument, "NUL", pc::environment(std::u16string(u"a\0b", 3)));
    THROWS(pc::invalid_argument, "NUL", check::environment().copy_to(std::string("a\0b", 3)));
}

TEST(a_copy_takes_the_same_paths) {
    const pc::environment env = check::environment();
    CHECK(env.copy_to(check::directory() / "first") &&
          env.copy_to((check::directory() / "second").string()) &&
          env.copy_to((check::directory() / "third").u16string(), true) &&
          !env.copy_to((check::directory() / "third").c_str()));
    CHECK(std::filesystem::exists(check::directory() / "first/data.mdb") &&
          std::filesystem::exists(check::directory() / "second/data.mdb") &&
          std::filesystem::exists(check::directory() / "third/data.mdb"));
}
