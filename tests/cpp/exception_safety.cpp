/* Exceptions at every point: opened handles are closed again, and results of the library are not lost.
 *
 * A dict, set or iterator was opened by a call that succeeded, and then creating the object that
 * should own it failed for lack of memory: its handle, and an iterator's reader slot, stayed open until the
 * environment closed. A value that `take` had removed was lost if it could not be copied. The result of a
 * function in pc::run was copied after the commit: if the copy threw, a caller that retried did the work
 * twice.
 */
#include "open_handles.hpp"

#include <map>

using failing::at_every_allocation;

/// Too long for a string without an allocation.
static const std::string longer(100, 'x');

namespace {

struct thrown : std::exception {};

/// A value whose construction throws when asked to.
struct moody {
    static bool throws;
    std::int64_t number;

    moody() : number(0) {
        if (throws)
            throw thrown();
    }
    explicit moody(std::int64_t number) : number(number) {}
};
bool moody::throws = false;

/// A result that can be copied, which throws when asked to.
struct copied {
    static int copies;
    explicit copied(int number) : number(number) {}
    copied(const copied &other) : number(other.number) {
        copies++;
        throw thrown();
    }
    int number;
};
int copied::copies = 0;

std::size_t slots(const pc::environment &env) {
    std::size_t reading = 0;
    for (const pc::reader_info &reader : env.readers())
        reading += reader.commit ? 1 : 0;
    return reading;
}

} // namespace

template <> struct pc::is_opaque<moody> : std::true_type {};

TEST(handles_have_an_owner_or_are_closed) {
    const opened::counts before = opened::now();
    const auto unchanged = [&](bool = true) { CHECK(opened::now() == before); };
    const std::filesystem::path path = check::directory() / "env";
    CHECK(at_every_allocation(
              [&] {
                  pc::environment env(path);
                  pc::dict<std::string, std::int64_t> dict(env, longer);
                  pc::set<std::tuple<std::string, int>> set(env, "set");
                  pc::dict<pc::any_value, pc::any_value> any(env, "any");
                  pc::dict<pc::any_value, pc::any_value> looked(env, longer, pc::open_mode::as_stored);
                  const pc::environment again = env.reopen();
                  const auto moved = std::move(dict);
                  CHECK(env.collections().size() == 3 && env.schema(longer) && moved.empty());
              },
              unchanged) > 10);
    unchanged();
}

TEST(iterators_own_their_handles) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> dict(env, "dict");
    pc::set<std::string> set(env, "set");
    for (const char c : {'a', 'b', 'c'}) {
        dict.put(c + longer, longer);
        set.insert(c + longer);
    }
    const opened::counts before = opened::now();
    const auto unchanged = [&](bool = true) {
        CHECK(opened::now() == before);
        CHECK(slots(env) == 0);
    };
    const std::string b = "b" + longer;
    at_every_allocation([&] { CHECK(dict.begin()->second == longer); }, unchanged);
    at_every_allocation([&] { CHECK((*dict.rbegin()++).first[0] == 'c'); }, unchanged);
    at_every_allocation([&] { CHECK((++dict.find(b))->first[0] == 'c'); }, unchanged);
    at_every_allocation([&] { CHECK(++(++dict.find(b)) == dict.end()); }, unchanged);
    at_every_allocation([&] { CHECK(dict.upper_bound(b)->first[0] == 'c'); }, unchanged);
    at_every_allocation([&] { CHECK(dict.range("b", pc::unbounded).reverse().begin()->first[0] == 'c'); },
                        unchanged);
    at_every_allocation([&] { CHECK(*dict.prefix("b").begin() == *dict.find(b)); }, unchanged);
    at_every_allocation([&] { CHECK(*dict.keys().begin() < b && *dict.values().begin() == longer); },
                        unchanged);
    at_every_allocation([&] { CHECK(*set.begin() < b && *++set.find(b) > b); }, unchanged);
    at_every_allocation(
        [&] {
            pc::snapshot snapshot(env);
            CHECK(std::distance(dict.begin(), dict.end()) == 3);
        },
        unchanged);
    // It stays open as long as a copy of it exists.
    {
        const auto first = dict.begin();
        const auto copy = first;
        CHECK(opened::now().iterators == before.iterators + 1);
    }
    unchanged();
}

TEST(an_iterator_whose_step_failed_does_not_move) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> dict(env, "dict");
    std::map<std::string, std::string> expected;
    // Each longer than the one before, so that each allocates.
    for (std::size_t i = 1; i <= 20; i++)
        dict.put(std::string(20 * i, 'k'), expected[std::string(20 * i, 'k')] = std::string(30 * i, 'v'));
    const auto walk = [&](auto it, auto goes_on) {
        std::vector<std::pair<std::string, std::string>> found;
        int failures = 0;
        while (it != dict.end()) {
            found.push_back(*it);
            // Repeated until it succeeds: an item is neither left out nor returned twice.
            for (int at = 0;; at++) {
                bool again = false;
                failing::after(at);
                try {
                    goes_on(it);
                } catch (const std::bad_alloc &) {
                    again = true;
                }
                failing::after(-1);
                if (!again)
                    break;
                failures++;
                CHECK(*it == found.back());
            }
        }
        CHECK(failures > 10);
        return found;
    };
    const std::vector<std::pair<std::string, std::string>> ascending(expected.begin(), expected.end());
    CHECK(walk(dict.begin(), [](auto &it) { ++it; }) == ascending);
    CHECK(walk(dict.find(ascending[0].first), [](auto &it) { ++it; }) == ascending);
    CHECK(walk(dict.begin(), [](auto &it) { it++; }) == ascending);
    CHECK(walk(dict.rbegin(), [](auto &it) { ++it; }) ==
          std::vector<std::pair<std::string, std::string>>(expected.rbegin(), expected.rend()));
    // A copy that continues in between.
    CHECK(walk(dict.begin(), [&](auto &it) {
              auto copy = it;
              ++copy;
              ++it;
          }) == ascending);
}

TEST(a_write_that_throws_has_not_written) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> dict(env, "dict");
    pc::dict<std::string, std::string> any_dict = [&] {
        pc::dict<pc::any_value, pc::any_value> made(env, "any");
        return pc::dict<std::string, std::string>(env, "any");
    }();
    pc::set<std::string> set(env, "set");
    pc::dict<std::string, std::vector<double>> vectors(env, "vectors");
    const std::string key = "k" + longer;
    const std::string other = "other" + longer;
    const opened::counts before = opened::now();
    using state = std::map<std::string, std::string>;
    const auto content = [](auto &of) { return state(of.begin(), of.end()); };

    for (pc::dict<std::string, std::string> *each : {&dict, &any_dict}) {
        // Runs a write from one state, with each allocation failing in turn: the write is done, or changes
        // nothing.
        const auto all_or_nothing = [&](const state &from, const state &to, auto &&write) {
            const auto start = [&] {
                each->clear();
                each->put_many(from);
            };
            start();
            at_every_allocation(write, [&](bool thrown) {
                CHECK(content(*each) == (thrown ? from : to));
                CHECK(opened::now() == before && !env.in_transaction() && slots(env) == 0);
                start();
            });
            CHECK(content(*each) == to);
        };
        const state one = {{key, longer}};
        const state changed = {{key, other}};
        all_or_nothing({}, one, [&] { each->put(key, longer); });
        all_or_nothing(one, changed, [&] { each->put(key, other); });
        all_or_nothing({}, one, [&] { CHECK(each->insert_or_assign(key, longer).second); });
        all_or_nothing(one, changed, [&] { CHECK(!each->insert_or_assign(key, other).second); });
        all_or_nothing({}, one, [&] { CHECK(each->try_emplace(key, longer).first->second == longer); });
        all_or_nothing(one, one, [&] { CHECK(each->try_emplace(key, other).first->second == longer); });
        all_or_nothing({}, one, [&] { CHECK(each->insert({key, longer}).second); });
        all_or_nothing({}, one, [&] { (*each)[key] = longer; });
        all_or_nothing(one, {}, [&] { CHECK(each->take(key) == longer); });
        all_or_nothing(one, {}, [&] { CHECK(each->erase(key) == 1); });
        all_or_nothing(one, {}, [&] { CHECK(each->erase(each->find(key)) == each->end()); });
        all_or_nothing(one, {}, [&] { CHECK(each->erase(each->begin()) == each->end()); });
        all_or_nothing({{key, longer}, {other, longer}}, {{other, longer}},
                       [&] { CHECK(each->erase(each->begin())->first == other); });
        all_or_nothing(one, {}, [&] { CHECK(each->erase_many({key, other}) == 1); });
        all_or_nothing(one, {}, [&] { CHECK(each->erase(each->prefix("k")) == 1); });
        all_or_nothing(one, changed, [&] { CHECK(each->compare_exchange(key, longer, other)); });
        all_or_nothing(one, changed,
                       [&] { CHECK(each->edit(key, [&](std::string &text) { text = other; }) == other); });
        all_or_nothing({}, one, [&] { each->put_many({{key, longer}}); });
        // `expected` is unchanged if the result could not be returned.
        each->put(key, longer);
        std::optional<std::string> expected = other;
        at_every_allocation(
            [&] {
                expected = other;
                CHECK(!each->compare_exchange(key, expected, other));
            },
            [&](bool) { CHECK(expected == other || expected == longer); });
        CHECK(expected == longer);
        // An absent item does not affect the rest of a batch.
        at_every_allocation(
            [&] {
                CHECK(each->get_many({key, "\xff"})[0] == longer);
            },
            [&](bool) { CHECK(opened::now() == before && !env.in_transaction()); });
    }

    const std::vector<double> three = {1, 2, 3}; // made before, so that nothing but `take` can throw
    vectors.put(key, three);
    at_every_allocation([&] { CHECK(vectors.take(key) == three); },
                        [&](bool thrown) {
                            CHECK(vectors.contains(key) == thrown);
                            vectors.put(key, three);
                        });
    CHECK(vectors.empty());

    at_every_allocation([&] { CHECK(set.insert(key).second); },
                        [&](bool thrown) {
                            CHECK(set.empty() == thrown);
                            set.clear();
                        });
    at_every_allocation([&] { CHECK(set.erase(set.find(key)) == set.end()); },
                        [&](bool thrown) {
                            CHECK(set.contains(key) == thrown);
                            set.insert(key);
                        });
    CHECK(set.empty());
    at_every_allocation(
        [&] {
            CHECK(set.insert_many({key, other}) == 2);
        },
        [&](bool thrown) {
            CHECK(set.empty() == thrown);
            set.clear();
        });
    CHECK(opened::now() == before && slots(env) == 0);
}

TEST(take_returns_the_removed_value_or_removes_nothing) {
    pc::environment env = check::environment();
    pc::dict<int, moody> dict(env, "moody");
    dict.put(1, moody(5));
    moody::throws = true;
    bool was_thrown = false;
    try {
        static_cast<void>(dict.take(1));
    } catch (const thrown &) {
        was_thrown = true;
    }
    moody::throws = false;
    CHECK(was_thrown && dict.at(1).number == 5);
    CHECK(dict.take(1)->number == 5 && dict.empty());
    // Of every size, with and without an allocation.
    pc::dict<int, std::string> texts(env, "texts");
    pc::dict<int, std::vector<std::int64_t>> vectors(env, "vectors");
    pc::dict<int, std::vector<std::byte>> bytes(env, "bytes");
    pc::dict<int, std::string_view> views(env, "texts");
    for (const std::size_t size :
         std::vector<std::size_t>{0, 1, 15, 16, 31, 32, 33, 255, 256, 257, 5000, 100000}) {
        texts.put(1, std::string(size, 'x'));
        CHECK(texts.take(1) == std::string(size, 'x') && texts.empty() && !texts.take(1));
        texts.put(1, std::string(size, 'x'));
        CHECK(views.take(1) == std::string(size, 'x') && views.empty());
        vectors.put(1, std::vector<std::int64_t>(size, 7));
        CHECK(vectors.take(1) == std::vector<std::int64_t>(size, 7) && vectors.empty());
        bytes.put(1, std::vector<std::byte>(size, std::byte{7}));
        CHECK(bytes.take(1) == std::vector<std::byte>(size, std::byte{7}) && bytes.empty());
    }
    pc::dict<int, std::array<double, 3>> arrays(env, "arrays");
    arrays.put(1, {1, 2, 3});
    CHECK(arrays.take(1) == std::array<double, 3>{1, 2, 3} && !arrays.take(1));
    pc::dict<int, bool> flags(env, "flags");
    flags.put(1, true);
    CHECK(flags.take(1) == true && flags.empty());
}

TEST(transactions_and_snapshots_end_with_every_exception) {
    pc::environment env = check::environment();
    pc::dict<std::string, std::string> dict(env, "dict");
    dict.put("a", longer);
    const opened::counts before = opened::now();
    const auto unchanged = [&](bool) {
        CHECK(opened::now() == before && !env.in_transaction() && slots(env) == 0);
    };
    const auto undone = [&](bool thrown) {
        unchanged(thrown);
        CHECK(dict.size() == (thrown ? 1u : 2u));
        dict.erase("b" + longer);
    };
    at_every_allocation(
        [&] {
            pc::transaction outer(env);
            pc::transaction inner(env);
            dict.put("b" + longer, longer);
            inner.commit();
            outer.commit();
        },
        undone);
    dict.erase("b" + longer);
    at_every_allocation(
        [&] { CHECK(pc::run(env, [&] { return dict.put("b" + longer, longer), longer; }) == longer); },
        undone);
    dict.erase("b" + longer);
    at_every_allocation(
        [&] {
            const pc::snapshot snapshot(env);
            const pc::snapshot same(env);
            CHECK(*snapshot.view(dict, "a") == longer && dict.at("a") == longer);
        },
        unchanged);
    // An exception of the caller's own, at each depth.
    for (int depth = 1; depth <= 3; depth++) {
        const std::function<void(int)> nest = [&](int left) {
            if (left == 0)
                throw thrown();
            pc::run(env, [&] {
                dict.put("b", "");
                nest(left - 1);
            });
        };
        try {
            nest(depth);
            CHECK(false);
        } catch (const thrown &) {
        }
        unchanged(true);
        CHECK(!dict.contains("b"));
    }
}

TEST(run_does_not_copy_its_result_after_the_commit) {
    pc::environment env = check::environment();
    pc::dict<int, int> dict(env, "dict");
    copied::copies = 0;
    const copied result = pc::run(env, [&] {
        dict.put(1, 1);
        return copied(7);
    });
    CHECK(result.number == 7 && copied::copies == 0 && dict.contains(1));
    // A result that must be copied is copied before the commit: if that throws, nothing is stored.
    static const copied other(8);
    try {
        const copied never = pc::run(env, [&]() -> const copied & {
            dict.put(2, 2);
            return other;
        });
        CHECK(never.number == 0);
    } catch (const thrown &) {
    }
    CHECK(copied::copies == 1 && !dict.contains(2) && !env.in_transaction());
}

TEST(run_does_not_repeat_a_committed_function) {
    pc::environment env = check::environment();
    pc::dict<int, int> dict(env, "dict");
    int runs = 0;
    // The function has committed: a later failure does not run it again.
    THROWS(pc::conflict, "later", pc::run(env, [&](pc::transaction &transaction) {
               runs++;
               dict.increment(1);
               transaction.commit();
               throw pc::conflict("later");
           }));
    CHECK(runs == 1 && dict.at(1) == 1 && !env.in_transaction());
    // A transaction that it aborted is retried.
    runs = 0;
    pc::run(env, [&](pc::transaction &transaction) {
        dict.increment(2);
        if (runs++ == 0) {
            transaction.abort();
            throw pc::conflict("at first");
        }
    });
    CHECK(runs == 2 && dict.at(2) == 1);
}

TEST(a_failed_commit_ends_its_transaction_and_reports_the_outcome) {
    pc::environment env = check::environment();
    pc::dict<int, int> dict(env, "dict");
    const opened::counts before = opened::now();
    for (const pc_status status : {PC_ERR_DISK_FULL, PC_ERR_COMMIT_UNKNOWN, PC_ERR_IO, PC_ERR_TXN_FAILED}) {
        int runs = 0;
        try {
            pc::run(env, [&] {
                runs++;
                dict.put(1, 1);
                opened::next_commit = status;
            });
            CHECK(false);
        } catch (const pc::error &failure) {
            // If the outcome is unknown, it is not retried.
            CHECK(failure.status() == status && runs == 1);
        }
        CHECK(dict.empty() && !env.in_transaction() && opened::now() == before);
        {
            pc::transaction transaction(env);
            dict.put(1, 1);
            opened::next_commit = status;
            try {
                transaction.commit();
                CHECK(false);
            } catch (const pc::error &failure) {
                CHECK(failure.status() == status && transaction.ended());
            }
            CHECK(!env.in_transaction());
        }
        CHECK(dict.empty() && opened::now() == before);
    }
    int runs = 0;
    pc::run(env, [&] {
        dict.put(1, 1);
        if (runs++ == 0)
            opened::next_commit = PC_ERR_CONFLICT;
    });
    CHECK(runs == 2 && dict.at(1) == 1 && opened::now() == before);
}

TEST(using_an_ended_transaction_is_reported) {
    pc::environment env = check::environment();
    pc::transaction committed(env);
    committed.commit();
    THROWS(pc::bad_handle, "", committed.abort());
    THROWS(pc::bad_handle, "", committed.commit());
    CHECK(committed.ended());
    pc::transaction outlived(env);
    env.close();
    CHECK(!outlived.ended());
    THROWS(pc::bad_handle, "", outlived.abort());
    CHECK(outlived.ended());
}

TEST(moving_leaves_nothing_open_and_moving_to_itself_changes_nothing) {
    const opened::counts before = opened::now();
    {
        pc::environment env = check::environment();
        pc::dict<int, std::string> dict(env, "dict");
        pc::set<int> set(env, "set");
        dict.put(1, longer);
        pc::buffer buffer;
        pc::check(pc_env_list(env.handle(), buffer.get()));
        const std::string listed(buffer.view());
        auto &same_env = env;
        auto &same_dict = dict;
        auto &same_set = set;
        auto &same_buffer = buffer;
        env = std::move(same_env);
        dict = std::move(same_dict);
        set = std::move(same_set);
        buffer = std::move(same_buffer);
        CHECK(env.is_open() && dict.at(1) == longer && set.empty() && buffer.view() == listed);
        auto it = dict.begin();
        auto &same_it = it;
        it = std::move(same_it);
        it = same_it;
        CHECK(it->second == longer && ++it == dict.end());
        // Assignment closes the old handle of the object.
        dict = pc::dict<int, std::string>(env, "second");
        set = pc::set<int>(env, "third");
        CHECK(dict.empty() && opened::now().collections == before.collections + 2);
        pc::dict<int, std::string> taken(std::move(dict));
        THROWS(pc::bad_handle, "", dict.empty());
        dict = std::move(taken);
        CHECK(dict.empty());
        env = pc::environment(check::directory() / "other");
        CHECK(opened::now().environments == before.environments + 1);
        THROWS(pc::bad_handle, "", dict.empty());
    }
    CHECK(opened::now().environments == before.environments);
}
