// Prints the output of a command's first run: a cache of commands' output, shared by several processes.
//
//     cache DIRECTORY COMMAND ...       prints the command's output, and runs it only if it is not cached
//     cache DIRECTORY                   lists the cached commands
//
// If several processes run the same command at the same time, all print the output that was stored first.
#include <persistent_collections.hpp>

#include <cstdio>
#include <iostream>

namespace {

/// A command's output, which need not be text.
using output = std::vector<std::byte>;

output run(const std::string &command) {
    FILE *pipe = popen(command.c_str(), "r");
    if (pipe == nullptr)
        throw std::runtime_error("cannot run " + command);
    output printed;
    std::byte some[4096];
    while (const std::size_t count = std::fread(some, 1, sizeof some, pipe))
        printed.insert(printed.end(), some, some + count);
    if (pclose(pipe) != 0)
        throw std::runtime_error("failed, and is not kept: " + command);
    return printed;
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: cache DIRECTORY [COMMAND ...]\n";
        return 2;
    }
    try {
        pc::environment env(argv[1]);
        pc::dict<std::string, output> known(env, "commands");
        if (argc == 2) {
            for (const auto &[command, printed] : known)
                std::cout << printed.size() << " bytes: " << command << '\n';
            return 0;
        }
        std::string command = argv[2];
        for (int i = 3; i < argc; i++)
            command += std::string(" ") + argv[i];

        std::optional<output> printed = known.get(command);
        if (!printed) {
            std::cerr << "running: " << command << '\n';
            // Another process may have been quicker: then this gives what that one stored.
            printed = known.try_emplace(command, run(command)).first->second;
        }
        std::cout.write(reinterpret_cast<const char *>(printed->data()),
                        static_cast<std::streamsize>(printed->size()));
    } catch (const std::exception &failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
