/* Declarations that the C++ tests share: tests that register themselves, checks that name their place, and a
 * separate environment for each test.
 */
#ifndef CHECK_HPP
#define CHECK_HPP

#include <persistent_collections.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#if __cplusplus >= 202002L
#include <ranges>
#endif
#include <thread>
#include <unistd.h>
#include <vector>

namespace check {

struct test {
    const char *name;
    void (*run)();
};

/// Returns the tests of all translation units.
std::vector<test> &tests();

/// Records a failure of the running test.
void fail(const char *file, int line, const std::string &what);

/// Returns the directory of the running test, which is removed when the test ends.
const std::filesystem::path &directory();

/// Opens an environment in that directory, without syncs: the disk is not under test.
pc::environment environment();

struct registration {
    registration(const char *name, void (*run)()) { tests().push_back({name, run}); }
};

} // namespace check

#define TEST(name)                                                                                           \
    static void name();                                                                                      \
    static const check::registration name##_registered(#name, name);                                         \
    static void name()

#define CHECK(...)                                                                                           \
    do {                                                                                                     \
        if (!(__VA_ARGS__))                                                                                  \
            check::fail(__FILE__, __LINE__, "not so: " #__VA_ARGS__);                                        \
    } while (0)

/// Checks that an expression throws exactly this class, with a message that contains `part`.
#define THROWS(Exception, part, ...)                                                                         \
    do {                                                                                                     \
        try {                                                                                                \
            static_cast<void>(__VA_ARGS__);                                                                  \
            check::fail(__FILE__, __LINE__, "throws nothing: " #__VA_ARGS__);                                \
        } catch (const Exception &thrown) {                                                                  \
            if (typeid(thrown) != typeid(Exception))                                                         \
                check::fail(__FILE__, __LINE__, std::string("throws a ") + typeid(thrown).name());           \
            if (std::string(thrown.what()).find(part) == std::string::npos)                                  \
                check::fail(__FILE__, __LINE__,                                                              \
                            std::string("does not say \"") + (part) + "\": " + thrown.what());               \
        } catch (const std::exception &other) {                                                              \
            check::fail(__FILE__, __LINE__,                                                                  \
                        std::string("throws a ") + typeid(other).name() + ": " + other.what());              \
        }                                                                                                    \
    } while (0)

#endif
