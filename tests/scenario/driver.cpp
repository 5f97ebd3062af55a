// The scenario in C++: `driver run SCENARIO ENVIRONMENT`, `driver dump ENVIRONMENT…`; see README.md.
#include <persistent_collections.hpp>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>

namespace {

using fields = std::vector<std::string>;
using bytes = std::vector<std::byte>;

// A user's own struct of plain bytes.
struct plain {
    std::uint8_t data[4];
};

} // namespace

template <> struct pc::is_opaque<plain> : std::true_type {};

namespace {

// ---- values and how they are written

const char *const ELEMENTS[] = {"", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64"};

fields split(const std::string &text, char separator) {
    fields parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        parts.push_back(part);
    return parts;
}

std::string joined(const fields &parts, const std::string &separator) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); i++)
        text += (i == 0 ? "" : separator) + parts[i];
    return text;
}

bytes from_hex(const std::string &text) {
    bytes made;
    for (std::size_t at = 0; at < text.size(); at += 2)
        made.push_back(static_cast<std::byte>(std::stoi(text.substr(at, 2), nullptr, 16)));
    return made;
}

std::string hex(const void *data, std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; i++) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<const unsigned char *>(data)[i]);
        text += digits;
    }
    return text;
}

std::string unescaped(const std::string &text) {
    std::string plain_text;
    for (std::size_t at = 0; at < text.size(); at++) {
        if (text[at] == '%') {
            plain_text += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else {
            plain_text += text[at];
        }
    }
    return plain_text;
}

std::string escaped(const std::string &text) {
    std::string made;
    for (const char c : text) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '.' || c == '_' || c == '-';
        char code[4];
        std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
        made += is_plain ? std::string(1, c) : code;
    }
    return made;
}

pc::any_value parse_next(std::istream &tokens);

std::vector<pc::any_value> parse_until(std::istream &tokens, char close) {
    std::vector<pc::any_value> items;
    while ((tokens >> std::ws).peek() != close)
        items.push_back(parse_next(tokens));
    tokens.get();
    return items;
}

pc::any_value parse_next(std::istream &tokens) {
    std::string token;
    tokens >> token;
    if (token == "(")
        return pc::any_tuple{parse_until(tokens, ')')};
    if (token == "[")
        return parse_until(tokens, ']');
    if (token == "<")
        return pc::any_set{parse_until(tokens, '>')};
    if (token == "{") {
        const std::vector<pc::any_value> items = parse_until(tokens, '}');
        pc::any_map map;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2)
            map.entries.emplace_back(items[i], items[i + 1]);
        return map;
    }
    if (token == "null")
        return nullptr;
    if (token == "undefined")
        return pc::undefined{};
    if (token == "true" || token == "false")
        return token == "true";
    const std::string text = token.size() > 1 ? token.substr(2) : "";
    if (token.size() < 2 || token[1] != ':')
        return token[0] == '-' || token.size() < 19 ? pc::any_value(std::int64_t{std::stoll(token)})
                                                    : pc::any_value(std::uint64_t{std::stoull(token)});
    switch (token[0]) {
    case 'f': {
        const std::uint64_t bits = std::stoull(text, nullptr, 16);
        double number;
        std::memcpy(&number, &bits, sizeof number);
        return number;
    }
    case 's':
        return unescaped(text);
    case 'b':
        return from_hex(text);
    case 'u':
        return pc::uuid::parse(text);
    case 'd':
        return pc::date{std::stoi(text)};
    case 't':
        return pc::datetime{std::stoll(text)};
    case 'a': {
        pc::any_array array;
        const fields parts = split(text, ':');
        while (ELEMENTS[array.element] != parts[0])
            array.element = array.element % 10 + 1;
        array.bytes = from_hex(parts.size() > 1 ? parts[1] : "");
        return array;
    }
    default:
        throw std::logic_error("no such value: " + token);
    }
}

pc::any_value parse(const std::string &field) {
    std::istringstream tokens(field);
    return parse_next(tokens);
}

std::string show(const pc::any_value &value);

std::string group(const std::string &open, fields items, const std::string &close) {
    items.insert(items.begin(), open);
    items.push_back(close);
    return joined(items, " ");
}

fields shown(const std::vector<pc::any_value> &items) {
    fields texts;
    std::transform(items.begin(), items.end(), std::back_inserter(texts), show);
    return texts;
}

fields sorted(fields texts) {
    std::sort(texts.begin(), texts.end());
    return texts;
}

struct writer {
    std::string operator()(std::nullptr_t) const { return "null"; }
    std::string operator()(pc::undefined) const { return "undefined"; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const {
        std::uint64_t bits;
        std::memcpy(&bits, &number, sizeof bits);
        char text[32];
        std::snprintf(text, sizeof text, "f:%016llx", static_cast<unsigned long long>(bits));
        return text;
    }
    std::string operator()(const std::string &text) const { return "s:" + escaped(text); }
    std::string operator()(const bytes &data) const { return "b:" + hex(data.data(), data.size()); }
    std::string operator()(const pc::uuid &uuid) const { return "u:" + hex(uuid.bytes.data(), 16); }
    std::string operator()(pc::date date) const { return "d:" + std::to_string(date.days); }
    std::string operator()(pc::datetime time) const { return "t:" + std::to_string(time.microseconds); }
    std::string operator()(const pc::any_array &array) const {
        return std::string("a:") + ELEMENTS[array.element] + ":" +
               hex(array.bytes.data(), array.bytes.size());
    }
    std::string operator()(const pc::any_tuple &tuple) const { return group("(", shown(tuple.items), ")"); }
    std::string operator()(const pc::any_value::list &list) const { return group("[", shown(list), "]"); }
    std::string operator()(const pc::any_set &set) const { return group("<", sorted(shown(set.items)), ">"); }
    std::string operator()(const pc::any_map &map) const {
        fields texts;
        for (const auto &[key, value] : map.entries)
            texts.push_back(show(key) + " " + show(value));
        return group("{", sorted(texts), "}");
    }
    std::string operator()(const pc::encoded &) const {
        throw std::logic_error("a value that cannot be written");
    }
};

std::string show(const pc::any_value &value) { return std::visit(writer{}, value.held()); }

// A field as a C++ type; arrays get the dimensions that the type has.
template <class T> T as(const std::string &field) {
    pc::any_value value = parse(field);
    if constexpr (pc::detail::array_of<T>::is_fixed)
        if (auto *array = std::get_if<pc::any_array>(&value.held()))
            if (const pc::any_value like(T{}); like.is<pc::any_array>())
                array->shape = std::get<pc::any_array>(like.held()).shape;
    return value.as<T>();
}

template <class T> std::vector<T> all(const fields &a, std::size_t from, std::size_t step = 1) {
    std::vector<T> made;
    for (std::size_t at = from; at < a.size(); at += step)
        made.push_back(as<T>(a[at]));
    return made;
}

// ---- collections of any types

std::string ok() { return "ok"; }
std::string yes(bool truth) { return truth ? "yes" : "no"; }
std::string or_absent(bool was) { return was ? "ok" : "absent"; }

template <class T> std::string or_absent(const std::optional<T> &value) {
    return value ? show(pc::any_value(*value)) : "absent";
}

// What can be done with a dict or a set whose types are known where it was opened. Each takes the fields
// after the operation's name, of which the first names the collection.
struct collection {
    collection() = default;
    collection(const collection &) = delete;
    collection &operator=(const collection &) = delete;
    virtual ~collection() = default;
    virtual std::string has(const fields &a) = 0;
    virtual std::string remove(const fields &a) = 0;
    virtual std::string remove_many(const fields &a) = 0;
    virtual std::string len() = 0;
    virtual std::string clear() = 0;
    virtual std::string first() = 0;
    virtual std::string last() = 0;
    virtual std::string range(const fields &a) = 0;
    virtual std::string remove_range(const fields &a) = 0;
    virtual std::string prefix(const fields &a) = 0;

    virtual std::string put(const fields &) { return "no dict"; }
    virtual std::string put_new(const fields &) { return "no dict"; }
    virtual std::string get(const fields &) { return "no dict"; }
    virtual std::string take(const fields &) { return "no dict"; }
    virtual std::string exchange(const fields &) { return "no dict"; }
    virtual std::string increment(const fields &) { return "no dict"; }
    virtual std::string put_many(const fields &) { return "no dict"; }
    virtual std::string get_many(const fields &) { return "no dict"; }

    virtual std::string add(const fields &) { return "no set"; }
    virtual std::string add_many(const fields &) { return "no set"; }
    virtual std::string combine(const std::string &, collection &) { return "no set"; }
};

bool has_word(const fields &a, const std::string &word) {
    return std::find(a.begin() + 3, a.end(), word) != a.end();
}

template <class K, class C> auto part(const C &it, const fields &a) {
    const auto end = [](const std::string &field, bool included) -> pc::range_end<K> {
        if (field == "-")
            return pc::unbounded;
        return pc::bound<K>{as<K>(field), included};
    };
    auto view = it.range(end(a[1], !has_word(a, "after")), end(a[2], has_word(a, "through")));
    return has_word(a, "reverse") ? view.reverse() : view;
}

template <class View, class Show> std::string listed(const View &view, Show show_one) {
    fields texts;
    for (const auto &item : view)
        texts.push_back(show_one(item));
    return texts.empty() ? "nothing" : joined(texts, "\t");
}

template <class K, class V> struct dict_of : collection {
    dict_of(const pc::environment &env, const std::string &name, pc::open_mode mode) : it(env, name, mode) {}

    static std::string entry(const std::pair<K, V> &item) {
        return show(pc::any_value(item.first)) + " = " + show(pc::any_value(item.second));
    }

    std::string has(const fields &a) override { return yes(it.contains(as<K>(a[1]))); }
    std::string remove(const fields &a) override { return or_absent(it.erase(as<K>(a[1])) == 1); }
    std::string remove_many(const fields &a) override { return std::to_string(it.erase_many(all<K>(a, 1))); }
    std::string len() override { return std::to_string(it.size()); }
    std::string clear() override {
        it.clear();
        return ok();
    }
    std::string first() override {
        const auto found = it.first();
        return found ? entry(*found) : "absent";
    }
    std::string last() override {
        const auto found = it.last();
        return found ? entry(*found) : "absent";
    }
    std::string range(const fields &a) override { return listed(part<K>(it, a), entry); }
    std::string remove_range(const fields &a) override { return std::to_string(it.erase(part<K>(it, a))); }
    std::string prefix(const fields &a) override {
        if constexpr (std::is_same_v<K, std::string>)
            return listed(it.prefix(as<std::string>(a[1])), entry);
        return "no prefix of " + a[0];
    }

    std::string put(const fields &a) override {
        it.put(as<K>(a[1]), as<V>(a[2]));
        return ok();
    }
    std::string put_new(const fields &a) override {
        return it.try_emplace(as<K>(a[1]), as<V>(a[2])).second ? "ok" : "exists";
    }
    std::string get(const fields &a) override { return or_absent(it.get(as<K>(a[1]))); }
    std::string take(const fields &a) override { return or_absent(it.take(as<K>(a[1]))); }
    std::string exchange(const fields &a) override {
        const auto value = [](const std::string &field) {
            return field == "absent" ? std::nullopt : std::optional<V>(as<V>(field));
        };
        const std::optional<V> expected = value(a[2]);
        return it.compare_exchange(as<K>(a[1]), expected, value(a[3])) ? "ok" : "differs";
    }
    std::string increment(const fields &a) override {
        if constexpr ((std::is_integral_v<V> && !std::is_same_v<V, bool>) || std::is_same_v<V, pc::any_value>)
            return std::to_string(it.increment(as<K>(a[1]), std::stoll(a[2])));
        // It does not compile: that is the mismatch of types, told earlier.
        throw pc::type_mismatch("values are no integers");
    }
    std::string put_many(const fields &a) override {
        const std::vector<K> keys = all<K>(a, 1, 2);
        const std::vector<V> values = all<V>(a, 2, 2);
        std::vector<std::pair<K, V>> entries;
        for (std::size_t i = 0; i < keys.size(); i++)
            entries.emplace_back(keys[i], values[i]);
        it.put_many(entries);
        return ok();
    }
    std::string get_many(const fields &a) override {
        fields texts;
        for (const std::optional<V> &value : it.get_many(all<K>(a, 1)))
            texts.push_back(or_absent(value));
        return joined(texts, "\t");
    }

    pc::dict<K, V> it;
};

template <class T> struct set_of : collection {
    set_of(const pc::environment &env, const std::string &name, pc::open_mode mode) : it(env, name, mode) {}

    static std::string element(const T &item) { return show(pc::any_value(item)); }

    std::string has(const fields &a) override { return yes(it.contains(as<T>(a[1]))); }
    std::string remove(const fields &a) override { return or_absent(it.erase(as<T>(a[1])) == 1); }
    std::string remove_many(const fields &a) override { return std::to_string(it.erase_many(all<T>(a, 1))); }
    std::string len() override { return std::to_string(it.size()); }
    std::string clear() override {
        it.clear();
        return ok();
    }
    std::string first() override { return or_absent(it.first()); }
    std::string last() override { return or_absent(it.last()); }
    std::string range(const fields &a) override { return listed(part<T>(it, a), element); }
    std::string remove_range(const fields &a) override { return std::to_string(it.erase(part<T>(it, a))); }
    std::string prefix(const fields &a) override {
        if constexpr (std::is_same_v<T, std::string>)
            return listed(it.prefix(as<std::string>(a[1])), element);
        return "no prefix of " + a[0];
    }

    std::string add(const fields &a) override {
        it.insert(as<T>(a[1]));
        return ok();
    }
    std::string add_many(const fields &a) override {
        it.insert_many(all<T>(a, 1));
        return ok();
    }
    std::string combine(const std::string &verb, collection &with) override {
        const pc::set<T> &other = dynamic_cast<set_of &>(with).it;
        if (verb == "is_subset")
            return yes(it.is_subset_of(other));
        if (verb == "is_disjoint")
            return yes(it.is_disjoint_from(other));
        if (verb == "union")
            it |= other;
        else if (verb == "intersection")
            it &= other;
        else if (verb == "difference")
            it -= other;
        else
            it ^= other;
        return ok();
    }

    pc::set<T> it;
};

using opened = std::unique_ptr<collection>;
using opener = opened (*)(const pc::environment &, const std::string &, pc::open_mode);

template <class C> opened open_as(const pc::environment &env, const std::string &name, pc::open_mode mode) {
    return std::make_unique<C>(env, name, mode);
}

template <class K, class V = K> std::pair<const std::string, opener> dict_type() {
    return {pc::type_name<K>() + " " + pc::type_name<V>(), open_as<dict_of<K, V>>};
}

template <class T> std::pair<const std::string, opener> set_type() {
    return {pc::type_name<T>(), open_as<set_of<T>>};
}

// What each pair of stored types is opened as.
const std::map<std::string, opener> DICTS{
    dict_type<std::string>(),
    dict_type<std::string, std::int64_t>(),
    dict_type<std::string, pc::any_value>(),
    dict_type<bytes>(),
    dict_type<std::int8_t>(),
    dict_type<std::int16_t>(),
    dict_type<std::int32_t>(),
    dict_type<std::int64_t>(),
    dict_type<std::int64_t, std::string>(),
    dict_type<std::uint8_t>(),
    dict_type<std::uint16_t>(),
    dict_type<std::uint32_t>(),
    dict_type<std::uint32_t, pc::any_value>(),
    dict_type<std::uint64_t>(),
    dict_type<float>(),
    dict_type<double>(),
    dict_type<bool>(),
    dict_type<pc::uuid>(),
    dict_type<pc::date>(),
    dict_type<pc::datetime>(),
    dict_type<std::string, std::vector<float>>(),
    dict_type<std::string, std::array<float, 3>>(),
    dict_type<std::string, std::array<std::array<double, 3>, 2>>(),
    dict_type<std::string, std::vector<std::int16_t>>(),
    dict_type<std::string, std::array<std::uint8_t, 4>>(),
    dict_type<std::string, std::vector<std::int64_t>>(),
    dict_type<std::string, std::array<std::uint32_t, 2>>(),
    dict_type<std::string, std::vector<std::int8_t>>(),
    dict_type<std::string, std::vector<std::uint16_t>>(),
    dict_type<std::string, std::vector<std::int32_t>>(),
    dict_type<std::string, std::vector<std::uint64_t>>(),
    dict_type<std::string, std::vector<double>>(),
    dict_type<plain>(),
    dict_type<std::tuple<std::string, std::int64_t>, std::string>(),
    dict_type<std::tuple<bytes, double, bool>, std::int64_t>(),
    dict_type<pc::any_value>(),
};

const std::map<std::string, opener> SETS{
    set_type<std::string>(),   set_type<std::int64_t>(),
    set_type<std::uint8_t>(),  set_type<double>(),
    set_type<bool>(),          set_type<bytes>(),
    set_type<pc::uuid>(),      set_type<pc::date>(),
    set_type<pc::datetime>(),  set_type<std::tuple<std::string, std::int64_t>>(),
    set_type<pc::any_value>(),
};

// ---- operations: each takes the fields after its name and gives the answer

pc::options without_syncs() {
    pc::options options;
    options.durability = pc::durability::none;
    return options;
}

struct run {
    explicit run(const std::string &where) : path(where), env(where, without_syncs()) {}

    collection &named(const fields &a, std::size_t at = 0) { return *collections.at(a[at]); }

    std::string open(const fields &a, const opener &how) {
        collections[a[0]] = how(env, a[0], pc::open_mode::create);
        return ok();
    }

    std::string schema(const fields &a) {
        const auto found = env.schema(a[0]);
        if (!found)
            return "absent";
        return found->kind == PC_KIND_SET ? "set\t" + found->key_type
                                          : "dict\t" + found->key_type + "\t" + found->value_type;
    }

    std::string begin(const fields &a) {
        if (a[0] == "write")
            blocks.emplace_back(std::make_unique<pc::transaction>(env), nullptr);
        else
            blocks.emplace_back(nullptr, std::make_unique<pc::snapshot>(env));
        return ok();
    }

    std::string end(void (pc::transaction::*how)()) {
        const auto block = std::move(blocks.back());
        blocks.pop_back();
        if (block.first)
            (*block.first.*how)();
        return ok();
    }

    std::string reopen() {
        collections.clear();
        env.close();
        env = pc::environment(path, without_syncs());
        return ok();
    }

    std::string path;
    pc::environment env;
    std::map<std::string, opened> collections;
    // One of the two each.
    std::vector<std::pair<std::unique_ptr<pc::transaction>, std::unique_ptr<pc::snapshot>>> blocks;
};

using operation = std::function<std::string(run &, const fields &)>;

operation of_one(std::string (collection::*call)(const fields &)) {
    return [call](run &state, const fields &a) { return (state.named(a).*call)(a); };
}

operation of_all(std::string (collection::*call)()) {
    return [call](run &state, const fields &a) { return (state.named(a).*call)(); };
}

operation of_two(const std::string &verb) {
    return [verb](run &state, const fields &a) { return state.named(a).combine(verb, state.named(a, 1)); };
}

const std::map<std::string, operation> OPERATIONS{
    {"dict", [](run &state, const fields &a) { return state.open(a, DICTS.at(a[1] + " " + a[2])); }},
    {"set", [](run &state, const fields &a) { return state.open(a, SETS.at(a[1])); }},
    {"drop", [](run &state, const fields &a) { return or_absent(state.env.drop(a[0])); }},
    {"schema", [](run &state, const fields &a) { return state.schema(a); }},
    {"put", of_one(&collection::put)},
    {"put_new", of_one(&collection::put_new)},
    {"get", of_one(&collection::get)},
    {"has", of_one(&collection::has)},
    {"remove", of_one(&collection::remove)},
    {"take", of_one(&collection::take)},
    {"exchange", of_one(&collection::exchange)},
    {"increment", of_one(&collection::increment)},
    {"len", of_all(&collection::len)},
    {"clear", of_all(&collection::clear)},
    {"first", of_all(&collection::first)},
    {"last", of_all(&collection::last)},
    {"put_many", of_one(&collection::put_many)},
    {"get_many", of_one(&collection::get_many)},
    {"remove_many", of_one(&collection::remove_many)},
    {"add", of_one(&collection::add)},
    {"add_many", of_one(&collection::add_many)},
    {"range", of_one(&collection::range)},
    {"remove_range", of_one(&collection::remove_range)},
    {"prefix", of_one(&collection::prefix)},
    {"union", of_two("union")},
    {"intersection", of_two("intersection")},
    {"difference", of_two("difference")},
    {"symmetric_difference", of_two("symmetric_difference")},
    {"is_subset", of_two("is_subset")},
    {"is_disjoint", of_two("is_disjoint")},
    {"begin", [](run &state, const fields &a) { return state.begin(a); }},
    {"commit", [](run &state, const fields &) { return state.end(&pc::transaction::commit); }},
    {"abort", [](run &state, const fields &) { return state.end(&pc::transaction::abort); }},
    {"flush", [](run &state, const fields &) { return state.env.flush(), ok(); }},
    {"reopen", [](run &state, const fields &) { return state.reopen(); }},
};

std::string answer(run &state, const std::string &name, const fields &arguments) {
    const auto found = OPERATIONS.find(name);
    if (found == OPERATIONS.end())
        return "no such operation";
    try {
        return found->second(state, arguments);
    } catch (const pc::error &failure) {
        const pc_status status = failure.status();
        if (status == PC_ERR_BAD_KEY || status == PC_ERR_BAD_VALUE || status == PC_ERR_KEY_SIZE)
            return "refused";
        return "error " + std::to_string(status);
    }
}

// ---- running and dumping

// The number of lines that were answered otherwise than expected.
int run_scenario(const std::string &scenario, const std::string &path) {
    run state(path);
    std::ifstream lines(scenario);
    int wrong = 0, at = 0;
    if (!lines)
        throw std::runtime_error("cannot be read: " + scenario);
    for (std::string line; std::getline(lines, line);) {
        at++;
        if (line.empty() || line[0] == '#')
            continue;
        const std::size_t arrow = line.find("\t=>\t");
        fields asked = split(line.substr(0, arrow), '\t');
        const std::string name = asked[0], expected = line.substr(arrow + 4);
        asked.erase(asked.begin());
        const std::string given = answer(state, name, asked);
        if (given != expected) {
            std::cout << "line " << at << ": " << name << ": expected " << expected << ", got " << given
                      << "\n";
            wrong++;
        }
    }
    return wrong;
}

void dump(const std::string &path) {
    const pc::environment env(path, without_syncs());
    for (const pc::collection_info &it : env.collections()) {
        const bool is_set = it.kind == PC_KIND_SET;
        const std::string types = is_set ? it.key_type : it.key_type + " " + it.value_type;
        const opened found = (is_set ? SETS : DICTS).at(types)(env, it.name, pc::open_mode::existing);
        std::cout << (is_set ? "set " : "dict ") << it.name << " " << types << ", " << it.count << "\n";
        for (const std::string &entry : split(found->range({it.name, "-", "-"}), '\t'))
            std::cout << "  " << entry << "\n";
    }
}

} // namespace

int main(int argc, char **argv) {
    const fields arguments(argv + 1, argv + argc);
    if (arguments.size() == 3 && arguments[0] == "run")
        return run_scenario(arguments[1], arguments[2]) != 0;
    for (std::size_t at = 1; at < arguments.size(); at++) {
        std::cout << "environment " << at << "\n";
        dump(arguments[at]);
    }
}
