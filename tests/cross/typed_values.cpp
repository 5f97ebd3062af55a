/* The C++ side of `test_typed_values.py`: reads and writes the values of the Rust type in `typed_values.rs`.
 *
 *     typed_values COMMAND ENVIRONMENT KEY
 */
#include <persistent_collections.hpp>

#include <algorithm>
#include <iostream>

using pc::any_map;
using pc::any_value;
using list = pc::any_value::list;

static any_value parent() {
    return any_map{{{"title", "parent"},
                    {"initial", "p"},
                    {"tries", 0},
                    {"largest", 0},
                    {"huge", -1},
                    {"weight", -0.5},
                    {"samples", list{}},
                    {"urgent", false},
                    {"place", list{0, ""}},
                    {"nothing", 7},
                    {"sizes", any_map{}},
                    {"by_number", any_map{}},
                    {"history", list{}},
                    {"state", "Waiting"},
                    {"parent", nullptr}}};
}

static any_map job() {
    // 2 to the power of 100, which no type of C++ holds: a positive big number of CBOR, of 13 bytes.
    pc::encoded huge{{std::byte{0xC2}, std::byte{0x4D}, std::byte{0x10}}};
    huge.bytes.resize(15);
    const any_value running = any_map{{{"worker", 65535}, {"since", nullptr}}};
    return {{{"title", "stra\u00dfe \U0001F600"},
             {"initial", "\u00df"},
             {"tries", 3},
             {"largest", UINT64_MAX},
             {"huge", huge},
             {"weight", 2.0},
             {"samples", list{0.1, -1.0, 1e300}},
             {"urgent", true},
             {"place", list{-128, "here"}},
             {"nothing", nullptr},
             {"sizes", any_map{{{"a", 1}, {"b", INT64_MIN}}}},
             {"by_number", any_map{{{-1, list{"x", ""}}, {INT64_MAX, list{}}}}},
             {"history",
              list{"Waiting", any_map{{{"Failed", "disk"}}}, any_map{{{"Retried", list{255, false}}}}}},
             {"state", any_map{{{"Running", running}}}},
             {"parent", parent()}}};
}

/// Returns a field of a job, to be changed.
static any_value &field(any_map &of, std::string_view name) {
    for (auto &[key, value] : of.entries)
        if (key == any_value(name))
            return value;
    throw std::out_of_range(std::string(name));
}

static int run(const std::string &command, const char *path, const std::string &key) {
    pc::environment env(path);
    pc::dict<std::string, any_value> jobs(env, "jobs");
    any_map made = job();
    if (command == "check") {
        const any_value stored = jobs.at(key);
        for (const auto &[name, value] : made.entries)
            if (!(stored[name.as<std::string>()] == value)) {
                std::cerr << name.as<std::string>() << " differs\n";
                return 1;
            }
        return stored.size() == made.entries.size() ? 0 : 1;
    }
    if (command == "write") {
        // As C++ programs write them: a tuple, an array of numbers, a whole number for a float.
        field(made, "place") = std::tuple<int, std::string>(-128, "here");
        field(made, "samples") = std::vector<double>{0.1, -1.0, 1e300};
        field(made, "weight") = 2;
        jobs.put(key, made);
    } else if (command == "finish") {
        jobs.edit(key, [](any_value &job) {
            any_map changed = job.as<any_map>();
            any_value &tries = field(changed, "tries");
            tries = tries.as<int>() - 1;
            list history = field(changed, "history").as<list>();
            history.push_back(field(changed, "state"));
            field(changed, "history") = history;
            const any_value running = any_map{{{"worker", 4}, {"since", -5}}};
            field(changed, "state") = any_map{{{"Running", running}}};
            // A field that is absent reads as None.
            changed.entries.erase(
                std::find_if(changed.entries.begin(), changed.entries.end(),
                             [](const auto &entry) { return entry.first == any_value("parent"); }));
            job = changed;
        });
    } else {
        field(made, "tries") = "three";
        jobs.put(key, made);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    try {
        return run(argv[1], argv[2], argv[3]);
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
