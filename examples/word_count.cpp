// Counts the words of text files. It can be stopped at any moment, also by a crash, and resumes where it
// was: a file's counts and the position in the file are committed together.
//
//     word_count DIRECTORY FILE ...     counts, and prints the ten most frequent words so far
#include <persistent_collections.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>

namespace {

constexpr int lines_at_once = 1000;

using counts_dict = pc::dict<std::string, std::int64_t>;
using places_dict = pc::dict<std::string, std::uint64_t>;

void count_words(const std::string &line, counts_dict &counts) {
    std::string word;
    for (const char c : line + " ") {
        if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
            counts.increment(word);
            word.clear();
        }
    }
}

/// Counts what has not been counted of a file.
void count_file(const pc::environment &env, counts_dict &counts, places_dict &places,
                const std::string &name) {
    std::ifstream file(name, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + name);
    for (bool more = true; more;) {
        const std::uint64_t place = pc::run(env, [&] {
            file.clear();
            file.seekg(static_cast<std::streamoff>(places.get(name).value_or(0)));
            std::uint64_t at = static_cast<std::uint64_t>(file.tellg());
            std::string line;
            for (int i = 0; i < lines_at_once && std::getline(file, line); i++) {
                count_words(line, counts);
                at += line.size() + (file.eof() ? 0 : 1);
            }
            more = !file.eof();
            places.put(name, at);
            return at;
        });
        std::cerr << name << ": " << place << " bytes" << std::endl;
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 2) {
        std::cerr << "usage: word_count DIRECTORY FILE ...\n";
        return 2;
    }
    try {
        pc::environment env(argv[1]);
        counts_dict counts(env, "counts");
        places_dict places(env, "places");
        for (int i = 2; i < argc; i++)
            count_file(env, counts, places, argv[i]);

        std::vector<counts_dict::value_type> words(counts.begin(), counts.end());
        std::stable_sort(words.begin(), words.end(),
                         [](const auto &a, const auto &b) { return a.second > b.second; });
        words.resize(std::min<std::size_t>(words.size(), 10));
        for (const auto &[word, count] : words)
            std::cout << count << ' ' << word << '\n';
    } catch (const std::exception &failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
