/* Environments: opening, options, reports, and the lifetimes of objects that were opened. */
#include "check.hpp"

static_assert(std::is_nothrow_move_constructible_v<pc::environment> &&
              !std::is_copy_constructible_v<pc::environment>);
static_assert(std::is_nothrow_move_assignable_v<pc::environment> &&
              !std::is_copy_assignable_v<pc::environment>);
static_assert(std::is_nothrow_move_constructible_v<pc::dict<int, int>> &&
              !std::is_copy_constructible_v<pc::dict<int, int>>);
static_assert(std::is_nothrow_move_assignable_v<pc::set<int>> && !std::is_copy_assignable_v<pc::set<int>>);
static_assert(std::is_nothrow_move_constructible_v<pc::buffer> && !std::is_copy_constructible_v<pc::buffer>);
static_assert(std::is_base_of_v<std::runtime_error, pc::error> && std::is_base_of_v<pc::error, pc::busy>);

TEST(a_wait_ends_with_a_newer_commit) {
    pc::environment env(check::directory() / "waited");
    pc::set<int> set(env, "set");
    const std::uint64_t seen = env.last_commit();
    CHECK(!env.wait(seen, std::chrono::milliseconds(1)));
    set.insert(1);
    CHECK(env.wait(seen) == seen + 1 && env.last_commit() == seen + 1);
    CHECK((env.traits() & PC_TRAIT_COPY) != 0 && (env.traits() & PC_TRAIT_REMOTE) == 0);
    const pc::snapshot snapshot(env);
    THROWS(pc::in_transaction, "transaction", env.wait(seen).value());
}

TEST(options_decide_how_an_environment_is_opened) {
    const auto at = check::directory() / "env";
    pc::options absent;
    absent.create = false;
    THROWS(pc::no_environment, "", pc::environment(at, absent));
    {
        pc::environment env(at);
        pc::set<int>(env, "set").insert(1);
        CHECK(env.info().durability == PC_DURABILITY_FULL);
        pc::options other;
        other.durability = pc::durability::none;
        THROWS(pc::options_differ, "durability", pc::environment(at, other));
    }
    {
        pc::options options;
        options.read_only = true;
        options.check_on_open = true;
        pc::environment env(at, options);
        pc::set<int> set(env, "set");
        CHECK(set.contains(1) && (env.info().flags & PC_ENV_READ_ONLY) != 0);
        THROWS(pc::read_only, "", set.insert(2));
    }
    {
        pc::options options;
        options.immutable = true;
        CHECK(pc::set<int>(pc::environment(at, options), "set").handle().id != 0);
    }
    pc::options all;
    all.no_subdir = true;
    all.max_collections = 10;
    all.max_readers = 20;
    all.map_size = 1 << 24;
    all.mode = 0600;
    all.durability = pc::durability::no_meta_sync;
    all.flush_interval = std::chrono::milliseconds(1000);
    all.write_timeout = std::chrono::milliseconds(-1);
    pc::environment file(check::directory() / "file", all);
    const pc_env_stat info = file.info();
    CHECK(info.max_collections == 10 && info.max_readers == 20 &&
          info.durability == PC_DURABILITY_NO_META_SYNC);
    CHECK((info.flags & PC_ENV_NO_SUBDIR) != 0 &&
          std::filesystem::is_regular_file(check::directory() / "file"));
    CHECK(
        (std::filesystem::status(check::directory() / "file").permissions() & std::filesystem::perms::all) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
    THROWS(pc::unsupported, "engine", pc::environment("other://host"));
    THROWS(pc::invalid_argument, "NUL", pc::environment(std::string("a\0b", 3)));
}

TEST(a_write_does_not_wait_longer_than_the_options_say) {
    pc::options options;
    options.write_timeout = std::chrono::milliseconds(0);
    pc::environment env(check::directory() / "env", options);
    pc::set<int> set(env, "set");
    pc::transaction transaction(env);
    std::thread([&] { THROWS(pc::busy, "", set.insert(1)); }).join();
}

TEST(collections_are_listed_and_dropped) {
    pc::environment env = check::environment();
    CHECK(env.collections().empty() && !env.schema("none") && !env.drop("none"));
    pc::dict<std::tuple<std::string, int>, std::array<float, 3>> dict(env, "a\tname\\with\nall");
    dict.put({"a", 1}, {1, 2, 3});
    pc::set<int> set(env, "set");
    const auto list = env.collections();
    CHECK(list.size() == 2 && list[0].name == "a\tname\\with\nall" && list[0].kind == PC_KIND_DICT &&
          list[0].count == 1);
    CHECK(list[0].key_type == "(str,i32)" && list[0].value_type == "f32[3]");
    CHECK(list[1].kind == PC_KIND_SET && list[1].key_type == "i32" && list[1].value_type == "unit" &&
          list[1].count == 0);
    CHECK(env.schema("set")->kind == PC_KIND_SET && env.schema(list[0].name)->value_type == "f32[3]");
    CHECK(env.drop("set") && env.collections().size() == 1);
    THROWS(pc::no_collection, "set", set.contains(1));
}

TEST(copies_checks_and_reports) {
    pc::environment env = check::environment();
    pc::dict<int, std::string> dict(env, "dict");
    for (int i = 0; i < 100; i++)
        dict.put(i, std::string(1000, 'x'));
    env.flush();
    const pc::check_report report = env.check();
    CHECK(report.collections == 1 && report.used > 20 &&
          report.pages == report.used + report.free + report.lost);
    CHECK(env.copy_to(check::directory() / "copy") && !env.copy_to(check::directory() / "copy"));
    CHECK(env.copy_to(check::directory() / "compact", true));
    for (const char *name : {"copy", "compact"})
        CHECK((pc::dict<int, std::string>(pc::environment(check::directory() / name), "dict").handle().id !=
               0));
    pc::environment copy(check::directory() / "compact");
    CHECK((pc::dict<int, std::string>(copy, "dict").size() == 100));
    {
        pc::snapshot snapshot(env);
        const auto readers = env.readers();
        bool mine = false;
        for (const pc::reader_info &reader : readers)
            mine = mine || (reader.process == getpid() && reader.commit == env.info().last_txn &&
                            reader.behind == 0U);
        CHECK(mine && env.reap_readers() == 0);
    }
    pc::transaction transaction(env);
    THROWS(pc::in_transaction, "", env.flush());
}

TEST(damage_is_named) {
    {
        pc::environment env = check::environment();
        pc::dict<int, std::string> dict(env, "dict");
        for (int i = 0; i < 1000; i++)
            dict.put(i, std::string(100, 'x'));
    }
    const auto data = check::directory() / "env" / "data.mdb";
    {
        // The flags and bounds of all pages but the metas.
        std::fstream file(data, std::ios::in | std::ios::out | std::ios::binary);
        for (std::uintmax_t page = 2; page < std::filesystem::file_size(data) / 4096; page++) {
            file.seekp(static_cast<std::streamoff>(page * 4096 + 8));
            file.write("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
        }
    }
    pc::options options;
    options.check_on_open = true;
    THROWS(pc::corrupted, "page", pc::environment(check::directory() / "env", options));
    std::ofstream(data, std::ios::trunc) << std::string(100000, 'x');
    THROWS(pc::not_a_database, "", pc::environment(check::directory() / "env"));
}

TEST(objects_can_be_moved) {
    pc::environment env = check::environment();
    pc::dict<std::string, int> dict(env, "dict");
    dict.put("a", 1);
    pc::dict<std::string, int> moved = std::move(dict);
    CHECK(moved.at("a") == 1);
    dict = pc::dict<std::string, int>(env, "other");
    dict.put("b", 2);
    moved = std::move(dict);
    CHECK(moved.at("b") == 2);
    pc::environment to = std::move(env);
    CHECK(!env.is_open() && to.is_open() && moved.at("b") == 2);
    env = pc::environment(check::directory() / "second");
    pc::set<int> set(env, "set");
    pc::set<int> other = std::move(set);
    other.insert(1);
    set = std::move(other);
    CHECK(set.contains(1));
    to = std::move(env);
    CHECK(set.contains(1));
    THROWS(pc::bad_handle, "", moved.at("b")); // its environment was replaced
}

TEST(an_object_moved_to_itself_stays_open) {
    pc::environment env = check::environment();
    pc::dict<std::string, int> dict(env, "dict");
    pc::set<int> set(env, "set");
    const auto move_to_itself = [](auto &object) {
        auto &same = object;
        object = std::move(same);
    };
    move_to_itself(dict);
    move_to_itself(set);
    move_to_itself(env);
    CHECK(env.is_open() && dict.empty() && set.empty());
}

TEST(closed_objects_throw_and_can_be_destroyed_in_any_order) {
    auto env = std::make_unique<pc::environment>(check::environment());
    auto dict = std::make_unique<pc::dict<int, int>>(*env, "dict");
    auto set = std::make_unique<pc::set<int>>(*env, "set");
    auto transaction = std::make_unique<pc::transaction>(*env);
    auto it = dict->begin();
    env->close();
    env->close();
    CHECK(!env->is_open());
    THROWS(pc::bad_handle, "", dict->get(1));
    THROWS(pc::bad_handle, "", set->insert(1));
    THROWS(pc::bad_handle, "", transaction->commit());
    THROWS(pc::bad_handle, "", env->info());
    env.reset();
    transaction.reset();
    set.reset();
    dict.reset();
    CHECK(it == decltype(it)());
}

/* A program opened an environment again by its path, which a changed link led to other files. */
TEST(another_opening_is_made_from_the_first) {
    const auto at = check::directory() / "env", moved = check::directory() / "moved";
    pc::environment env(at);
    pc::dict<std::string, int>(env, "ages")["Ada"] = 36;
    std::filesystem::rename(at, moved);
    pc::environment again = env.reopen();
    env.close();
    CHECK(pc::dict<std::string, int>(again, "ages").at("Ada") == 36);
    CHECK(!std::filesystem::exists(at));
    THROWS(pc::bad_handle, "", env.reopen());
    std::filesystem::remove_all(moved);
    THROWS(pc::replaced, "removed", pc::dict<std::string, int>(again, "ages").insert_or_assign("Alan", 41));
}

/* A thread waited for the write lock, and nothing that the program did could end that. */
TEST(a_wait_for_the_write_lock_can_be_interrupted) {
    pc::environment env(check::directory() / "env");
    pc::dict<std::string, int> ages(env, "ages");
    pc::transaction holder(env);
    int asked = 0;
    std::thread([&] {
        pc::set_interrupt([&] { return ++asked > 1; });
        THROWS(pc::interrupted, "nothing was written", ages.insert_or_assign("Ada", 36));
        THROWS(pc::interrupted, "", pc::transaction(env));
        pc::set_interrupt(nullptr);
    }).join();
    CHECK(asked == 3);
    holder.abort();
    CHECK(ages.empty());
}

/* Names of earlier documentation still work, with a warning of the compiler. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
TEST(old_names_mean_the_same) {
    pc::environment env = check::environment();
    pc::dict<std::string, int> dict(env, "dict");
    CHECK(dict.update("a", [](int &value) { value = 7; }) == 7 && dict.at("a") == 7);
    CHECK(env.list().size() == 1 && env.list()[0].name == env.collections()[0].name);
    pc::set<int> a(env, "a"), b(env, "b"), into(env, "into");
    a.insert_many({1, 2});
    b.insert_many({2, 3, 4});
    CHECK(&into.assign_union(a, b) == &into && into.size() == 4);
    CHECK(into.assign_intersection(a, b).size() == 1 && into.contains(2));
    CHECK(into.assign_difference(b, a).size() == 2 && into.contains(3));
    CHECK(into.assign_symmetric_difference(a, b).size() == 3 && !into.contains(2));
    {
        const pc::snapshot snapshot(env);
        bool seen = false;
        for (const pc::reader_info &reader : env.readers()) {
            CHECK(reader.commits_since == reader.behind &&
                  reader.behind.has_value() == reader.commit.has_value());
            seen = seen || reader.behind;
        }
        CHECK(seen);
    }
    const pc::environment_info info = env.info();
    CHECK(info.last_commit() == info.last_txn && info.last_commit() > 1);
    CHECK(info.oldest_reader_commit() == info.oldest_reader_txn);
    pc_env_stat plain = env.info();
    CHECK(plain.last_txn == info.last_txn && plain.struct_size == sizeof plain);
    env.close();

    // A data file whose second half was overwritten fails a check, under both names.
    const std::filesystem::path file = check::directory() / "env" / "data.mdb";
    std::fstream data(file, std::ios::in | std::ios::out | std::ios::binary);
    data.seekp(static_cast<std::streamoff>(std::filesystem::file_size(file) / 2));
    data << std::string(std::filesystem::file_size(file) / 2, 'x');
    data.close();
    for (const bool old_name : {false, true}) {
        pc::options options;
        (old_name ? options.verify : options.check_on_open) = true;
        THROWS(pc::corrupted, "", pc::environment(check::directory() / "env", options));
    }
}
#pragma GCC diagnostic pop

static bool always() { return true; }

/* A function of any kind may be set, and an empty one removes the last. */
TEST(functions_that_interrupt_are_of_any_kind) {
    pc::options options;
    options.write_timeout = std::chrono::milliseconds(200);
    pc::environment env(check::directory() / "env", options);
    pc::transaction holder(env);
    std::thread([&] {
        const auto kept = std::make_shared<int>(0);
        const std::function<bool()> counting = [kept] { return ++*kept > 0; };
        pc::set_interrupt(always);
        THROWS(pc::interrupted, "", pc::transaction(env));
        pc::set_interrupt(counting);
        THROWS(pc::interrupted, "", pc::transaction(env));
        CHECK(*kept == 1 && kept.use_count() == 3);
        pc::set_interrupt([only = std::make_unique<bool>(true)] { return *only; });
        THROWS(pc::interrupted, "", pc::transaction(env));
        CHECK(kept.use_count() == 2);
        bool (*none)() = nullptr;
        pc::set_interrupt(none);
        THROWS(pc::busy, "", pc::transaction(env));
        pc::set_interrupt(always);
        pc::set_interrupt(std::function<bool()>());
        THROWS(pc::busy, "", pc::transaction(env));
        pc::set_interrupt(always);
        pc::set_interrupt({});
        THROWS(pc::busy, "", pc::transaction(env));
    }).join();
}

TEST(every_status_has_its_exception) {
    for (pc_status status = -1; status > -100; status--) {
        if (std::string(pc_strerror(status)) == "unknown status")
            continue;
        bool is_own = false;
        try {
            pc::detail::raise(status, "message", 7);
        } catch (const pc::error &thrown) {
            is_own = typeid(thrown) != typeid(pc::error) && thrown.status() == status &&
                     thrown.failed_at() == 7 && std::string(thrown.what()) == "message";
        }
        if (!is_own)
            check::fail(__FILE__, __LINE__, std::string(pc_strerror(status)) + " has no class of its own");
    }
    THROWS(pc::error, "unknown", pc::detail::raise(-9999, "unknown"));
    CHECK(pc::check(PC_NOT_FOUND) == PC_NOT_FOUND);
    THROWS(pc::bad_handle, "", pc::check(pc_env_close(pc_env{0})));
}
