/* A value that would not come back equal is refused, and a look-up of a key that cannot be stored is a miss.
 *
 * The language converts a number to the type that a function takes, and truncates it: 300 was
 * stored as 44 in a dict of std::int8_t, 2.5 was found where 2 was stored, 1e300 became infinite, and a range
 * up to 300 ended at 44. Values of any that are stored as the same bytes differed, and comparing a set with a
 * duplicate element gave different answers from its two sides.
 */
#include "check.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <map>

using std::int64_t;
using std::int8_t;
using std::uint64_t;

enum small { ten = 10, thousand = 1000 };
static const double nan_of_double = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t beyond_double = (int64_t{1} << 53) + 1;

TEST(a_number_that_does_not_fit_is_refused_as_a_value) {
    pc::environment env = check::environment();
    pc::dict<int, int8_t> bytes(env, "bytes");
    pc::dict<int, uint64_t> unsigned_ones(env, "unsigned");
    pc::dict<int, int64_t> signed_ones(env, "signed");
    pc::dict<int, bool> flags(env, "flags");
    const auto refuses = [](auto &dict, auto value) {
        THROWS(pc::bad_value, "come back equal", dict.put(1, value));
        THROWS(pc::bad_value, "come back equal", dict[1] = value);
        THROWS(pc::bad_value, "", dict.insert_or_assign(1, value));
        THROWS(pc::bad_value, "", dict.try_emplace(1, value));
        THROWS(pc::bad_value, "", dict.insert({1, value}));
        THROWS(pc::bad_value, "", dict.insert(std::make_pair(1, value)));
        THROWS(pc::bad_value, "", dict.compare_exchange(1, std::nullopt, value));
        THROWS(pc::bad_value, "", dict.put_many({{2, 1}, {1, value}}));
        try {
            const std::map<long, decltype(value)> entries = {{1, static_cast<decltype(value)>(1)},
                                                             {2, value}};
            dict.put_many(entries);
            CHECK(false);
        } catch (const pc::bad_value &refused) {
            CHECK(refused.failed_at() == 1u);
        }
        CHECK(dict.empty());
        // No stored value equals it.
        dict.put(1, 1);
        CHECK(!dict.compare_exchange(1, value, 1) && dict.at(1) == 1);
        THROWS(pc::bad_value, "", dict.compare_exchange(1, value, value));
        dict.clear();
    };
    refuses(bytes, 300);
    refuses(bytes, -129L);
    refuses(bytes, 200u);
    refuses(bytes, UINT64_MAX);
    refuses(bytes, 2.5);
    refuses(bytes, 1e300);
    refuses(bytes, nan_of_double);
    refuses(bytes, 0.5L);
    refuses(bytes, thousand);
    refuses(unsigned_ones, -1);
    refuses(unsigned_ones, -1.0);
    refuses(unsigned_ones, 18446744073709551616.0);
    refuses(signed_ones, UINT64_MAX);
    refuses(signed_ones, 9223372036854775808.0F);
    refuses(flags, 2);
    refuses(flags, 0.5);
    // A number that fits is accepted, whatever its type is.
    for (const int fits : {-128, 0, 127}) {
        bytes.put(1, static_cast<long long>(fits));
        CHECK(bytes.at(1) == fits);
        bytes.put(2, static_cast<long double>(fits));
        CHECK(bytes.at(2) == fits);
    }
    bytes.put(3, ten);
    bytes.put(4, 'x');
    bytes.put(5, true);
    bytes.put(6, {});
    bytes.put(7, std::atomic<long>(7));
    bytes.put(8, signed_ones[1] = 8);
    CHECK(bytes.at(3) == 10 && bytes.at(4) == 'x' && bytes.at(5) == 1 && bytes.at(6) == 0 &&
          bytes.at(7) == 7 && bytes.at(8) == 8);
    signed_ones.put(1, 300);
    THROWS(pc::bad_value, "", bytes.put(1, std::atomic<long>(300)));
    THROWS(pc::bad_value, "", bytes.put(1, signed_ones[1]));
    unsigned_ones.put(1, UINT64_MAX);
    CHECK(unsigned_ones.at(1) == UINT64_MAX);
    flags.put(1, 1);
    CHECK(flags.at(1));
#ifdef __SIZEOF_INT128__
    __extension__ using wide = __int128;
    signed_ones.clear();
    refuses(signed_ones, static_cast<wide>(INT64_MAX) + 1);
    signed_ones.put(1, static_cast<wide>(INT64_MIN));
    CHECK(signed_ones.at(1) == INT64_MIN && !signed_ones.contains((static_cast<wide>(1) << 100) + 1));
#endif
}

TEST(a_real_number_is_rounded_only_from_double_to_float) {
    pc::environment env = check::environment();
    pc::dict<int, double> doubles(env, "doubles");
    pc::dict<int, float> floats(env, "floats");
    THROWS(pc::bad_value, "f64", doubles.put(1, beyond_double));
    THROWS(pc::bad_value, "f64", doubles.put(1, UINT64_MAX));
    THROWS(pc::bad_value, "f32", floats.put(1, 16777217));
    THROWS(pc::bad_value, "f32", floats.put(1, 1e300));
    THROWS(pc::bad_value, "f32", floats.put(1, -1e300));
    /* At run time, since valgrind computes a long double as a double. */
    volatile long double tenth = 0.1L;
    if (tenth != static_cast<long double>(static_cast<double>(tenth))) {
        THROWS(pc::bad_value, "f64", doubles.put(1, 0.1L));
        THROWS(pc::bad_value, "f32", floats.put(1, 0.1L));
        THROWS(pc::bad_value, "f64", doubles.put(1, std::numeric_limits<long double>::max()));
    }
    doubles.put(1, beyond_double - 1);
    doubles.put(2, 0.5L);
    doubles.put(3, 0.1F);
    doubles.put(4, std::numeric_limits<float>::infinity());
    doubles.put(5, std::numeric_limits<float>::quiet_NaN());
    doubles.put(6, std::numeric_limits<long double>::infinity());
    CHECK(doubles.at(1) == 9007199254740992.0 && doubles.at(2) == 0.5 && doubles.at(3) == double{0.1F});
    CHECK(std::isinf(doubles.at(4)) && std::isnan(doubles.at(5)) && std::isinf(doubles.at(6)));
    floats.put(1, 0.1);
    floats.put(2, -std::numeric_limits<double>::infinity());
    floats.put(3, nan_of_double);
    floats.put(4, 16777216);
    CHECK(floats.at(1) == 0.1F && std::isinf(floats.at(2)) && std::isnan(floats.at(3)) &&
          floats.at(4) == 16777216.0F);
}

TEST(a_look_up_of_a_key_that_does_not_fit_is_a_miss) {
    pc::environment env = check::environment();
    pc::dict<int8_t, int> dict(env, "dict");
    pc::set<int8_t> set(env, "set");
    dict.put(44, 1);
    dict.put(2, 1);
    set.insert_many({44, 2});
    const auto misses = [&](auto key) {
        CHECK(!dict.contains(key) && !dict.get(key) && dict.count(key) == 0 && dict.find(key) == dict.end());
        CHECK(!set.contains(key) && set.count(key) == 0 && set.find(key) == set.end());
        CHECK(dict.erase(key) == 0 && !dict.take(key) && set.erase(key) == 0);
        THROWS(pc::key_not_found, "", dict.at(key));
        THROWS(pc::key_not_found, "", static_cast<int>(dict[key]));
        CHECK(!dict.get_many({2, key})[1] && dict.get_many({2, key})[0] == 1);
        CHECK(set.contains_many({44, key}) == std::vector<bool>({true, false}));
        // Storing it, or using it as a bound, is an error.
        THROWS(pc::bad_key, "i8", dict.put(key, 1));
        THROWS(pc::bad_key, "i8", dict[key] = 1);
        THROWS(pc::bad_key, "", dict[key] += 1);
        THROWS(pc::bad_key, "", dict.insert_or_assign(key, 1));
        THROWS(pc::bad_key, "", dict.try_emplace(key, 1));
        THROWS(pc::bad_key, "", dict.increment(key));
        THROWS(pc::bad_key, "", dict.edit(key, [](int &) {}));
        THROWS(pc::bad_key, "", dict.compare_exchange(key, std::nullopt, 1));
        THROWS(pc::bad_key, "", dict.put_many({{key, 1}}));
        THROWS(pc::bad_key, "", set.insert(key));
        THROWS(pc::bad_key, "", set.insert_many({key}));
        THROWS(pc::bad_key, "", dict.range(0, key));
        THROWS(pc::bad_key, "", dict.range(pc::excluding(key), pc::unbounded));
        THROWS(pc::bad_key, "", dict.lower_bound(key));
        THROWS(pc::bad_key, "", set.upper_bound(key));
        try {
            set.insert_many(std::vector<decltype(key)>{1, key});
            CHECK(false);
        } catch (const pc::bad_key &refused) {
            CHECK(refused.failed_at() == 1u);
        }
        CHECK(dict.size() == 2 && set.size() == 2);
    };
    misses(300);
    misses(300L);
    misses(2.5);
    misses(258u);
    misses((uint64_t{1} << 32) + 2);
    misses(2.0000001);
    CHECK(dict.contains(2.0) && dict.contains(44ull) && set.contains(44.0F) && dict.get('\x02') == 1);

    pc::dict<float, int> floats(env, "floats");
    THROWS(pc::bad_key, "f32", floats.put(0.1, 1));
    floats.put(0.1F, 1);
    CHECK(!floats.contains(0.1) && floats.contains(0.1F) && floats.contains(double{0.1F}));
    pc::dict<double, int> doubles(env, "doubles");
    doubles.put(9007199254740992.0, 1);
    CHECK(!doubles.contains(beyond_double) && doubles.contains(beyond_double - 1));
    CHECK(!doubles.contains(nan_of_double) && !floats.contains(nan_of_double));
    THROWS(pc::bad_key, "NaN", doubles.put(nan_of_double, 1));
    THROWS(pc::bad_key, "NaN", doubles.range(nan_of_double, pc::unbounded));
    THROWS(pc::bad_key, "NaN", floats.lower_bound(nan_of_double));
    pc::dict<bool, int> flags(env, "flags");
    flags.put(true, 1);
    CHECK(!flags.contains(2) && flags.contains(1));
}

TEST(an_element_of_a_tuple_that_does_not_fit_is_refused_or_missed) {
    pc::environment env = check::environment();
    using key = std::tuple<std::string, int8_t>;
    pc::dict<key, int> dict(env, "dict");
    pc::set<std::pair<float, bool>> set(env, "set");
    dict.put({"a", 44}, 1);
    set.insert({0.1F, true});
    CHECK(dict.contains({"a", 44}) && dict.contains({"a", 44.0}) && !dict.contains({"a", 300}));
    CHECK(!dict.get({"a", 300}) && dict.find({"a", 300L}) == dict.end() && dict.erase({"a", 44.5}) == 0);
    CHECK(!dict.contains(std::make_tuple("a", 300)) && dict.contains(std::make_pair("a", 44)));
    CHECK(dict.get_many({{"a", 300}, {"a", 44}})[1] == 1 && !dict.get_many({{"a", 300}})[0]);
    THROWS(pc::bad_key, "(str,i8)", dict.put({"a", 300}, 1));
    THROWS(pc::bad_key, "", (dict[{"a", 300}] = 1));
    THROWS(pc::bad_key, "", dict.put_many({{{"a", 300}, 1}}));
    THROWS(pc::key_not_found, "", static_cast<int>(dict[{"a", 300}]));
    const std::vector<std::pair<const char *, long>> wide = {{"a", 44}, {"a", 300}};
    CHECK(dict.get_many(wide)[0] == 1 && !dict.get_many(wide)[1]);
    THROWS(pc::bad_key, "", dict.erase_many(wide));
    CHECK(set.contains({0.1F, true}) && set.contains({0.1F, 1}) && !set.contains({0.1, true}) &&
          !set.contains({0.1F, 2}));
    THROWS(pc::bad_key, "", set.insert({0.1, true}));
    CHECK(dict.size() == 1 && set.size() == 1);
    // Elements in separate braces, and existing tuples.
    pc::dict<std::tuple<std::vector<std::byte>, int>, int> bytes(env, "bytes");
    bytes.put({{}, 1}, 1);
    const auto there = std::make_tuple(std::vector<std::byte>(), 1);
    CHECK(bytes.at(there) == 1 && bytes.at({{}, 1}) == 1);
    pc::set<std::tuple<int8_t>> ones(env, "ones");
    ones.insert({1});
    CHECK(ones.contains(1) && ones.contains(std::make_tuple(1L)) && !ones.contains(257));
}

TEST(increment_takes_integers_only) {
    pc::environment env = check::environment();
    pc::dict<int, int> dict(env, "dict");
    dict.put(1, 1);
    THROWS(pc::invalid_argument, "integer", dict.increment(1, 2.5));
    THROWS(pc::invalid_argument, "", dict.increment(1, UINT64_MAX));
    THROWS(pc::invalid_argument, "", dict[1] += 0.5);
    THROWS(pc::invalid_argument, "", dict[1] -= 0.5);
    THROWS(pc::overflow, "", dict[1] -= INT64_MIN);
    THROWS(pc::overflow, "", dict.increment(1, INT64_MAX));
    CHECK(dict.at(1) == 1 && dict.increment(1, 2.0) == 3 && dict.increment(1, 4u) == 7);
    dict[1] -= 2L;
    CHECK(dict.at(1) == 5);
}

TEST(a_stored_any_refuses_values_that_the_opened_type_cannot_hold) {
    pc::environment env = check::environment();
    pc::dict<pc::any_value, pc::any_value> any(env, "any");
    pc::dict<int8_t, float> narrow(env, "any");
    narrow.put(44, 0.5);
    THROWS(pc::bad_key, "i8", narrow.put(300, 1));
    THROWS(pc::bad_value, "f32", narrow.put(44, 1e300));
    CHECK(!narrow.contains(300) && !narrow.contains(44.5) && narrow.contains(44) && any.size() == 1);
    CHECK(any.at(44) == 0.5 && !any.contains(44.0));
}

TEST(invalid_text_and_dates_are_refused_and_not_found) {
    pc::environment env = check::environment();
    const std::string wrong = "\xff";
    pc::dict<std::string, std::string> texts(env, "texts");
    pc::set<std::tuple<std::string, int>> tuples(env, "tuples");
    pc::dict<pc::any_value, pc::any_value> any(env, "any");
    THROWS(pc::bad_key, "UTF-8", texts.put(wrong, ""));
    THROWS(pc::bad_value, "UTF-8", texts.put("", wrong));
    THROWS(pc::bad_key, "UTF-8", tuples.insert({wrong, 1}));
    THROWS(pc::bad_key, "UTF-8", any.put(wrong, 1));
    THROWS(pc::bad_value, "UTF-8", any.put(1, wrong));
    THROWS(pc::bad_value, "UTF-8", any.put(1, pc::any_map{{{wrong, 1}}}));
    CHECK(!texts.contains(wrong) && !texts.get(wrong) && texts.erase(wrong) == 0 &&
          !tuples.contains({wrong, 1}));
    CHECK(!any.contains(wrong) && !any.contains(nan_of_double) &&
          !any.contains(pc::any_tuple{{nan_of_double}}));
    THROWS(pc::bad_value, "0000 to 9999", any.put(1, pc::datetime{INT64_MAX}));
    THROWS(pc::bad_value, "0000 to 9999", any.put(1, pc::date{INT32_MIN}));
    CHECK(texts.empty() && tuples.empty() && any.empty());
    // With a type, they are numbers, and all come back.
    pc::dict<pc::datetime, pc::date> typed(env, "typed");
    typed.put(pc::datetime{INT64_MIN}, pc::date{INT32_MAX});
    CHECK(typed.begin()->first == pc::datetime{INT64_MIN} && typed.begin()->second == pc::date{INT32_MAX});
}

TEST(values_of_any_compare_by_stored_bytes) {
    pc::environment env = check::environment();
    pc::set<pc::any_value> keys(env, "keys");
    pc::dict<int, pc::any_value> values(env, "values");
    const auto with = [](auto held) {
        pc::any_value made;
        made.held() = held;
        return made;
    };
    const std::vector<pc::any_value> scalars = {nullptr,
                                                true,
                                                false,
                                                0,
                                                1,
                                                -1,
                                                with(uint64_t{1}),
                                                with(uint64_t{0}),
                                                UINT64_MAX,
                                                INT64_MIN,
                                                0.0,
                                                -0.0,
                                                1.0,
                                                -1.0,
                                                "1",
                                                "",
                                                pc::date{1},
                                                pc::datetime{1},
                                                pc::uuid{},
                                                pc::any_tuple{{1}},
                                                pc::any_tuple{{with(uint64_t{1})}},
                                                pc::any_tuple{{1.0}},
                                                pc::any_tuple{{true}}};
    const auto value_bytes = [&](const pc::any_value &value) {
        values.put(1, value);
        std::string made;
        pc::buffer bytes;
        pc::check(pc_dict_get_buffer(values.handle(), values.begin().encoded_key().data(), 4, bytes.get()));
        return made.assign(bytes.view());
    };
    for (const pc::any_value &a : scalars)
        for (const pc::any_value &b : scalars) {
            CHECK((a == b) == (value_bytes(a) == value_bytes(b)));
            CHECK((a == b) == (b == a) && (a != b) == !(a == b));
            // As keys, both zeros are one key, and dates are refused.
            if (a.is<pc::date>() || a.is<pc::datetime>() || b.is<pc::date>() || b.is<pc::datetime>())
                continue;
            keys.clear();
            keys.insert_many(std::vector<pc::any_value>{a, b});
            const bool zeros = a.is<double>() && b.is<double>() && a.as<double>() == b.as<double>();
            CHECK((keys.size() == 1) == (a == b || zeros));
            CHECK(keys.find(a) != keys.end() && *keys.find(a) == *keys.find(*keys.find(a)));
        }
    CHECK(pc::any_set{{1, 1}} != pc::any_set{{1, 2}} && pc::any_set{{1, 2}} != pc::any_set{{1, 1}});
    CHECK(pc::any_set{{1, true}} != pc::any_set{{1, 2}} &&
          pc::any_set{{true, 1.0}} == pc::any_set{{1.0, true}});
    // It returns the stored value.
    keys.clear();
    CHECK(!std::signbit(keys.insert(-0.0).first->as<double>()) &&
          !std::signbit(keys.find(-0.0)->as<double>()));
}

TEST(sets_of_any_compare_by_stored_keys) {
    pc::environment env = check::environment();
    pc::set<pc::any_value> a(env, "a");
    pc::set<pc::any_value> b(env, "b");
    pc::set<pc::any_value> into(env, "into");
    using items = std::vector<pc::any_value>;
    const auto content = [](const pc::set<pc::any_value> &set) { return items(set.begin(), set.end()); };
    a.insert_many(items{1, true, 1.0});
    b.insert_many(items{1, 2});
    CHECK(a.size() == 3 && !a.is_subset_of(b) && !b.is_subset_of(a) && !a.includes(b) &&
          !a.is_disjoint_from(b));
    CHECK(content(a.intersection_into(b, into)) == items{1});
    CHECK(content(a.difference_into(b, into)) == (items{1.0, true}));
    CHECK(content(b.difference_into(a, into)) == items{2});
    CHECK(content(a.union_into(b, into)) == (items{1, 2, 1.0, true}));
    CHECK(content(a.symmetric_difference_into(b, into)) == (items{2, 1.0, true}));
    b.clear();
    b.insert(true);
    CHECK(b.is_subset_of(a) && a.includes(b));
    a -= b;
    CHECK(content(a) == (items{1, 1.0}) && a.is_disjoint_from(b));
    a.erase_many(items{1.0});
    CHECK(content(a) == items{1} && std::equal(a.begin(), a.end(), items{1}.begin()));
    pc::dict<pc::any_value, int> dict(env, "dict");
    dict.put(1, 1);
    dict.put(1.0, 2);
    dict.put(true, 3);
    CHECK(dict.size() == 3 && dict.at(1) == 1 && dict.at(1.0) == 2 && dict.at(true) == 3);
    CHECK(dict.get_many(items{true, 1.0, 1, "1"}) ==
          (std::vector<std::optional<int>>{3, 2, 1, std::nullopt}));
}
