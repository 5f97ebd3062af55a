/* The stored forms of C++ types: each is written and read, byte for byte as in the golden environment. */
#include "check.hpp"

#include <cmath>
#include <limits>
#include <map>

enum class colour : std::uint8_t { red = 1, green = 200 };
struct point {
    std::int32_t x, y;
    friend bool operator==(const point &a, const point &b) { return a.x == b.x && a.y == b.y; }
};
struct padded {
    std::int8_t small;
    std::int64_t large;
};
struct four {
    std::array<unsigned char, 4> bytes;
    friend bool operator==(const four &a, const four &b) { return a.bytes == b.bytes; }
};
template <> struct pc::is_opaque<point> : std::true_type {};
template <> struct pc::is_opaque<padded> : std::true_type {};
template <> struct pc::is_opaque<four> : std::true_type {};

static std::vector<std::byte> bytes(std::initializer_list<int> numbers) {
    std::vector<std::byte> made;
    for (const int number : numbers)
        made.push_back(static_cast<std::byte>(number));
    return made;
}

TEST(every_type_has_its_name) {
    CHECK(pc::type_name<std::string>() == "str" && pc::type_name<std::string_view>() == "str");
    CHECK(pc::type_name<std::vector<std::byte>>() == "bytes" && pc::type_name<bool>() == "bool");
    CHECK(pc::type_name<signed char>() == "i8" && pc::type_name<unsigned char>() == "u8");
    CHECK(pc::type_name<short>() == "i16" && pc::type_name<unsigned short>() == "u16");
    CHECK(pc::type_name<int>() == "i32" && pc::type_name<unsigned>() == "u32");
    CHECK(pc::type_name<long long>() == "i64" && pc::type_name<unsigned long long>() == "u64");
    CHECK(pc::type_name<std::int64_t>() == "i64" && pc::type_name<std::uint64_t>() == "u64");
    CHECK(pc::type_name<float>() == "f32" && pc::type_name<double>() == "f64");
    CHECK(pc::type_name<pc::uuid>() == "uuid" && pc::type_name<pc::any_value>() == "any");
    CHECK(pc::type_name<pc::date>() == "date" && pc::type_name<pc::datetime>() == "datetime");
    CHECK(pc::type_name<colour>() == "u8" && pc::type_name<point>() == "opaque[8]");
    CHECK(pc::type_name<std::vector<float>>() == "f32[]" &&
          pc::type_name<pc::array_view<double>>() == "f64[]");
    CHECK(pc::type_name<std::array<std::int16_t, 4>>() == "i16[4]");
    CHECK(pc::type_name<std::array<std::array<double, 3>, 2>>() == "f64[2,3]");
    CHECK(pc::type_name<std::tuple<std::string, std::int64_t>>() == "(str,i64)");
    CHECK(pc::type_name<std::pair<bool, std::vector<std::byte>>>() == "(bool,bytes)");
}

/// Puts values as keys and as values, and finds them again, in the order given.
template <class T> static void survives(const std::vector<T> &ordered) {
    pc::environment env = check::environment();
    pc::dict<T, T> dict(env, "dict");
    pc::set<T> set(env, "set");
    for (auto value = ordered.rbegin(); value != ordered.rend(); ++value) {
        dict.put(*value, *value);
        set.insert(*value);
    }
    std::vector<T> keys(dict.keys().begin(), dict.keys().end());
    std::vector<T> values(dict.values().begin(), dict.values().end());
    CHECK(keys == ordered && values == ordered);
    CHECK(std::vector<T>(set.begin(), set.end()) == ordered);
    for (const T &value : ordered)
        CHECK(dict.at(value) == value && dict.find(value)->first == value && set.contains(value));
    CHECK(dict.first()->first == ordered.front() && dict.last()->second == ordered.back());
    CHECK(*set.first() == ordered.front() && *set.last() == ordered.back());
    env.drop("dict");
    env.drop("set");
}

template <class T> static void integer_survives() {
    using limits = std::numeric_limits<T>;
    std::vector<T> ordered = {limits::min(), static_cast<T>(1), static_cast<T>(limits::max() / 2),
                              limits::max()};
    if (std::is_signed_v<T>)
        ordered.insert(ordered.begin() + 1, {static_cast<T>(-1), static_cast<T>(0)});
    survives<T>(ordered);
}

TEST(scalars_are_stored_as_keys_and_values_in_order) {
    integer_survives<signed char>();
    integer_survives<unsigned char>();
    integer_survives<short>();
    integer_survives<unsigned short>();
    integer_survives<int>();
    integer_survives<unsigned>();
    integer_survives<long>();
    integer_survives<unsigned long>();
    integer_survives<long long>();
    integer_survives<unsigned long long>();
    const float infinite = std::numeric_limits<float>::infinity();
    survives<float>({-infinite, -1.5F, 0, 1e-40F, 1.5F, infinite});
    survives<double>({-infinite, -1.5, -5e-324, 0, 1e300, infinite});
    survives<bool>({false, true});
    survives<colour>({colour::red, colour::green});
    survives<std::byte>({std::byte{0}, std::byte{128}});
    survives<std::string>(
        {"", std::string(1, '\0'), std::string("\0a", 2), "a", std::string("a\0b", 3), "ä"});
    survives<std::vector<std::byte>>({bytes({0}), bytes({0, 1}), bytes({255})});
    survives<pc::uuid>({pc::uuid{}, pc::uuid::parse("123E4567-e89b-12d3-a456-426614174000")});
    survives<pc::date>({pc::date{-1}, pc::date{0}, pc::date{20000}});
    survives<pc::datetime>({pc::datetime{-1}, pc::datetime{0}, pc::datetime{1}});
    survives<point>({point{0, 0}, point{0, 1}, point{1, 0}});
}

TEST(zero_has_no_sign_as_a_key_and_keeps_it_as_a_value) {
    pc::environment env = check::environment();
    pc::dict<double, double> dict(env, "dict");
    dict.put(-0.0, -0.0);
    CHECK(dict.size() == 1 && !std::signbit(dict.begin()->first) && std::signbit(dict.at(0.0)));
    dict.put(1, std::nan(""));
    CHECK(std::isnan(dict.at(1)));
}

TEST(tuples_are_keys_and_sort_by_their_elements) {
    pc::environment env = check::environment();
    using key = std::tuple<std::string, std::int64_t, bool>;
    pc::set<key> tuples(env, "tuples");
    const std::vector<key> ordered = {{"", -1, false},   {std::string("\0", 1), 0, true},
                                      {"a", -300, true}, {"a", 2, false},
                                      {"a", 2, true},    {"b", 0, true}};
    tuples.insert_many(std::vector<key>(ordered.rbegin(), ordered.rend()));
    CHECK(std::vector<key>(tuples.begin(), tuples.end()) == ordered);
    CHECK(tuples.contains({"a", 2, true}) && !tuples.contains({"a", 3, true}));
    pc::dict<std::pair<float, pc::uuid>, int> pairs(env, "pairs");
    pairs.put({1.5F, pc::uuid{}}, 1);
    CHECK(pairs.at({1.5F, pc::uuid{}}) == 1 && pairs.begin()->first.first == 1.5F);
    using all =
        std::tuple<std::int8_t, std::uint64_t, float, double, std::vector<std::byte>, pc::date, pc::datetime>;
    pc::set<all> many(env, "all");
    const all one{-128, UINT64_MAX, -1.5F, 1e300, bytes({0, 255}), pc::date{-1}, pc::datetime{-2}};
    many.insert(one);
    CHECK(*many.begin() == one);
}

TEST(arrays_are_stored_as_values) {
    pc::environment env = check::environment();
    pc::dict<int, std::vector<float>> vectors(env, "vectors");
    vectors.put(1, {1.5F, -2});
    vectors.put(2, {});
    CHECK(vectors.at(1) == std::vector<float>({1.5F, -2}) && vectors.at(2).empty());
    pc::dict<int, std::array<std::int16_t, 3>> fixed(env, "fixed");
    fixed.put(1, {1, -2, 3});
    CHECK(fixed.at(1) == std::array<std::int16_t, 3>{1, -2, 3});
    using matrix = std::array<std::array<double, 3>, 2>;
    pc::dict<int, matrix> matrices(env, "matrices");
    matrices.put(1, {{{1, 2, 3}, {4, 5, 6}}});
    CHECK(matrices.at(1)[1][0] == 4);
    pc::dict<int, std::vector<colour>> colours(env, "colours");
    colours.put(1, {colour::green});
    CHECK(colours.at(1)[0] == colour::green && env.schema("colours")->value_type == "u8[]");
    std::vector<std::int64_t> large(100000);
    for (std::size_t i = 0; i < large.size(); i++)
        large[i] = static_cast<std::int64_t>(i);
    pc::dict<int, std::vector<std::int64_t>> larges(env, "larges");
    larges.put(1, large);
    CHECK(larges.at(1) == large);
}

TEST(structs_are_stored_by_their_bytes_without_padding) {
    pc::environment env = check::environment();
    pc::dict<int, padded> dict(env, "padded");
    padded a;
    std::memset(&a, 0x55, sizeof a);
    a.small = 1;
    a.large = 2;
    padded b;
    std::memset(&b, 0xaa, sizeof b);
    b.small = 1;
    b.large = 2;
    dict.put(1, a);
    CHECK(dict.at(1).small == 1 && dict.at(1).large == 2);
#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
    CHECK(dict.compare_exchange(1, b, b));
    CHECK(pc::any_value(a) == pc::any_value(b));
    pc::dict<int, pc::any_value> any(env, "any");
    any.put(1, a);
    CHECK(pc::dict<int, padded>(env, "any").compare_exchange(1, b, b));
#endif
#endif
}

TEST(types_that_differ_from_the_stored_ones_fail_at_open) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::int64_t> dict(env, "dict");
    pc::set<std::string> set(env, "set");
    THROWS(pc::type_mismatch, "i64", pc::dict<std::string, std::int32_t>(env, "dict"));
    THROWS(pc::type_mismatch, "str", pc::dict<int, std::int64_t>(env, "dict"));
    THROWS(pc::type_mismatch, "f64", pc::dict<std::string, double>(env, "dict"));
    THROWS(pc::type_mismatch, "any", pc::dict<std::string, pc::any_value>(env, "dict"));
    THROWS(pc::type_mismatch, "i32", pc::set<int>(env, "set"));
    THROWS(pc::wrong_kind, "dict", pc::set<std::string>(env, "dict"));
    THROWS(pc::wrong_kind, "set", pc::dict<std::string, int>(env, "set"));
    THROWS(pc::no_collection, "none", pc::set<int>(env, "none", pc::open_mode::existing));
    THROWS(pc::bad_name, "pc:", pc::set<int>(env, "pc:x"));
    THROWS(pc::bad_name, "NUL", pc::set<int>(env, std::string_view("a\0b", 3)));
    CHECK(env.collections().size() == 2);
}

TEST(a_stored_any_is_opened_as_narrower_types) {
    pc::environment env = check::environment();
    pc::dict<pc::any_value, pc::any_value> any(env, "any");
    any.put("Ada", 36);
    any.put(5, "five");
    any.put(pc::any_tuple{{"a", 1}}, 1.5);
    any.put(true, std::vector<float>{1, 2});
    pc::dict<std::string, std::int64_t> ages(env, "any");
    CHECK(ages.at("Ada") == 36 && ages.contains("Ada") && !ages.contains("Alan"));
    ages.put("Alan", 41);
    CHECK(any.at("Alan") == 41 && ages.increment("Alan") == 42);
    pc::dict<int, std::string> words(env, "any");
    CHECK(words.at(5) == "five" && words.find(5)->second == "five");
    CHECK((pc::dict<std::tuple<std::string, int>, double>(env, "any").at({"a", 1}) == 1.5));
    CHECK((pc::dict<bool, std::vector<float>>(env, "any").at(true) == std::vector<float>{1, 2}));
    CHECK((pc::dict<std::string, std::int64_t>(env, "any").range("A", "B").begin()->second == 36));
    CHECK(ages.prefix("Al").begin()->first == "Alan");
    // Reading a value that does not fit is a type error.
    THROWS(pc::bad_value, "i32", words.put(6, "six"), (pc::dict<int, int>(env, "any").at(6)));
    THROWS(pc::bad_value, "u8",
           (pc::dict<std::string, std::uint8_t>(env, "any").put("Ada", 1), any.put("Ada", 300),
            pc::dict<std::string, std::uint8_t>(env, "any").at("Ada")));
    pc::snapshot snapshot(env);
    THROWS(pc::type_mismatch, "any", snapshot.view(words, 5));
    THROWS(pc::type_mismatch, "any", pc::dict<int, std::string_view>(env, "any").at(5));
}

/* A typed dict reads a stored any without a pc::any_value in between, so each type has its own conversion
 * through `pc_value`: tested in both directions, from both sides, and refused if the other side stored
 * another type. */
template <class T, class Other>
static void through_any(pc::environment &env, const T &value, const Other &other) {
    pc::dict<std::string, pc::any_value> any(env, "any");
    pc::dict<std::string, T> typed(env, "any");
    typed.put("typed", value);
    any.put("any", value);
    CHECK(any.at("typed") == any.at("any") && any.at("typed").template as<T>() == value);
    CHECK(typed.at("any") == value && typed.find("typed")->second == value);
    any.put("other", other);
    THROWS(pc::bad_value, pc::type_name<T>(), typed.at("other"));
}

TEST(every_type_is_read_and_written_in_a_stored_any) {
    pc::environment env = check::environment();
    using matrix = std::array<std::array<float, 3>, 2>;
    through_any(env, true, 1);
    through_any(env, std::int8_t{-7}, 300);
    through_any(env, std::uint64_t{1} << 63, -1);
    through_any(env, colour::green, 300);
    through_any(env, 2.5f, 0.1);
    through_any(env, std::string("text"), nullptr);
    through_any(env, std::vector<std::byte>{std::byte{1}}, "text");
    through_any(env, std::vector<std::byte>(), "text");
    through_any(env, pc::uuid::parse("123e4567-e89b-12d3-a456-426614174000"), "text");
    through_any(env, pc::date{-1}, pc::datetime{-1});
    through_any(env, pc::datetime{5}, pc::date{5});
    through_any(env, std::vector<float>{1, 2}, std::vector<double>{1, 2});
    through_any(env, std::vector<float>(), matrix());
    through_any(env, std::array<float, 3>{1, 2, 3}, std::array<float, 2>());
    through_any(env, matrix{{{1, 2, 3}, {4, 5, 6}}}, std::vector<float>(6));
    through_any(env, matrix{{{1, 2, 3}, {4, 5, 6}}}, std::array<std::array<float, 2>, 3>());
    through_any(env, matrix{{{1, 2, 3}, {4, 5, 6}}}, std::array<std::array<double, 3>, 2>());
    through_any(env, matrix{{{1, 2, 3}, {4, 5, 6}}}, std::array<std::array<std::array<float, 1>, 3>, 2>());
    through_any(env, point{1, 2}, std::vector<std::byte>(7));
}

TEST(any_holds_everything) {
    pc::environment env = check::environment();
    pc::dict<std::string, pc::any_value> dict(env, "any");
    const pc::uuid id = pc::uuid::parse("00112233445566778899aabbccddeeff");
    const std::vector<std::pair<std::string, pc::any_value>> values = {
        {"array", std::vector<std::int16_t>{1, -2}},
        {"bool", true},
        {"bytes", bytes({0, 255})},
        {"date", pc::date{-1}},
        {"datetime", pc::datetime{1709210096123456}},
        {"empty list", pc::any_value::list{}},
        {"float", 1.5},
        {"int", -5},
        {"large", UINT64_MAX},
        {"list", pc::any_value::list{1, "a", nullptr, pc::any_value::list{2.5, false}}},
        {"map", pc::any_map{{{"z", 1}, {2, "b"}, {"nested", pc::any_map{{{"x", pc::any_value::list{1}}}}}}}},
        {"matrix", std::array<std::array<float, 3>, 2>{{{1, 2, 3}, {4, 5, 6}}}},
        {"null", nullptr},
        {"set", pc::any_set{{3, "x", 1.5}}},
        {"text", "käse"},
        {"tuple", pc::any_tuple{{1, "b", pc::any_tuple{{nullptr}}}}},
        {"undefined", pc::undefined{}},
        {"uuid", id},
    };
    dict.put_many(values);
    CHECK(dict.size() == values.size());
    auto stored = dict.begin();
    for (const auto &[name, value] : values) {
        if (stored->first != name || stored->second != value)
            check::fail(__FILE__, __LINE__, name + " came back as something else");
        ++stored;
    }
    CHECK((dict.at("matrix").as<std::array<std::array<float, 3>, 2>>()[1][2] == 6));
    CHECK(dict.at("array").as<std::vector<std::int16_t>>()[1] == -2 && dict.at("array").size() == 2);
    CHECK(!dict.at("array").is<std::vector<std::int32_t>>());
    CHECK(dict.at("map")["nested"]["x"][0] == 1 && dict.at("map")["missing"].is_null() &&
          dict.at("map").size() == 3);
    CHECK(dict.at("list")[3][0].as<double>() == 2.5 && dict.at("tuple")[2][0].is_null());
    CHECK(dict.at("large").as<std::uint64_t>() == UINT64_MAX && !dict.at("large").is<std::int64_t>());
    CHECK(dict.at("int").is<std::int8_t>() && !dict.at("int").is<std::uint8_t>() &&
          !dict.at("int").is<double>());
    THROWS(pc::bad_value, "no list", dict.at("text")[0]);
    THROWS(pc::bad_value, "4 items", dict.at("list")[4]);
    THROWS(pc::bad_value, "no map", dict.at("list")["x"]);
    THROWS(pc::bad_value, "str", dict.at("int").as<std::string>());
    CHECK(pc::any_value(1) != pc::any_value(1.0) && pc::any_value(1) != pc::any_value(true));
    CHECK(pc::any_value(0.0) != pc::any_value(-0.0) &&
          pc::any_value(std::nan("")) == pc::any_value(-std::nan("")));
    CHECK(pc::any_value(pc::any_set{{1, 2}}) == pc::any_value(pc::any_set{{2, 1}}));
    CHECK(pc::any_value(pc::any_set{{1, 2}}) != pc::any_value(pc::any_value::list{1, 2}));
}

TEST(an_array_that_does_not_match_its_shape_is_refused) {
    pc::environment env = check::environment();
    pc::dict<int, pc::any_value> dict(env, "dict");
    pc::any_array array;
    array.bytes.resize(6);
    array.shape = {2, 3};
    dict.put(1, array);
    CHECK(dict.at(1) == array);
    array.shape = {2, 2};
    THROWS(pc::bad_value, "6 numbers", dict.put(1, array));
    array.shape = {std::uint64_t{1} << 63, 2};
    THROWS(pc::bad_value, "dimensions", dict.put(1, array));
    CHECK(dict.at(1).size() == 6);
}

TEST(values_of_any_compare_both_ways_in_every_standard) {
    const auto differ = [](const auto &a, const auto &b) {
        return a != b && !(a != a) && a == a && !(a == b);
    };
    CHECK(differ(pc::any_tuple{{1}}, pc::any_tuple{{2}}));
    CHECK(differ(pc::any_set{{1}}, pc::any_set{{2}}));
    CHECK(differ(pc::any_map{{{1, 2}}}, pc::any_map{{{1, 3}}}));
    CHECK(differ(pc::any_array{}, pc::any_array{PC_ELEMENT_I8, {}, {}}));
    CHECK(differ(pc::encoded{}, pc::encoded{{std::byte{1}}}));
    CHECK(!(pc::undefined{} != pc::undefined{}));
}

TEST(items_of_any_are_indexed_by_integers_of_every_type) {
    const pc::any_value list = pc::any_value::list{1, 2, 3};
    const auto second = [&](auto index) { return list[index].template as<int>() == 2; };
    CHECK(second(std::int8_t{1}) && second(1) && second(1L) && second(1LL));
    CHECK(second(std::uint8_t{1}) && second(1u) && second(1ul) && second(1ull));
    CHECK(list[0] == 1 && list[0u] == 1);
    THROWS(pc::bad_value, "at -1", list[-1]);
    THROWS(pc::bad_value, "3 items, none at 3", list[3u]);
}

TEST(any_keys_are_ordered_and_distinct) {
    pc::environment env = check::environment();
    pc::set<pc::any_value> set(env, "set");
    const std::vector<pc::any_value> ordered = {
        nullptr,    bytes({0}), "",    "a",  pc::any_tuple{}, pc::any_tuple{{nullptr, 1}}, -5, 1,
        UINT64_MAX, 1.0,        false, true, pc::uuid{}};
    set.insert_many(std::vector<pc::any_value>(ordered.rbegin(), ordered.rend()));
    CHECK(std::vector<pc::any_value>(set.begin(), set.end()) == ordered);
    CHECK(set.contains(1) && set.contains(1.0) && set.contains(true) && !set.contains(2));
    CHECK(set.contains_many({pc::any_value(1), pc::any_value(pc::any_value::list{})}) ==
          std::vector<bool>({true, false}));
    THROWS(pc::bad_key, "list", set.insert(pc::any_value::list{1}));
}

/// Returns the stored bytes of a key's value.
static std::string stored(pc_dict dict, std::string_view key) {
    pc::buffer value;
    pc::check(pc_dict_get_buffer(dict, key.data(), key.size(), value.get()));
    return std::string(value.view());
}

/// Reads every golden value as a T, writes it again, and compares the bytes.
template <class T> static void golden_values(const pc::environment &golden, const pc::environment &env) {
    const std::string name = "value " + pc::type_name<T>();
    pc::dict<std::string, T> from(golden, name, pc::open_mode::existing);
    pc::dict<std::string, T> to(env, name);
    for (const auto &[key, value] : from) {
        to.put(key, value);
        const std::string was = stored(from.handle(), key);
        const std::string is = stored(to.handle(), key);
        if (is != was && pc::type_name<T>() == "any") // it can be read, but is written in another form
            CHECK(from.at(key) == to.at(key));
        else if (is != was)
            check::fail(__FILE__, __LINE__, name + ", " + key + ": other bytes");
    }
}

template <class T> static void golden_keys(const pc::environment &golden, const pc::environment &env) {
    const std::string name = "key " + pc::type_name<T>();
    pc::set<T> from(golden, name, pc::open_mode::existing);
    pc::set<T> to(env, name);
    for (const auto &element : from) {
        CHECK(to.insert(element).second && from.contains(element));
        CHECK(from.find(element).encoded_key() == to.find(element).encoded_key());
    }
    CHECK(from.size() == to.size() && from.size() != 0);
}

TEST(golden_data_is_read_and_written_byte_for_byte) {
    const std::filesystem::path data =
        std::filesystem::path(__FILE__).parent_path() / "../vectors/golden/data.mdb";
    std::filesystem::create_directory(check::directory() / "golden");
    std::filesystem::copy_file(data, check::directory() / "golden/data.mdb");
    pc::environment golden(check::directory() / "golden");
    pc::environment env = check::environment();

    using visit = void (*)(const pc::environment &, const pc::environment &);
    std::map<std::string, visit> types;
    const auto both = [&](auto... examples) {
        (types.emplace("key " + pc::type_name<decltype(examples)>(), golden_keys<decltype(examples)>), ...);
        (types.emplace("value " + pc::type_name<decltype(examples)>(), golden_values<decltype(examples)>),
         ...);
    };
    both(std::int8_t{}, std::int16_t{}, std::int32_t{}, std::int64_t{}, std::uint8_t{}, std::uint16_t{},
         std::uint32_t{}, std::uint64_t{}, float{}, double{}, bool{}, std::string{}, std::vector<std::byte>{},
         pc::uuid{}, pc::date{}, pc::datetime{}, four{}, pc::any_value{});
    const auto keys = [&](auto... examples) {
        (types.emplace("key " + pc::type_name<decltype(examples)>(), golden_keys<decltype(examples)>), ...);
    };
    using bytes = std::vector<std::byte>;
    keys(std::tuple<std::string, std::int64_t>{}, std::tuple<bytes>{}, std::pair<bytes, bytes>{},
         std::tuple<std::uint64_t, std::int8_t>{}, std::tuple<float, double>{}, std::tuple<bool, pc::uuid>{},
         std::tuple<pc::date, pc::datetime>{}, std::tuple<pc::date>{},
         std::tuple<std::string, std::string, std::string>{}, std::tuple<std::int64_t>{});
    const auto values = [&](auto... examples) {
        (types.emplace("value " + pc::type_name<decltype(examples)>(), golden_values<decltype(examples)>),
         ...);
    };
    values(std::vector<std::int16_t>{}, std::vector<std::uint8_t>{}, std::array<float, 3>{},
           std::array<std::array<double, 3>, 2>{}, std::array<std::uint64_t, 1>{},
           std::array<std::array<std::array<std::int8_t, 2>, 1>, 2>{});

    std::size_t seen = 0;
    for (const pc::collection_info &collection : golden.collections()) {
        if (collection.name.find("key ") != 0 && collection.name.find("value ") != 0)
            continue;
        const auto found = types.find(collection.name);
        if (found == types.end()) {
            check::fail(__FILE__, __LINE__, "no C++ type is tried for " + collection.name);
            continue;
        }
        found->second(golden, env);
        seen++;
    }
    CHECK(seen == types.size());
    pc::dict<std::tuple<std::string, std::int64_t>, std::string> tuples(golden, "tuple keys");
    CHECK(!tuples.empty());
}

TEST(collections_of_unknown_types_open_as_stored) {
    pc::environment env = check::environment();
    pc::dict<std::tuple<std::string, std::int32_t>, std::array<float, 2>> typed(env, "typed");
    typed.put({"a", 1}, {1, 2});
    pc::dict<pc::any_value, pc::any_value> looked(env, "typed", pc::open_mode::as_stored);
    const pc::any_value key = pc::any_tuple{{"a", 1}};
    CHECK(looked.begin()->first == key && looked.at(key) == std::vector<float>({1, 2}));
    looked.put(pc::any_tuple{{"b", 2}}, std::vector<float>{3, 4});
    CHECK(typed.at({"b", 2})[1] == 4);
    THROWS(pc::bad_value, "f32[2]", looked.put(key, "text"));
    THROWS(pc::no_collection, "none", (pc::dict<int, pc::any_value>(env, "none", pc::open_mode::as_stored)));
    pc::set<pc::uuid>(env, "ids").insert(pc::uuid{});
    CHECK(*pc::set<pc::any_value>(env, "ids", pc::open_mode::as_stored).begin() == pc::uuid{});
}

TEST(uuids_are_read_from_text) {
    const std::string text = "123e4567-e89b-12d3-a456-426614174000";
    CHECK(pc::uuid::parse(text).text() == text);
    CHECK(pc::uuid::parse("123E4567E89B12D3A456426614174000").text() == text);
    for (const char *wrong :
         {"", "123e4567", "123e4567-e89b-12d3-a456-42661417400g", "123e4567-e89b-12d3-a456-4266141740001"})
        THROWS(pc::invalid_argument, "UUID", pc::uuid::parse(wrong));
}
