/* Sets and set operations. */
#include "check.hpp"

#include <set>

using numbers_set = pc::set<int>;
using numbers = std::vector<int>;

static numbers all(const numbers_set &set) { return numbers(set.begin(), set.end()); }

TEST(elements_are_inserted_found_and_erased) {
    pc::environment env = check::environment();
    numbers_set set(env, "set");
    CHECK(set.empty() && !set.contains(1) && set.find(1) == set.end() && !set.first() &&
          set.begin() == set.end());
    const auto inserted = set.insert(1);
    CHECK(inserted.second && *inserted.first == 1 && !set.insert(1).second && set.size() == 1 &&
          set.count(1) == 1);
    CHECK(*set.find(1) == 1 && set.contains(1) && set.erase(1) == 1 && set.erase(1) == 0 && set.empty());
    set.insert_many({3, 1, 2});
    CHECK(all(set) == numbers({1, 2, 3}) && set.first() == 1 && set.last() == 3 && *set.rbegin() == 3);
    CHECK(*set.erase(set.find(1)) == 2 && set.size() == 2);
    set.clear();
    CHECK(set.empty());
}

TEST(many_elements_are_changed_in_one_call) {
    pc::environment env = check::environment();
    pc::set<std::string> set(env, "set");
    CHECK(set.insert_many({"a", "b", "a"}) == 2 &&
          set.insert_many(std::vector<std::string_view>{"b", "c"}) == 1);
    CHECK(set.insert_many(std::set<std::string>{"c", "d"}) == 1);
    CHECK(set.contains_many({"a", "x", "d"}) == std::vector<bool>({true, false, true}));
    CHECK(set.contains_many({std::string("a"), std::string(3000, 'x')}) == std::vector<bool>({true, false}));
    CHECK(set.erase_many({"a", "x", "b"}) == 2 && set.size() == 2);
    std::optional<std::size_t> at;
    try {
        set.insert_many({"e", "\xff"});
    } catch (const pc::bad_key &refused) {
        at = refused.failed_at();
    }
    CHECK(at == 1 && set.size() == 2);
    CHECK(!set.contains("\xff") && set.erase(std::string(3000, 'x')) == 0 && set.find("\xff") == set.end());
    THROWS(pc::bad_key, "UTF-8", set.insert("\xff"));
}

TEST(algebra_into_a_third_set_and_in_place) {
    pc::environment env = check::environment();
    numbers_set a(env, "a");
    numbers_set b(env, "b");
    numbers_set c(env, "c");
    a.insert_many({1, 2, 3});
    b.insert_many({3, 4});
    c.insert(99);
    CHECK(all(a.union_into(b, c)) == numbers({1, 2, 3, 4}));
    CHECK(all(a.intersection_into(b, c)) == numbers({3}));
    CHECK(all(a.difference_into(b, c)) == numbers({1, 2}));
    CHECK(all(a.symmetric_difference_into(b, c)) == numbers({1, 2, 4}));
    CHECK(!a.is_subset_of(b) && !a.is_disjoint_from(b));
    c &= a;
    CHECK(all(c) == numbers({1, 2}) && c.is_subset_of(a) && a.includes(c) && c.is_disjoint_from(b));
    c |= b;
    CHECK(all(c) == numbers({1, 2, 3, 4}));
    c -= a;
    CHECK(all(c) == numbers({4}));
    c ^= b;
    CHECK(all(c) == numbers({3}));
    CHECK(all(c.union_into(a, c)) == numbers({1, 2, 3}));
}

TEST(algebra_over_two_environments) {
    pc::environment env = check::environment();
    pc::environment other(check::directory() / "other");
    numbers_set a(env, "a");
    numbers_set b(other, "b");
    a.insert_many({1, 2});
    b.insert_many({2, 3});
    a |= b;
    CHECK(all(a) == numbers({1, 2, 3}) && b.is_subset_of(a));
}
