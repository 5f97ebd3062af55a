/* Runs the tests of all translation units, or those whose names contain an argument, and prints the totals.
 */
#include "check.hpp"

#include <cstdlib>
#include <unistd.h>

namespace check {

static int bad;
static std::filesystem::path current;

std::vector<test> &tests() {
    static std::vector<test> all;
    return all;
}

void fail(const char *file, int line, const std::string &what) {
    bad++;
    std::cout << file << ':' << line << ": " << what << '\n';
}

const std::filesystem::path &directory() { return current; }

pc::environment environment() {
    pc::options options;
    options.durability = pc::durability::none;
    return pc::environment(current / "env", options);
}

static bool run(const test &one) {
    std::string path = (std::filesystem::temp_directory_path() / "pc-cpp-XXXXXX").string();
    if (!mkdtemp(path.data())) {
        std::perror(path.c_str());
        std::exit(2);
    }
    current = path;
    bad = 0;
    try {
        one.run();
    } catch (const std::exception &escaped) {
        fail(one.name, 0, std::string("ends with ") + typeid(escaped).name() + ": " + escaped.what());
    }
    std::filesystem::remove_all(current);
    if (bad != 0)
        std::cout << "FAILED " << one.name << '\n';
    return bad == 0;
}

} // namespace check

int main(int argc, char **argv) {
    int passed = 0;
    int failed = 0;
    for (const check::test &one : check::tests()) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; i++)
            wanted = wanted || std::string(one.name).find(argv[i]) != std::string::npos;
        if (wanted)
            (check::run(one) ? passed : failed)++;
    }
    std::cout << passed << " passed, " << failed << " failed\n";
    return failed != 0 || passed == 0;
}
