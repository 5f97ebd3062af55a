/* Iterators, ranges of keys, and reading without a copy. */
#include "check.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

using names = std::vector<std::string>;
using numbers_dict = pc::dict<std::string, int>;

#if defined(__cpp_lib_ranges)
static_assert(std::ranges::input_range<const numbers_dict>);
static_assert(std::ranges::common_range<const numbers_dict>);
static_assert(std::ranges::input_range<const pc::set<int>>);
static_assert(std::ranges::view<numbers_dict::view_type> &&
              std::ranges::viewable_range<numbers_dict::view_type>);
static_assert(std::ranges::borrowed_range<numbers_dict::view_type>);
static_assert(std::input_iterator<numbers_dict::iterator> &&
              std::sentinel_for<numbers_dict::iterator, numbers_dict::iterator>);
static_assert(std::ranges::random_access_range<pc::array_view<float>>);
#endif

static void fill(numbers_dict &dict) {
    dict.put_many({{"Ada", 1}, {"Alan", 2}, {"Bob", 3}, {"Cleo", 4}, {"", 0}});
}

template <class View> static names keys(const View &view) {
    names found;
    for (const auto &entry : view)
        found.push_back(entry.first);
    return found;
}

TEST(iteration_is_in_key_order) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    CHECK(dict.begin() == dict.end() && dict.rbegin() == dict.rend() && !dict.first() && !dict.last());
    fill(dict);
    CHECK(keys(dict) == names({"", "Ada", "Alan", "Bob", "Cleo"}));
    CHECK(keys(dict.reverse()) == names({"Cleo", "Bob", "Alan", "Ada", ""}));
    CHECK(dict.rbegin()->first == "Cleo" && dict.first()->second == 0 && dict.last()->first == "Cleo");
    int sum = 0;
    for (const auto &[name, number] : dict)
        sum += number;
    CHECK(sum == 10);
    CHECK(names(dict.keys().begin(), dict.keys().end()) == keys(dict));
    const auto values = dict.values();
    CHECK(std::accumulate(values.begin(), values.end(), 0) == 10);
}

TEST(algorithms_take_the_iterators) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    const auto found =
        std::find_if(dict.begin(), dict.end(), [](const auto &entry) { return entry.second == 3; });
    CHECK(found != dict.end() && found->first == "Bob");
    CHECK(std::count_if(dict.cbegin(), dict.cend(), [](const auto &entry) { return entry.second > 1; }) == 3);
    CHECK(std::distance(dict.begin(), dict.end()) == 5);
    CHECK(std::map<std::string, int>(dict.begin(), dict.end()).at("Cleo") == 4);
    numbers_dict copy(env, "copy");
    std::copy(dict.begin(), dict.end(), std::inserter(copy, copy.end()));
    CHECK(copy.size() == 5 && std::equal(dict.begin(), dict.end(), copy.begin(), copy.end()));
    pc::set<int> even(env, "even");
    const std::vector<int> all = {1, 2, 3, 4};
    std::copy_if(all.begin(), all.end(), std::inserter(even, even.end()), [](int n) { return n % 2 == 0; });
    CHECK(std::includes(all.begin(), all.end(), even.begin(), even.end()) && even.size() == 2);
    auto it = dict.begin();
    CHECK((*it++).first.empty() && it->first == "Ada");
#if defined(__cpp_lib_ranges) && !defined(__clang__)
    // Clang before 16 does not compile libstdc++'s views.
    names large;
    for (const auto &entry : dict | std::views::filter([](const auto &one) { return one.second > 2; }))
        large.push_back(entry.first);
    CHECK(large == names({"Bob", "Cleo"}));
    CHECK(std::ranges::distance(dict.prefix("A") | std::views::take(1)) == 1);
#endif
#if defined(__cpp_lib_ranges)
    CHECK(std::ranges::find(even, 4) != even.end() &&
          std::ranges::count_if(dict.keys(), &std::string::empty) == 1);
#endif
}

TEST(ranges_have_bounds_of_every_kind) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    CHECK(keys(dict.range("Ada", "Bob")) == names({"Ada", "Alan"}));
    CHECK(keys(dict.range(pc::excluding("Ada"), pc::including("Bob"))) == names({"Alan", "Bob"}));
    CHECK(keys(dict.range(pc::unbounded, "Alan")) == names({"", "Ada"}));
    CHECK(keys(dict.range("Alan", pc::unbounded).reverse()) == names({"Cleo", "Bob", "Alan"}));
    CHECK(keys(dict.range(pc::unbounded, pc::unbounded)).size() == 5 && dict.range("B", "A").empty());
    CHECK(keys(dict.range("", "A")) == names({""}));
    CHECK(dict.lower_bound("Alan")->first == "Alan" && dict.upper_bound("Alan")->first == "Bob");
    CHECK(dict.lower_bound("D") == dict.end() && dict.upper_bound("Cleo") == dict.end());
    pc::set<int> numbers(env, "numbers");
    numbers.insert_many({-2, -1, 0, 1, 2});
    const auto middle = numbers.range(-1, 2);
    CHECK(std::vector<int>(middle.begin(), middle.end()) == std::vector<int>({-1, 0, 1}));
    CHECK(*numbers.lower_bound(-5) == -2 && *numbers.upper_bound(1) == 2);
    CHECK(numbers.erase(middle) == 3 && numbers.size() == 2);
}

TEST(prefixes_are_of_text_bytes_tuples_and_any) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    CHECK(keys(dict.prefix("A")) == names({"Ada", "Alan"}) && keys(dict.prefix("")).size() == 5);
    CHECK(dict.prefix("x").empty() && keys(dict.prefix("A").reverse()) == names({"Alan", "Ada"}));
    const auto values = dict.values(dict.prefix("A"));
    CHECK(std::vector<int>(values.begin(), values.end()) == std::vector<int>({1, 2}));
    const auto some = dict.keys(dict.prefix("A"));
    CHECK(names(some.begin(), some.end()) == names({"Ada", "Alan"}));
    using key = std::tuple<std::string, int, int>;
    pc::set<key> tuples(env, "tuples");
    tuples.insert_many({key{"a", 1, 1}, key{"a", 1, 2}, key{"a", 2, 1}, key{"ab", 1, 1}});
    const auto count = [](const auto &view) { return std::distance(view.begin(), view.end()); };
    CHECK(count(tuples.prefix("a")) == 3 && count(tuples.prefix("a", 1)) == 2 && count(tuples.prefix()) == 4);
    CHECK(count(tuples.prefix("a", 1, 2)) == 1 && count(tuples.prefix("b")) == 0);
    pc::set<std::vector<std::byte>> bytes(env, "bytes");
    bytes.insert_many({{std::byte{1}}, {std::byte{1}, std::byte{2}}, {std::byte{2}}});
    CHECK(count(bytes.prefix(std::vector<std::byte>{std::byte{1}})) == 2);
    pc::set<pc::any_value> any(env, "any");
    any.insert_many({pc::any_value("a"), pc::any_value("ab"), pc::any_value("b"),
                     pc::any_value(pc::any_tuple{{"a", 1}}), pc::any_value(1)});
    CHECK(count(any.prefix("a")) == 2 && count(any.prefix("")) == 3 &&
          count(any.prefix(pc::any_tuple{{"a"}})) == 1);
    CHECK(count(any.prefix(pc::any_tuple{})) == 1);
    THROWS(pc::bad_key, "prefix", any.prefix(1));
    pc::set<key> as_any(env, "as any"); // a stored any, opened as tuples
    pc::set<pc::any_value> stored(env, "stored");
    stored.insert(pc::any_tuple{{"a", 1, 2}});
    stored.insert("a");
    CHECK(count(pc::set<key>(env, "stored").prefix("a", 1)) == 1);
}

TEST(prefixes_work_in_collections_opened_as_stored) {
    pc::environment env = check::environment();
    const auto looked = [&](const char *name) {
        return pc::set<pc::any_value>(env, name, pc::open_mode::as_stored);
    };
    const auto count = [](const auto &view) { return std::distance(view.begin(), view.end()); };
    pc::set<std::string>(env, "text").insert_many({"", std::string("\0a", 2), "ab", "abc", "ac", "b"});
    const auto text = looked("text");
    CHECK(count(text.prefix("ab")) == 2 && count(text.prefix("a")) == 3 && count(text.prefix("")) == 6);
    CHECK(count(text.prefix(std::string("\0", 1))) == 1);
    THROWS(pc::bad_key, "str", text.prefix(1));
    const auto bytes = [](auto... each) { return std::vector<std::byte>{std::byte(each)...}; };
    pc::set<std::vector<std::byte>>(env, "bytes").insert_many({bytes(1, 2), bytes(1, 3), bytes(2)});
    const auto some = looked("bytes");
    CHECK(count(some.prefix(bytes(1, 2))) == 1 && count(some.prefix(bytes(1))) == 2);
    CHECK(count(some.prefix(bytes())) == 3);
    using key = std::tuple<std::string, int, int>;
    pc::set<key>(env, "tuples")
        .insert_many({key{"a", 1, 1}, key{"a", 1, 2}, key{"a", 2, 1}, key{"ab", 1, 1}});
    const auto tuples = looked("tuples");
    CHECK(count(tuples.prefix(pc::any_tuple{{"a"}})) == 3 &&
          count(tuples.prefix(pc::any_tuple{{"a", 1}})) == 2);
    CHECK(count(tuples.prefix(pc::any_tuple{{"a", 1, 2}})) == 1 &&
          count(tuples.prefix(pc::any_tuple{})) == 4);
    THROWS(pc::bad_key, "4 elements", tuples.prefix(pc::any_tuple{{"a", 1, 2, 3}}));
    THROWS(pc::bad_key, "i32", tuples.prefix(pc::any_tuple{{"a", "b"}}));
    THROWS(pc::bad_key, "tuple", tuples.prefix("a"));
    pc::set<int>(env, "numbers").insert(1);
    THROWS(pc::bad_key, "i32", looked("numbers").prefix(1));
}

TEST(iterators_own_their_entry_and_copies_are_independent) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    auto first = dict.begin();
    auto second = first;
    ++second;
    ++second;
    CHECK(first->first.empty() && second->first == "Alan");
    ++first;
    CHECK(first->first == "Ada" && second->first == "Alan" && first != second);
    ++first;
    CHECK(first == second);
    ++second;
    ++first;
    CHECK(first->first == "Bob" && second->first == "Bob");
    dict.clear();
    CHECK(first->second == 3 && (++first)->first == "Cleo" && ++first == dict.end());
    CHECK((++second)->first == "Cleo");
    // Also backwards.
    fill(dict);
    auto back = dict.rbegin();
    auto copy = back;
    ++copy;
    ++copy;
    ++back;
    CHECK(back->first == "Bob" && copy->first == "Alan" && (++back) == copy);
}

TEST(an_iterator_sees_the_commit_at_which_it_began) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    names seen;
    for (const auto &[name, number] : dict) {
        seen.push_back(name);
        dict.erase(name);
        dict.put("new " + name, number);
    }
    CHECK(seen.size() == 5 && dict.size() == 5 && dict.prefix("new ").begin() != dict.end());
}

TEST(an_iterator_in_a_transaction_sees_its_writes) {
    pc::environment env = check::environment();
    pc::dict<int, int> dict(env, "dict");
    dict.put_many({{1, 1}, {2, 2}});
    pc::transaction transaction(env);
    int seen = 0;
    for (const auto &[key, value] : dict) {
        seen++;
        if (key < 5)
            dict.put(key + 2, value);
    }
    CHECK(seen == 6 && dict.size() == 6);
}

TEST(iteration_continues_from_a_found_entry) {
    pc::environment env = check::environment();
    numbers_dict dict(env, "dict");
    fill(dict);
    auto found = dict.find("Alan");
    CHECK(found->second == 2 && dict.find("nobody") == dict.end() && found == dict.lower_bound("Alan"));
    CHECK((++found)->first == "Bob" && (++found)->first == "Cleo" && ++found == dict.end());
    CHECK(dict.find("Cleo") != dict.end() && ++dict.find("Cleo") == dict.end());
}

TEST(an_iterator_outlives_its_dict_and_environment_without_harm) {
    std::optional<pc::environment> env(check::environment());
    std::optional<numbers_dict> dict(std::in_place, *env, "dict");
    fill(*dict);
    auto it = dict->begin();
    auto other = dict->begin();
    auto found = dict->find("Bob");
    dict.reset();
    CHECK(it->first.empty());
    THROWS(pc::bad_handle, "", ++it);
    THROWS(pc::bad_handle, "", ++found);
    env.reset();
    THROWS(pc::bad_handle, "", ++other);
    // An iterator of a transaction ends with it.
    env.emplace(check::environment());
    dict.emplace(*env, "dict");
    {
        pc::transaction transaction(*env);
        it = dict->begin();
    }
    THROWS(pc::bad_handle, "", ++it);
}

TEST(a_snapshot_reads_without_a_copy) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> texts(env, "texts");
    pc::dict<int, std::vector<float>> vectors(env, "vectors");
    pc::dict<int, std::array<std::array<double, 2>, 2>> matrices(env, "matrices");
    pc::dict<int, std::vector<std::byte>> bytes(env, "bytes");
    pc::dict<int, int> numbers(env, "numbers");
    texts.put("a", "text");
    for (int i = 0; i < 10; i++)
        vectors.put(i, std::vector<float>(static_cast<std::size_t>(i), 0.5F));
    matrices.put(1, {{{1, 2}, {3, 4}}});
    bytes.put(1, {std::byte{7}});
    numbers.put(1, 2);
    pc::snapshot snapshot(env);
    const std::string_view text = *snapshot.view(texts, "a");
    const pc::array_view<float> floats = *snapshot.view(vectors, 3);
    std::thread([&] {
        texts.put("a", "other");
        vectors.clear();
    }).join();
    CHECK(text == "text" && *snapshot.view(texts, "a") == "text" && !snapshot.view(texts, "b"));
    CHECK(floats.size() == 3 && std::accumulate(floats.begin(), floats.end(), 0.0F) == 1.5F);
    CHECK(floats.to_vector() == std::vector<float>({0.5F, 0.5F, 0.5F}) && floats.at(2) == 0.5F &&
          !floats.empty());
    THROWS(std::out_of_range, "array_view", floats.at(3));
    CHECK((*snapshot.view(matrices, 1))[2] == 3 && (*snapshot.view(bytes, 1))[0] == std::byte{7});
    CHECK(snapshot.view(numbers, 1) == 2 && snapshot.view(vectors, 0)->empty());
    THROWS(pc::in_snapshot, "snapshot", texts.put("a", "b"));
}

TEST(dicts_of_views_read_without_a_copy) {
    pc::environment env = check::environment();
    pc::dict<std::string_view, std::string_view> texts(env, "texts");
    texts.put("a", "text");
    THROWS(pc::no_transaction, "transaction", static_cast<void>(texts.get("a")));
    CHECK(texts.begin()->second == std::string("text") && texts.take("a") == "text" &&
          texts.find("a") == texts.end());
    texts.put("b", "more");
    CHECK(texts.get_many({"b"})[0] == "more");
    pc::dict<int, pc::array_view<std::int64_t>> arrays(env, "arrays");
    arrays.put(1, std::vector<std::int64_t>{1, 2, 3});
    static_assert(std::is_same_v<decltype(arrays)::value_type, std::pair<int, std::vector<std::int64_t>>>);
    pc::snapshot snapshot(env);
    CHECK(texts.get("b") == "more" && texts.at("b").size() == 4);
    const pc::array_view<std::int64_t> numbers = arrays.at(1);
    CHECK(numbers.size() == 3 && numbers[2] == 3 && arrays.begin()->second.size() == 3);
}

TEST(array_views_are_safe_at_any_address) {
    std::vector<std::byte> memory(1 + 3 * sizeof(double));
    const double numbers[] = {1.5, -2, 1e300};
    std::memcpy(memory.data() + 1, numbers, sizeof numbers);
    const pc::array_view<double> view(memory.data() + 1, 3);
    CHECK(view[0] == 1.5 && view[2] == 1e300 && *(view.end() - 1) == 1e300 && view.end() - view.begin() == 3);
    CHECK(std::find(view.begin(), view.end(), -2) == view.begin() + 1 && view.begin()[1] == -2);
    double copied[3];
    view.copy_to(copied);
    CHECK(std::equal(view.begin(), view.end(), std::begin(copied)));
    CHECK(view == pc::array_view<double>(std::vector<double>({1.5, -2, 1e300})) &&
          view != pc::array_view<double>());
    std::vector<double> backwards;
    for (auto it = view.end(); it != view.begin();)
        backwards.push_back(*--it);
    CHECK(backwards == std::vector<double>({1e300, -2, 1.5}));
}
