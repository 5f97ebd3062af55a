/* Transactions, snapshots and functions that are run in one; threads and processes. */
#include "open_handles.hpp"

#include <atomic>
#include <sys/wait.h>
#include <unistd.h>

using counts = pc::dict<std::string, std::int64_t>;

static_assert(!std::is_move_constructible_v<pc::transaction> &&
              !std::is_copy_constructible_v<pc::transaction>);
static_assert(!std::is_move_constructible_v<pc::snapshot> && !std::is_copy_constructible_v<pc::snapshot>);
static_assert(!std::is_move_assignable_v<pc::transaction> && !std::is_move_assignable_v<pc::snapshot>);

TEST(a_commit_shows_all_writes_and_a_missing_one_undoes_them) {
    pc::environment env = check::environment();
    counts a(env, "a");
    pc::set<int> b(env, "b");
    {
        pc::transaction transaction(env);
        CHECK(env.in_transaction());
        a.put("x", 1);
        b.insert(1);
        std::thread([&] { CHECK(a.empty() && b.empty() && !env.in_transaction()); }).join();
        CHECK(a.at("x") == 1 && !transaction.ended());
        transaction.commit();
        CHECK(transaction.ended());
    }
    std::thread([&] { CHECK(a.at("x") == 1 && b.contains(1)); }).join();
    {
        pc::transaction undone(env);
        a.clear();
    }
    CHECK(a.size() == 1);
    pc::transaction aborted(env);
    a.clear();
    aborted.abort();
    CHECK(a.size() == 1 && aborted.ended() && !env.in_transaction());
    THROWS(pc::bad_handle, "", aborted.commit());
}

TEST(an_exception_undoes_the_transaction) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    try {
        pc::transaction transaction(env);
        dict.put("a", 1);
        throw std::runtime_error("no");
    } catch (const std::runtime_error &) {
    }
    CHECK(dict.empty() && !env.in_transaction());
    THROWS(std::runtime_error, "no", pc::run(env, [&] {
               dict.put("a", 1);
               throw std::runtime_error("no");
           }));
    CHECK(dict.empty() && !env.in_transaction());
}

TEST(transactions_nest) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    pc::transaction outer(env);
    dict.put("a", 1);
    {
        pc::transaction inner(env);
        dict.put("b", 2);
        THROWS(pc::not_innermost, "", outer.commit());
        CHECK(!outer.ended());
    }
    CHECK(!dict.contains("b"));
    pc::run(env, [&] { dict.put("c", 3); });
    {
        pc::snapshot reading(env);
        CHECK(dict.at("c") == 3);
        THROWS(pc::in_snapshot, "", dict.put("d", 4));
        THROWS(pc::in_snapshot, "", pc::transaction(env));
    }
    outer.commit();
    CHECK(dict.size() == 2);
}

TEST(ending_an_outer_transaction_ends_inner_ones) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    auto outer = std::make_unique<pc::transaction>(env);
    dict.put("a", 1);
    auto inner = std::make_unique<pc::transaction>(env);
    dict.put("b", 2);
    outer.reset();
    CHECK(!env.in_transaction());
    inner.reset();
    CHECK(dict.empty());
    dict.put("c", 3);
    CHECK(dict.size() == 1);
}

TEST(a_snapshot_sees_one_moment) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    dict.put("a", 1);
    {
        pc::snapshot snapshot(env);
        std::thread([&] { dict.put("a", 2); }).join();
        CHECK(dict.at("a") == 1);
    }
    CHECK(dict.at("a") == 2);
}

TEST(run_returns_the_result_of_the_function) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    CHECK(pc::run(env, [&] { return dict.increment("a"); }) == 1);
    const std::unique_ptr<int> moved = pc::run(env, [] { return std::make_unique<int>(5); });
    CHECK(*moved == 5);
    pc::run(env, [&](pc::transaction &transaction) {
        dict.put("b", 1);
        transaction.abort();
    });
    CHECK(!dict.contains("b"));
    pc::run(env, std::chrono::milliseconds(100), [&] { dict.put("c", 1); });
    CHECK(dict.contains("c"));
}

TEST(an_unsynced_commit_does_not_wait_for_stable_storage) {
    pc::environment env(check::directory() / "env");
    counts dict(env, "dict");
    int before = opened::syncs();
    pc::run(env, [&] { dict.put("synced", 1); });
    CHECK(opened::syncs() > before);
    before = opened::syncs();
    CHECK(pc::run(env, pc::unsynced, [&] { return dict.increment("run"); }) == 1);
    pc::transaction transaction(env, pc::unsynced);
    dict.put("scope", 1);
    transaction.commit();
    CHECK(opened::syncs() == before && dict.size() == 3);
    env.flush();
    CHECK(opened::syncs() > before);
}

TEST(run_retries_if_the_map_was_too_small) {
    pc::options options;
    options.durability = pc::durability::none;
    options.map_size = 1 << 20;
    pc::environment env(check::directory() / "small", options);
    pc::dict<int, std::string> dict(env, "dict");
    int runs = 0;
    pc::run(env, [&] {
        runs++;
        for (int i = 0; i < 200; i++)
            dict.put(i, std::string(100000, 'x'));
    });
    CHECK(runs > 1 && dict.size() == 200);
    // A plain transaction is doomed, reports it, and fits when it is retried, since the map grows.
    pc::environment other(check::directory() / "other", options);
    pc::dict<int, std::string> large(other, "dict");
    const auto fill = [&] {
        pc::transaction transaction(other);
        for (int i = 0; i < 30; i++)
            large.put(i, std::string(100000, 'x'));
        transaction.commit();
    };
    THROWS(pc::map_full, "", fill());
    CHECK(large.empty());
    for (int more = 0; large.empty() && more < 5; more++) {
        try {
            fill();
        } catch (const pc::map_full &) {
            // The map is twice as large now.
        }
    }
    CHECK(large.size() == 30);
    // A nested one leaves the retry to the outer one.
    pc::environment third(check::directory() / "third", options);
    pc::dict<int, std::string> inner(third, "dict");
    int outer_runs = 0;
    int inner_runs = 0;
    pc::run(third, [&] {
        outer_runs++;
        pc::run(third, [&] {
            inner_runs++;
            for (int i = 0; i < 30; i++)
                inner.put(i, std::string(100000, 'x'));
        });
    });
    CHECK(outer_runs > 1 && inner_runs == outer_runs && inner.size() == 30);
    // An operation that is atomic by itself is retried, too.
    CHECK(inner.edit(100, [](std::string &text) { text.assign(20000000, 'x'); }).size() == 20000000);
    CHECK(inner.insert_or_assign(101, std::string(60000000, 'x')).second);
}

TEST(waiting_times_out_and_names_the_holder) {
    pc::environment env = check::environment();
    pc::transaction holder(env);
    std::thread([&] {
        THROWS(pc::busy, std::to_string(getpid()), pc::transaction(env, std::chrono::milliseconds(0)));
        THROWS(pc::busy, "", pc::run(env, std::chrono::milliseconds(1), [] {}));
    }).join();
}

TEST(a_transaction_belongs_to_its_thread) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    pc::transaction transaction(env);
    dict.put("a", 1);
    std::thread([&] {
        THROWS(pc::wrong_thread, "", transaction.commit());
        CHECK(!transaction.ended());
    }).join();
    transaction.commit();
    CHECK(dict.size() == 1);
}

TEST(threads_share_a_dict) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&dict, i] {
            for (int step = 0; step < 50; step++) {
                dict.increment("all");
                dict["own " + std::to_string(i)] += 1;
                for (const auto &[name, count] : dict)
                    if (count <= 0)
                        dict.clear();
            }
        });
    for (std::thread &thread : threads)
        thread.join();
    CHECK(dict.at("all") == 200 && dict.size() == 5 && dict.at("own 3") == 50);
}

TEST(only_one_of_several_threads_takes_a_key) {
    pc::environment env = check::environment();
    pc::dict<int, int> jobs(env, "jobs");
    for (int i = 0; i < 50; i++)
        jobs.put(i, i);
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; i++)
        threads.emplace_back([&] {
            for (int job = 0; job < 50; job++)
                taken += jobs.take(job) ? 1 : 0;
        });
    for (std::thread &thread : threads)
        thread.join();
    CHECK(taken == 50 && jobs.empty());
}

TEST(a_child_of_fork_reopens_its_environment) {
    pc::environment env = check::environment();
    counts dict(env, "dict");
    dict.put("a", 1);
    int verdict[2];
    CHECK(pipe(verdict) == 0);
    const pid_t child = fork();
    if (child == 0) {
        char bad = 0;
        try {
            static_cast<void>(dict.get("a"));
            bad = 1;
        } catch (const pc::forked &) {
        }
        try {
            pc::environment fresh = check::environment();
            counts same(fresh, "dict");
            bad = same.at("a") == 1 ? bad : 2;
            same.put("b", 2);
        } catch (const pc::error &) {
            bad = 4;
        }
        // Reported through the pipe: a leak checker may change the exit code, since inherited memory
        // stays allocated.
        _exit(write(verdict[1], &bad, 1) != 1);
    }
    char bad = 1;
    int status = -1;
    CHECK(read(verdict[0], &bad, 1) == 1 && bad == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    close(verdict[0]);
    close(verdict[1]);
    CHECK(dict.at("b") == 2);
}
