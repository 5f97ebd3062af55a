// What a stranger's program does with the installed C++ header: a dict, a transaction, an exception.
#include <cstdint>
#include <iostream>
#include <persistent_collections.hpp>
#include <string>

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    const pc::environment env(argv[1]);
    pc::dict<std::string, std::int64_t> ages(env, "ages");
    pc::run(env, [&] {
        ages["Ada"] = 35;
        ages["Ada"] += 1;
    });
    try {
        const pc::dict<std::int64_t, std::int64_t> others(env, "ages");
        return 3;
    } catch (const pc::type_mismatch &error) {
        if (std::string(error.what()).find("ages") == std::string::npos)
            return 4;
    }
    std::cout << "C++ " << PC_VERSION << ", " << pc_version() << ": Ada is " << ages.at("Ada") << "\n";
}
