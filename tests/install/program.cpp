// The C header from C++: names are not mangled, and a program may throw what an error says.
#include <cstdint>
#include <iostream>
#include <persistent_collections.h>
#include <stdexcept>
#include <string>

static void check(pc_status status) {
    if (status < 0)
        throw std::runtime_error(pc_last_error());
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    pc_env env{};
    pc_dict ages{};
    std::int64_t age = 0;
    const std::string key = "Ada";
    check(pc_env_open(argv[1], nullptr, &env));
    check(pc_dict_open(env, "ages", "str", "i64", 0, &ages));
    check(pc_dict_add_i64(ages, key.data(), key.size(), 36, &age));
    try {
        check(pc_dict_open(env, "ages", "i64", "i64", 0, &ages));
        return 3;
    } catch (const std::runtime_error &error) {
        if (std::string(error.what()).find("ages") == std::string::npos)
            return 4;
    }
    check(pc_env_close(env));
    std::cout << "C++ " << PC_VERSION << ", " << pc_version() << ": Ada is " << age << "\n";
}
