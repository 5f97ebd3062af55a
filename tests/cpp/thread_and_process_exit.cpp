// Code that runs while a thread or the process ends: destructors of thread-local and static objects, and exit
// handlers.
#include "check.hpp"

#include <cstdlib>
#include <sys/wait.h>

namespace {

/// Keeps numbers until it is destroyed, and saves them then.
struct saver {
    std::string name;
    std::filesystem::path path;

    ~saver() {
        if (path.empty())
            return;
        try {
            pc::environment env(path);
            pc::dict<std::string, std::int64_t> dict(env, "saved");
            dict[name] = 1;
            pc::transaction transaction(env);
            dict[name] = dict.at(name) + 1;
            transaction.commit();
            for (auto [key, value] : dict)
                dict[key] = value + 1;
        } catch (const pc::error &error) {
            std::cerr << name << ": " << error.what() << '\n';
        }
    }
};

std::int64_t saved(const std::filesystem::path &path, const std::string &name) {
    pc::environment env(path);
    return pc::dict<std::string, std::int64_t>(env, "saved").get(name).value_or(0);
}

saver of_process{"static", {}};

void at_exit() { const saver now{"atexit", of_process.path}; }

} // namespace

// A program that saved in a destructor lost its data: each call was refused, since the thread's place in the
// environment was gone before the destructor ran.
TEST(thread_local_destructors_can_write) {
    const auto path = check::directory() / "env";
    pc::environment env(path);
    std::thread([&] {
        // Created before the thread's first call of the library, and so destroyed after the library's own
        // objects.
        thread_local saver first{"first", {}};
        first.path = path;
        pc::dict<std::string, std::int64_t> dict(env, "saved");
        dict["thread"] = 1;
        thread_local saver last{"last", {}};
        last.path = path;
    }).join();
    CHECK(saved(path, "thread") >= 1);
    CHECK(saved(path, "last") == 4); // once more by the first
    CHECK(saved(path, "first") == 3);
    // The thread has not left anything open.
    pc::transaction(env).commit();
}

TEST(a_transaction_left_open_by_a_destructor_ends_with_the_thread) {
    const auto path = check::directory() / "env";
    pc::environment env(path);
    pc::dict<std::string, std::int64_t> dict(env, "saved");
    struct beginner {
        const pc::environment *env = nullptr;
        ~beginner() {
            pc_txn txn;
            if (env && pc_txn_begin(env->handle(), PC_TXN_WRITE, 0, &txn) != PC_OK)
                std::cerr << pc_last_error() << '\n';
        }
    };
    std::thread([&] {
        thread_local beginner first;
        first.env = &env;
        dict["thread"] = 1;
    }).join();
    dict["main"] = 1;
    CHECK(dict.size() == 2);
}

TEST(static_destructors_and_exit_handlers_can_write) {
    const char *const variable = "PC_TEST_ENDING";
    if (const char *given = std::getenv(variable)) {
        of_process.path = given;
        std::atexit(at_exit);
        {
            pc::environment env(of_process.path);
            pc::dict<std::string, std::int64_t> dict(env, "saved");
            dict["child"] = 1;
        }
        std::exit(0);
    }
    // This program once more, for this test alone.
    const auto path = check::directory() / "env";
    const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
    std::cout.flush();
    const pid_t child = fork();
    if (child == 0) {
        setenv(variable, path.c_str(), 1);
        execl(program.c_str(), program.c_str(), "static_destructors_and_exit_handlers_can_write", nullptr);
        _exit(1);
    }
    int outcome = 0;
    CHECK(waitpid(child, &outcome, 0) == child && WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    CHECK(saved(path, "atexit") >= 3);
    CHECK(saved(path, "static") == 3);
}

TEST(a_failure_in_a_destructor_is_reported) {
    struct looker {
        std::string *said = nullptr;
        ~looker() {
            pc_env env = {0};
            if (said && pc_env_open("/nowhere/at/all", nullptr, &env) < 0)
                *said = pc_last_error();
        }
    };
    std::string said;
    std::thread([&] {
        thread_local looker first;
        first.said = &said;
        pc_env env = {0};
        CHECK(pc_env_open("/nowhere/before/all", nullptr, &env) < 0);
    }).join();
    CHECK(said.find("/nowhere/at/all") != std::string::npos);
}
