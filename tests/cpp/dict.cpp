/* Dicts: look-ups, writes, and atomic operations. */
#include "check.hpp"

#include <cmath>
#include <iterator>
#include <map>
#include <sstream>
#include <unordered_map>

using ages_dict = pc::dict<std::string, std::int64_t>;

TEST(entries_are_put_read_and_erased) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    CHECK(ages.empty() && ages.size() == 0 && !ages.get("Ada") && !ages.contains("Ada") &&
          ages.count("Ada") == 0);
    ages.put("Ada", 36);
    ages.put("Alan", 41);
    CHECK(ages.size() == 2 && ages.get("Ada") == 36 && ages.at("Alan") == 41 && ages.contains("Ada"));
    ages.put("Ada", 37);
    CHECK(ages.size() == 2 && ages.get("Ada") == 37 && ages.count("Ada") == 1);
    CHECK(ages.erase("Ada") == 1 && ages.erase("Ada") == 0 && ages.size() == 1);
    ages.clear();
    CHECK(ages.empty());
    THROWS(pc::key_not_found, "no such key", ages.at("Ada"));
}

TEST(writes_of_another_object_are_seen) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    ages_dict same(env, "ages");
    ages.put("Ada", 36);
    CHECK(same.get("Ada") == 36);
    pc::environment other = check::environment();
    CHECK(ages_dict(other, "ages").get("Ada") == 36);
}

TEST(text_is_taken_as_views_and_literals) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> texts(env, "texts");
    const std::string_view view = std::string_view("keys").substr(0, 3);
    texts.put(view, "value");
    CHECK(texts.get("key") == "value" && texts.get(std::string("key")) == "value");
    texts.put("", "");
    texts.put(std::string_view("\0a", 2), std::string_view("\0b", 2));
    CHECK(texts.get("") == "" && texts.get(std::string_view("\0a", 2)) == std::string("\0b", 2));
    CHECK(texts.begin()->first.empty() && std::next(texts.begin())->first == std::string("\0a", 2));
    const std::string large(100000, 'x');
    texts.put("large", large);
    CHECK(texts.get("large") == large && texts.find("large")->second == large &&
          texts.take("large") == large);
}

TEST(places_store_read_and_add) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    ages["Ada"] = 36;
    CHECK(ages["Ada"] == 36);
    ages["Ada"] += 2;
    ages["Ada"] -= 1;
    CHECK(++ages["Ada"] == 38 && --ages["Ada"] == 37);
    const std::int64_t read = ages["Ada"];
    CHECK(read == 37);
    ages["copy"] = ages["Ada"];
    CHECK(ages.at("copy") == 37);
    ages["new"] += 5;
    CHECK(ages.at("new") == 5);
    THROWS(pc::key_not_found, "no such key", static_cast<std::int64_t>(ages["nobody"]));
    CHECK(!ages.contains("nobody"));
    THROWS(pc::overflow, "negative", ages["Ada"] -= INT64_MIN);
}

TEST(insert_or_assign_returns_whether_the_key_is_new) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    const auto first = ages.insert_or_assign("Ada", 1);
    CHECK(first.second && first.first->first == "Ada" && first.first->second == 1);
    const auto second = ages.insert_or_assign("Ada", 2);
    CHECK(!second.second && second.first->second == 2 && ages.at("Ada") == 2);
    CHECK(!env.in_transaction());
}

TEST(try_emplace_keeps_an_existing_value) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> texts(env, "texts");
    CHECK(texts.try_emplace("a", std::size_t{3}, 'x').second);
    const auto again = texts.try_emplace("a", "other");
    CHECK(!again.second && again.first->second == "xxx" && texts.at("a") == "xxx");
    CHECK(!texts.insert({"a", "y"}).second && texts.insert({"b", "y"}).second && texts.size() == 2);
}

TEST(erasing_by_iterator_and_by_range) {
    pc::environment env = check::environment();
    pc::dict<int, int> squares(env, "squares");
    for (int i = -5; i < 5; i++)
        squares.put(i, i * i);
    auto next = squares.erase(squares.find(-5));
    CHECK(next->first == -4 && squares.size() == 9);
    CHECK(squares.erase(squares.range(-2, 2)) == 4 && squares.size() == 5);
    // Removes all odd keys during the iteration.
    for (auto it = squares.begin(); it != squares.end();)
        it = it->first % 2 != 0 ? squares.erase(it) : ++it;
    CHECK(squares.size() == 3 && squares.first()->first == -4 && squares.last()->first == 4);
}

TEST(take_returns_a_value_once) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    ages.put("Ada", 36);
    CHECK(ages.take("Ada") == 36 && !ages.take("Ada") && ages.empty());
}

TEST(take_leaves_a_value_of_another_type) {
    pc::environment env = check::environment();
    pc::dict<std::string, pc::any_value> any(env, "any");
    any.put("text", "kept");
    any.put("number", 1);
    ages_dict ages(env, "any");
    THROWS(pc::bad_value, "i64", ages.take("text"));
    CHECK(any.at("text") == "kept");
    CHECK(ages.take("number") == 1 && !any.contains("number") && !ages.take("number"));
    CHECK(!ages.take("\xff") && any.take("text") == "kept" && any.empty());
}

TEST(compare_exchange_returns_the_current_value) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    std::optional<std::int64_t> expected = 1;
    CHECK(!ages.compare_exchange("a", expected, 2) && !expected);
    CHECK(ages.compare_exchange("a", expected, 2) && ages.at("a") == 2);
    CHECK(!ages.compare_exchange("a", expected, 3) && expected == 2);
    CHECK(ages.compare_exchange("a", expected, 3) && ages.at("a") == 3);
    CHECK(!ages.compare_exchange("a", 2, std::nullopt) && ages.compare_exchange("a", 3, std::nullopt));
    CHECK(!ages.contains("a"));
}

TEST(increment_starts_at_zero_and_refuses_to_overflow) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::uint8_t> small(env, "small");
    CHECK(small.increment("a") == 1 && small.increment("a", 254) == 255);
    THROWS(pc::overflow, "", small.increment("a"));
    CHECK(small.at("a") == 255 && small.increment("a", -255) == 0);
    pc::dict<std::string, pc::any_value> any(env, "any");
    CHECK(any.increment("a", 3) == 3 && any.at("a") == 3);
    any.put("text", "x");
    THROWS(pc::type_mismatch, "", any.increment("text"));
}

TEST(increment_keeps_to_the_opened_type_of_a_stored_any) {
    pc::environment env = check::environment();
    pc::dict<std::string, pc::any_value> any(env, "any");
    any.put("a", 126);
    pc::dict<std::string, std::int8_t> narrow(env, "any");
    CHECK(narrow.increment("a") == 127);
    THROWS(pc::overflow, "i8", narrow.increment("a"));
    THROWS(pc::overflow, "u16", pc::dict<std::string, std::uint16_t>(env, "any").increment("new", -1));
    CHECK(any.at("a") == 127 && any.size() == 1);
}

TEST(edit_changes_in_place) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::vector<std::int32_t>> lists(env, "lists");
    CHECK(lists.edit("a", [](auto &list) { list.push_back(1); }).size() == 1);
    CHECK(lists.edit("a", [](auto &list) { list.push_back(2); }) == std::vector<std::int32_t>({1, 2}));
    CHECK(lists.at("a") == std::vector<std::int32_t>({1, 2}));
    THROWS(std::runtime_error, "no", lists.edit("a", [](auto &list) {
        list.clear();
        throw std::runtime_error("no");
    }));
    CHECK(lists.at("a").size() == 2 && !env.in_transaction());
}

TEST(many_are_put_read_and_erased_at_once) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    ages.put_many({{"a", 1}, {"b", 2}, {"a", 3}});
    CHECK(ages.size() == 2 && ages.at("a") == 3);
    ages.put_many(std::map<std::string, std::int64_t>{{"c", 4}});
    ages.put_many(std::unordered_map<std::string, std::int64_t>{{"d", 5}});
    ages.put_many(std::vector<std::pair<const char *, std::int64_t>>{{"e", 6}});
    CHECK(ages.get_many({"e", "nobody", "a"}) ==
          std::vector<std::optional<std::int64_t>>({6, std::nullopt, 3}));
    CHECK(ages.get_many(std::vector<std::string_view>{"d"}) == std::vector<std::optional<std::int64_t>>{5});
    CHECK(ages.get_many(std::vector<std::string>()).empty());
    CHECK(ages.erase_many({"a", "nobody", "b"}) == 2 && ages.size() == 3);
    CHECK(ages.erase_many(std::vector<std::string>{"c"}) == 1);
}

namespace {
/// Texts that can be iterated once and are not const, like those of a `std::views::filter` or a stream.
struct stream {
    std::istringstream words;
    std::istream_iterator<std::string> begin() { return std::istream_iterator<std::string>(words); }
    std::istream_iterator<std::string> end() { return {}; }
};
stream stream_of(const std::string &words) { return {std::istringstream(words)}; }

/// The same, as entries.
struct entries_of {
    stream words;
    struct iterator : std::istream_iterator<std::string> {
        std::pair<std::string, int> operator*() const {
            return {std::istream_iterator<std::string>::operator*(), 1};
        }
    };
    iterator begin() { return {words.begin()}; }
    iterator end() { return {words.end()}; }
};
} // namespace

TEST(batches_take_ranges_that_are_iterated_once) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    ages.put_many(entries_of{stream_of("a b c")});
    const std::string too_long(3000, 'x');
    CHECK(ages.get_many(stream_of("a x c")) ==
          std::vector<std::optional<std::int64_t>>({1, std::nullopt, 1}));
    CHECK(ages.get_many(stream_of("a " + too_long + " c")) ==
          std::vector<std::optional<std::int64_t>>({1, std::nullopt, 1}));
    CHECK(ages.erase_many(stream_of("a x")) == 1);
    pc::set<std::string> set(env, "set");
    CHECK(set.insert_many(stream_of("a b b")) == 2);
    CHECK(set.contains_many(stream_of("a x")) == std::vector<bool>({true, false}));
    CHECK(set.contains_many(stream_of(too_long + " b")) == std::vector<bool>({false, true}));
    CHECK(set.erase_many(stream_of("a x")) == 1);
    pc::dict<std::tuple<double, int>, int> tuples(env, "tuples"); // the library encodes these keys
    tuples.put({1, 1}, 1);
    CHECK(tuples.get_many({{1, 1}, {std::nan(""), 1}, {2, 1}}) ==
          std::vector<std::optional<int>>({1, std::nullopt, std::nullopt}));
}

TEST(a_batch_names_the_invalid_item_and_changes_nothing) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    const std::vector<std::pair<std::string, std::int64_t>> bad = {
        {"a", 1}, {"b", 2}, {std::string(3000, 'k'), 3}};
    std::optional<std::size_t> at;
    try {
        ages.put_many(bad);
    } catch (const pc::key_size &refused) {
        at = refused.failed_at();
        CHECK(refused.status() == PC_ERR_KEY_SIZE);
    }
    CHECK(at == 2);
    CHECK(ages.empty());
    pc::dict<std::tuple<std::string>, int> tuples(env, "tuples");
    try {
        tuples.put_many({{{"a"}, 1}, {{"\xff"}, 2}});
    } catch (const pc::bad_key &refused) {
        at = refused.failed_at();
    }
    CHECK(at == 1);
    CHECK(tuples.empty());
}

TEST(a_key_that_cannot_be_stored_is_absent_where_it_is_looked_up) {
    pc::environment env = check::environment();
    ages_dict ages(env, "ages");
    const std::string too_long(3000, 'k');
    ages.put("a", 1);
    for (const std::string &key : {too_long, std::string("\xff")}) {
        CHECK(!ages.get(key) && !ages.contains(key) && ages.find(key) == ages.end() && ages.erase(key) == 0);
        CHECK(!ages.take(key));
        CHECK(ages.get_many({std::string("a"), key}) ==
              std::vector<std::optional<std::int64_t>>({1, std::nullopt}));
    }
    THROWS(pc::key_size, "1978", ages.put(too_long, 1));
    THROWS(pc::bad_key, "UTF-8", ages.put("\xff", 1));
    pc::dict<double, int> numbers(env, "numbers");
    CHECK(!numbers.contains(std::nan("")));
    THROWS(pc::bad_key, "NaN", numbers.put(std::nan(""), 1));
    pc::dict<std::tuple<double>, int> tuples(env, "tuples");
    CHECK(!tuples.contains({std::nan("")}));
    THROWS(pc::bad_key, "NaN", tuples.put({std::nan("")}, 1));
    pc::dict<std::vector<std::byte>, int> bytes(env, "bytes");
    CHECK(!bytes.contains({}));
    THROWS(pc::key_size, "empty", bytes.put({}, 1));
}

TEST(a_value_that_cannot_be_stored_is_refused) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> texts(env, "texts");
    THROWS(pc::bad_value, "UTF-8", texts.put("a", "\xff"));
    CHECK(texts.empty());
}
