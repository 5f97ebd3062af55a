// A queue of jobs, shared by any number of workers: each job is a number whose prime factors are to be
// found.
//
//     job_queue DIRECTORY add NUMBER ...    adds jobs at the end of the queue
//     job_queue DIRECTORY work              does jobs until the queue is empty, and prints their number
//     job_queue DIRECTORY results           prints the results, in the order of the jobs
//
// A worker takes a job from the queue and records it as its own in one transaction, so no job is lost when
// a worker is killed: the next worker that starts puts the dead worker's job back.
#include <persistent_collections.hpp>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <unistd.h>

namespace {

struct queue {
    explicit queue(const char *path)
        : env(path), waiting(env, "waiting"), doing(env, "doing"), results(env, "results"),
          numbers(env, "numbers") {}

    pc::environment env;
    pc::dict<std::uint64_t, std::uint64_t> waiting; // the job's place in the queue, its number
    pc::dict<std::pair<std::int64_t, std::uint64_t>, std::uint64_t>
        doing; // the worker's process and the place
    pc::dict<std::uint64_t, std::string> results;
    pc::dict<std::string, std::int64_t> numbers;
};

void add(queue &jobs, const std::string &number) {
    pc::run(jobs.env, [&] {
        const auto place = static_cast<std::uint64_t>(jobs.numbers.increment("last place"));
        jobs.waiting.put(place, std::stoull(number));
    });
}

/// Puts the jobs of workers that are no more back.
void put_back(queue &jobs) {
    pc::run(jobs.env, [&] {
        for (const auto &[key, number] : jobs.doing) {
            if (kill(static_cast<pid_t>(key.first), 0) == 0 || errno == EPERM)
                continue;
            jobs.waiting.put(key.second, number);
            jobs.doing.erase(key);
        }
    });
}

std::string factors(std::uint64_t number) {
    std::string found = std::to_string(number) + " =";
    for (std::uint64_t factor = 2; number > 1; factor++) {
        if (factor * factor > number)
            factor = number;
        for (; number % factor == 0; number /= factor)
            found += " " + std::to_string(factor);
    }
    return found;
}

int work(queue &jobs) {
    put_back(jobs);
    const std::int64_t me = getpid();
    for (int done = 0;; done++) {
        std::uint64_t place = 0;
        const std::optional<std::uint64_t> number = pc::run(jobs.env, [&] {
            std::optional<std::uint64_t> taken;
            if (const auto first = jobs.waiting.first()) {
                place = first->first;
                taken = jobs.waiting.take(place);
                jobs.doing.put({me, place}, *taken);
            }
            return taken;
        });
        if (!number)
            return done;
        // Others take jobs while this one is being done.
        const std::string found = factors(*number);
        pc::run(jobs.env, [&] {
            jobs.doing.erase({me, place});
            jobs.results.put(place, found);
        });
    }
}

} // namespace

int main(int argc, char **argv) {
    const std::string verb = argc > 2 ? argv[2] : "";
    try {
        if (verb == "add") {
            queue jobs(argv[1]);
            for (int i = 3; i < argc; i++)
                add(jobs, argv[i]);
        } else if (verb == "work") {
            queue jobs(argv[1]);
            std::cout << "did " << work(jobs) << '\n';
        } else if (verb == "results") {
            queue jobs(argv[1]);
            for (const auto &result : jobs.results.values())
                std::cout << result << '\n';
        } else {
            std::cerr << "usage: job_queue DIRECTORY add NUMBER ... | work | results\n";
            return 2;
        }
    } catch (const std::exception &failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
