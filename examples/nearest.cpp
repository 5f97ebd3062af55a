// Finds the words with the most similar spelling: each word is a point in 64 dimensions, made from its
// pairs of letters, and the program looks for the nearest ones among all points in the environment's memory,
// without copying them.
//
//     nearest DIRECTORY index FILE ...      adds the words of text files
//     nearest DIRECTORY like WORD           prints the five nearest words, and how near they are
#include <persistent_collections.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <map>

namespace {

constexpr std::size_t dimensions = 64;
using point = std::array<float, dimensions>;

/// A word's pairs of letters, counted in one dimension or another, at a distance of 1 from the origin.
point place_of(const std::string &word) {
    point made{};
    const std::string marked = "^" + word + "$";
    for (std::size_t i = 0; i + 1 < marked.size(); i++) {
        const auto a = static_cast<unsigned char>(marked[i]);
        const auto b = static_cast<unsigned char>(marked[i + 1]);
        made[(a * 31U + b) % dimensions] += 1;
    }
    float square = 0;
    for (const float x : made)
        square += x * x;
    for (float &x : made)
        x /= std::sqrt(square);
    return made;
}

void index(const pc::environment &env, char **files, int count) {
    pc::dict<std::string, point> points(env, "points");
    std::map<std::string, point> found;
    for (int i = 0; i < count; i++) {
        std::ifstream file(files[i]);
        if (!file)
            throw std::runtime_error(std::string("cannot read ") + files[i]);
        for (std::string word; file >> word;)
            found.emplace(word, place_of(word));
    }
    points.put_many(found);
    pc::set<std::string>(env, "words").insert_many(points.keys());
    std::cout << found.size() << " words\n";
}

void like(const pc::environment &env, const std::string &word) {
    pc::dict<std::string, point> points(env, "points");
    pc::set<std::string> words(env, "words");
    const point wanted = place_of(word);
    std::vector<std::pair<float, std::string>> nearest;
    const pc::snapshot snapshot(env);
    for (const std::string &other : words) {
        const pc::array_view<float> at = *snapshot.view(points, other);
        float product = 0;
        for (std::size_t i = 0; i < dimensions; i++)
            product += at[i] * wanted[i];
        nearest.emplace_back(product, other);
    }
    std::stable_sort(nearest.begin(), nearest.end(),
                     [](const auto &a, const auto &b) { return a.first > b.first; });
    nearest.resize(std::min<std::size_t>(nearest.size(), 5));
    for (const auto &[nearness, other] : nearest)
        std::cout << std::fixed << std::setprecision(3) << nearness << ' ' << other << '\n';
}

} // namespace

int main(int argc, char **argv) {
    const std::string verb = argc > 3 ? argv[2] : "";
    try {
        if (verb == "index") {
            index(pc::environment(argv[1]), argv + 3, argc - 3);
        } else if (verb == "like" && argc == 4) {
            like(pc::environment(argv[1]), argv[3]);
        } else {
            std::cerr << "usage: nearest DIRECTORY index FILE ... | like WORD\n";
            return 2;
        }
    } catch (const std::exception &failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
}
