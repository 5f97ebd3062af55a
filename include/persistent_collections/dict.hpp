/// \file
/// Dicts: keys and their values on disk, ordered by key.
#ifndef PERSISTENT_COLLECTIONS_DICT_HPP
#define PERSISTENT_COLLECTIONS_DICT_HPP

#include "collection.hpp"
#include "receiver.hpp"

namespace pc {

/// \cond internal
namespace detail {

/// The functions of the C ABI for dicts.
struct dict_calls {
    using handle = pc_dict;
    static constexpr bool is_set = false;
    static constexpr auto close = pc_dict_close;
    static constexpr auto contains = pc_dict_contains;
    static constexpr auto len = pc_dict_len;
    static constexpr auto first = pc_dict_first;
    static constexpr auto last = pc_dict_last;
    static constexpr auto remove = pc_dict_remove;
    static constexpr auto remove_range = pc_dict_remove_range;
    static constexpr auto remove_many = pc_dict_remove_many;
    static constexpr auto clear = pc_dict_clear;

    static pc_status look_up(pc_dict in, const bytes_ref &at, reply &value) {
        return value.fill([&](void *to, std::size_t cap, std::size_t *size) {
            return pc_dict_get(in, at.data, at.size, to, cap, size);
        });
    }
};

} // namespace detail
/// \endcond

/// A dict on disk: keys and their values, ordered by key, shared with other threads, processes and languages.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// ages["Ada"] = 36;
/// ages.insert_or_assign("Grace", 85);
/// ages["Grace"] += 1;
/// assert(ages.at("Grace") == 86 && !ages.get("Alan"));
/// for (const auto &[name, age] : ages)
///     std::cout << name << " is " << age << '\n';
/// ```
///
/// Each write is atomic and, outside of transactions, on stable storage when it returns. Inside a
/// pc::transaction or pc::snapshot of the calling thread every call is part of that.
///
/// Key and Value are types that have a stored type (see pc::type_name): bool, integers and enumerations,
/// float, double, `std::string`, `std::vector<std::byte>`, pc::uuid, pc::date, pc::datetime,
/// pc::any_value, structs with pc::is_opaque; keys also `std::tuple` of these except the last two;
/// values also `std::vector` and `std::array` of numbers. Other types do not compile. Text is passed as
/// `std::string_view`, and must be UTF-8. With `std::string_view` or pc::array_view as Value, \ref get
/// and \ref at do not copy. They then need a snapshot or transaction, and the view is valid until that
/// ends; in a transaction, until the thread's next write. The results of iterators and other calls own
/// their memory.
///
/// Looking up or erasing a key that cannot be stored (too long, not UTF-8, NaN) finds nothing; storing
/// it throws pc::bad_key or pc::key_size. All calls can throw pc::bad_handle if the dict or its
/// environment was closed, pc::no_collection if it was dropped, and pc::io_error and the like.
///
/// It can be moved, not copied; opening one collection several times is fine. Its functions may be called
/// from any thread.
template <class Key, class Value>
class [[nodiscard]] dict : public collection<detail::dict_calls, Key,
                                             detail::entries<detail::owned_t<Key>, detail::owned_t<Value>>> {
    static_assert(detail::check_key_type<Key>() && detail::check_value_type<Value>());
    using owned_key = detail::owned_t<Key>;
    using owned_value = detail::owned_t<Value>;
    using entries = detail::entries<owned_key, owned_value>;
    using base = collection<detail::dict_calls, Key, entries>;
    using typename base::key_argument;
    using typename base::key_item;
    using value_argument = detail::argument<Value>;
    using entry_item = detail::entry_argument<Key, Value>;
    using maybe_value = detail::optional_argument<Value>;
    using keys_shown = detail::keys<owned_key>;
    using values_shown = detail::values<owned_value>;
    using base::at_key;
    using base::env_;
    using base::handle_;
    using base::source;
    using base::types_;
    using base::with_key;

  public:
    /// The type of values.
    using mapped_type = Value;
    using base::end;
    using base::erase;
    using base::find;
    using base::handle;
    using typename base::iterator;
    using typename base::size_type;
    using typename base::value_type;
    using typename base::view_type;

    /// Opens a dict; by default, creates it if it does not exist. Throws pc::type_mismatch, which names
    /// both, if it is stored with other types (but a stored `any` may be opened as the types of its keys
    /// and values), pc::wrong_kind if it is a set, pc::bad_name.
    dict(const environment &env, std::string_view name, open_mode mode = open_mode::create)
        : base(env.handle()) {
        check(pc_dict_open(env_, detail::c_text(name, PC_ERR_BAD_NAME).c_str(),
                           detail::type_to_open<Key>(mode), detail::type_to_open<Value>(mode),
                           detail::opening_flags(mode), handle_.out()));
        buffer text;
        bool raw = false;
        check(pc_dict_schema(handle(), text.get(), &raw));
        const auto stored = detail::split_types(text.view());
        types_ = std::make_shared<const detail::columns>(detail::columns{
            detail::column_of<Key>(stored.first, raw), detail::column_of<Value>(stored.second, raw)});
    }
    // ---- Looking up. ----

    /// Returns a key's value; nothing if the key is absent.
    [[nodiscard]] std::optional<Value> get(key_argument key) const {
        if constexpr (detail::is_view<Value>) {
            return get_ref<Value>(key);
        } else {
            detail::reply bytes;
            if (with_key(key, [&](const detail::bytes_ref &at) {
                    return bytes.fill([&](void *to, std::size_t cap, std::size_t *size) {
                        return pc_dict_get(handle(), at.data, at.size, to, cap, size);
                    });
                }) == PC_NOT_FOUND)
                return std::nullopt;
            return detail::decode_value<Value>(types_->value, bytes.bytes());
        }
    }
    /// Returns a key's value. Throws pc::key_not_found if the key is absent.
    [[nodiscard]] Value at(key_argument key) const {
        std::optional<Value> found = get(key);
        if (!found)
            throw key_not_found("there is no such key; `get` gives nothing where there is none");
        return *std::move(found);
    }
    /// Returns the values of many keys, in their order, from one state of the dict; nothing for absent
    /// keys. `keys` is any range of objects that convert to keys.
    template <class Keys> [[nodiscard]] std::vector<std::optional<owned_value>> get_many(Keys &&keys) const {
        std::vector<std::optional<owned_value>> found;
        const detail::batch_column batch = detail::encode_sought<Key>(types_->key, keys);
        const std::size_t count = batch.count();
        std::vector<std::uint8_t> present(count);
        std::vector<std::uint64_t> offsets(count + 1);
        buffer values;
        const pc_status status =
            pc_dict_get_many(handle(), count, batch.bytes(), batch.offsets(), present.data(), nullptr, 0,
                             values.get(), offsets.data(), nullptr);
        if (detail::or_absent(status) == PC_NOT_FOUND) {
            // One of the keys cannot be stored, so that the batch is refused.
            const snapshot one_state(env_);
            for (std::size_t i = 0; i < count; i++)
                found.push_back(get_encoded(batch.item(i)));
            return found;
        }
        found.resize(count);
        const std::string_view all = values.view();
        for (std::size_t i = 0; i < count; i++)
            if (present[i] != 0)
                found[i] = detail::decode_value<owned_value>(
                    types_->value,
                    {all.data() + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i])});
        return found;
    }
    /// The same, of keys in braces.
    [[nodiscard]] std::vector<std::optional<owned_value>>
    get_many(std::initializer_list<key_item> keys) const {
        return get_many<const std::initializer_list<key_item> &>(keys);
    }

    // ---- Keys and values. ----

    /// All keys.
    [[nodiscard]] range_view<keys_shown> keys() const { return {source(), {}}; }
    /// The keys of a part of the dict.
    [[nodiscard]] range_view<keys_shown> keys(const view_type &part) const {
        return {source(), part.bounds()};
    }
    /// All values, in the order of their keys.
    [[nodiscard]] range_view<values_shown> values() const { return {source(), {}}; }
    /// The values of a part of the dict.
    [[nodiscard]] range_view<values_shown> values(const view_type &part) const {
        return {source(), part.bounds()};
    }

    // ---- Writing. ----

    /// Stores a value under a key, replacing an existing value. Throws pc::bad_value for text that is
    /// not UTF-8, pc::value_size.
    void put(key_argument key, value_argument value) {
        const encoded_key at(types_->key, key);
        detail::scratch room;
        const detail::bytes_ref bytes = detail::encode_value(types_->value, value, room);
        check(pc_dict_put(handle(), at.bytes.data, at.bytes.size, bytes.data, bytes.size));
    }
    /// Stores a value under a key, as one step. The second of the returned pair is true if the key was
    /// absent.
    std::pair<iterator, bool> insert_or_assign(key_argument key, value_argument value) {
        const encoded_key at(types_->key, key);
        detail::scratch room;
        const detail::bytes_ref bytes = detail::encode_value(types_->value, value, room);
        // Made before anything is stored: what throws has not stored.
        iterator stored = at_key(std::string(at.bytes.text()), bytes);
        const bool is_new = run_in(env_, [&] {
            if (check(pc_dict_put_new(handle(), at.bytes.data, at.bytes.size, bytes.data, bytes.size)) ==
                PC_OK)
                return true;
            check(pc_dict_put(handle(), at.bytes.data, at.bytes.size, bytes.data, bytes.size));
            return false;
        });
        return {std::move(stored), is_new};
    }
    /// Stores a value, made of `arguments`, if the key is absent, as one step. Returns the entry that is
    /// then stored, and whether it is the new one.
    template <class... Arguments>
    std::pair<iterator, bool> try_emplace(key_argument key, Arguments &&...arguments) {
        const owned_value value = made_of(std::forward<Arguments>(arguments)...);
        const encoded_key at(types_->key, key);
        detail::scratch room;
        const detail::bytes_ref bytes = detail::encode_value(types_->value, value, room);
        // Made before anything is stored: what throws has not stored.
        iterator stored = at_key(std::string(at.bytes.text()), bytes);
        buffer current;
        if (check(pc_dict_compare_exchange(handle(), at.bytes.data, at.bytes.size, nullptr, 0, bytes.data,
                                           bytes.size, PC_EXPECT_ABSENT, current.get())) == PC_OK)
            return {std::move(stored), true};
        const std::string_view there = current.view();
        return {at_key(std::string(at.bytes.text()), {there.data(), there.size()}), false};
    }
    /// Stores an entry if its key is absent. Returns the entry that is then stored, and whether it is
    /// the new one.
    std::pair<iterator, bool> insert(const entry_item &entry) { return try_emplace(entry.key, entry.value); }
    /// The same for `std::inserter`; the hint is ignored.
    iterator insert(const iterator &, const entry_item &entry) { return insert(entry).first; }
    /// Removes a key and returns its value, as one step: if several threads or processes take the same
    /// key, exactly one gets it. If the value of a stored `any` is not of the requested type, it stays,
    /// and the call throws pc::bad_value.
    [[nodiscard]] std::optional<owned_value> take(key_argument key) {
        if constexpr (detail::decodes_safely<owned_value> || detail::can_receive<owned_value>)
            if (types_->value.how == detail::form::typed)
                return take_typed(key);
        // Removed when it has been decoded, which can throw.
        return run_in(env_, [&] {
            std::optional<owned_value> found = get_owned(key);
            if (found)
                erase(key);
            return found;
        });
    }
    /// Adds to a key's integer, as one step, and returns the sum; a missing key counts as 0. For
    /// integers, and integers in `any`. If the sum is outside the range of Value, throws pc::overflow
    /// and changes nothing.
    std::int64_t increment(key_argument key, detail::number_argument<std::int64_t> delta = 1) {
        static_assert(detail::sort_of<Value>() == detail::sort::integer ||
                          detail::sort_of<Value>() == detail::sort::any,
                      "persistent_collections: increment is for dicts of integers, or of pc::any_value");
        if (delta.how() != detail::fit::exact)
            throw invalid_argument("what is added is an integer of 64 bits; store other sums by `edit`");
        const encoded_key at(types_->key, key);
        const auto add = [&] {
            std::int64_t sum = 0;
            check(pc_dict_add_i64(handle(), at.bytes.data, at.bytes.size, delta, &sum));
            return sum;
        };
        if (types_->value.how != detail::form::any)
            return add();
        // The library knows the range of `any` alone.
        return run_in(env_, [&] {
            const std::int64_t sum = add();
            if (!detail::in_range<owned_value>(sum))
                throw overflow("the sum " + std::to_string(sum) + " leaves the range of " +
                               type_name<Value>());
            return sum;
        });
    }
    /// Replaces a key's value if it is the expected one, as one step; nothing means that the key is
    /// absent. Returns false if it is another one, and writes that to `expected`. It compares the stored
    /// bytes.
    [[nodiscard]] bool compare_exchange(key_argument key, std::optional<owned_value> &expected,
                                        maybe_value desired) {
        const encoded_key at(types_->key, key);
        detail::scratch before;
        detail::scratch after;
        const detail::bytes_ref was =
            expected ? detail::encode_value(types_->value, *expected, before) : detail::bytes_ref{};
        const detail::bytes_ref will =
            desired ? detail::encode_value(types_->value, *desired, after) : detail::bytes_ref{};
        buffer current;
        const pc_status status = check(pc_dict_compare_exchange(
            handle(), at.bytes.data, at.bytes.size, was.data, was.size, will.data, will.size,
            (expected ? 0u : PC_EXPECT_ABSENT) | (desired ? 0u : PC_DESIRE_ABSENT), current.get()));
        if (status == PC_OK)
            return true;
        std::optional<owned_value> found;
        if (status == PC_EXISTS) {
            const std::string_view there = current.view();
            found = detail::decode_value<owned_value>(types_->value, {there.data(), there.size()});
        }
        expected = std::move(found);
        return false;
    }
    /// The same, without returning the actual value.
    [[nodiscard]] bool compare_exchange(key_argument key, maybe_value expected, maybe_value desired) {
        std::optional<owned_value> there;
        if (expected)
            there = static_cast<owned_value>(*expected);
        if constexpr (std::is_same_v<value_argument, detail::number_argument<Value>>) {
            // No value that is stored is equal to one that cannot be.
            if (expected && (*expected).how() == detail::fit::none) {
                if (desired)
                    detail::require_fit<Value>(*desired);
                return false;
            }
        }
        return compare_exchange(key, there, desired);
    }
    /// Changes a key's value in place, as one step: `change` gets the value by reference (`Value()` if
    /// the key is absent), and the changed value is stored. It may run more than once, like the function
    /// of pc::run.
    template <class Change> owned_value edit(key_argument key, Change &&change) {
        return run_in(env_, [&] {
            owned_value value{};
            if (auto found = get_owned(key))
                value = *std::move(found);
            change(value);
            put(key, value);
            return value;
        });
    }
    /// The old name of \ref edit.
    template <class Change> [[deprecated("use edit")]] owned_value update(key_argument key, Change &&change) {
        return edit(key, std::forward<Change>(change));
    }
    /// Stores many entries, all of them, or none if it throws; a key that occurs twice has its last
    /// value. `entries` is any range of pairs, such as a `std::map`. pc::error::failed_at returns the
    /// index of the invalid one.
    template <class Entries> void put_many(Entries &&entries) {
        detail::batch_column keys;
        detail::batch_column values;
        for (const auto &[key, value] : entries) {
            detail::scratch room;
            detail::bytes_ref encoded;
            const key_argument given = key;
            detail::require_exact<Key>(given, keys.count());
            detail::check_batch(detail::encode_key(types_->key, given, room, encoded), keys.count());
            keys.append(encoded);
            detail::scratch other;
            const value_argument stored = value;
            detail::require_fit<Value>(stored, values.count());
            values.append(detail::encode_value(types_->value, stored, other));
        }
        std::size_t failed_at = SIZE_MAX;
        const pc_status status = pc_dict_put_many(handle(), keys.count(), keys.bytes(), keys.offsets(),
                                                  values.bytes(), values.offsets(), &failed_at);
        detail::check_batch(status, failed_at);
    }
    /// The same, of entries in braces.
    void put_many(std::initializer_list<entry_item> entries) {
        put_many<const std::initializer_list<entry_item> &>(entries);
    }
    /// The result of `dict[key]`: the place of a key's value, to store into or read from.
    class place {
      public:
        place(const place &) = delete;
        /// Stores the value of another place.
        place &operator=(const place &other) { return *this = static_cast<owned_value>(other); }
        /// Stores a value.
        place &operator=(value_argument value) {
            dict_->put(key(), value);
            return *this;
        }
        /// The value. Throws pc::key_not_found if the key is absent.
        operator owned_value() const {
            std::optional<owned_value> found = dict_->get_owned(key());
            if (!found)
                throw key_not_found("there is no such key; `get` gives nothing where there is none");
            return *std::move(found);
        }
        /// Adds to an integer, as pc::dict::increment does.
        place &operator+=(detail::number_argument<std::int64_t> delta) {
            dict_->increment(key(), delta);
            return *this;
        }
        /// Subtracts from an integer.
        place &operator-=(detail::number_argument<std::int64_t> delta) {
            if (delta == INT64_MIN)
                throw overflow("the least integer cannot be subtracted: its negative is none");
            if (delta.how() != detail::fit::exact)
                return *this += delta;
            return *this += -static_cast<std::int64_t>(delta);
        }
        /// Adds 1, and returns the sum.
        std::int64_t operator++() { return dict_->increment(key(), 1); }
        /// Subtracts 1, and returns the difference.
        std::int64_t operator--() { return dict_->increment(key(), -1); }

      private:
        friend class dict;
        place(dict &dict, key_argument key)
            : dict_(&dict), key_(static_cast<owned_key>(key)), is_exact_(detail::is_exact(key)) {}
        key_argument key() const {
            if constexpr (!std::is_same_v<key_argument, const Key &> &&
                          !std::is_same_v<key_argument, std::string_view>)
                if (!is_exact_)
                    return key_argument::unfit();
            return key_;
        }
        dict *dict_;
        owned_key key_;
        bool is_exact_;
    };
    /// The place of a key's value: `dict[key] = value` stores, reading throws pc::key_not_found if the
    /// key is absent (and, unlike in a `std::map`, stores nothing), `dict[key] += 1` is \ref increment.
    /// Do not keep it.
    [[nodiscard]] place operator[](key_argument key) { return place(*this, key); }

  private:
    friend class snapshot;

    /// A value made of arguments; a number that would not come back equal is refused.
    template <class... Arguments> static owned_value made_of(Arguments &&...arguments) {
        if constexpr (std::is_same_v<value_argument, detail::number_argument<Value>> &&
                      sizeof...(Arguments) == 1 && std::is_constructible_v<value_argument, Arguments...>) {
            const value_argument given(std::forward<Arguments>(arguments)...);
            detail::require_fit<Value>(given);
            return static_cast<const Value &>(given);
        } else {
            return owned_value(std::forward<Arguments>(arguments)...);
        }
    }
    /// A key that is to be stored.
    struct encoded_key {
        encoded_key(const detail::column &to, key_argument key) {
            detail::require_exact<Key>(key);
            check(detail::encode_key(to, key, room, bytes));
        }
        detail::scratch room;
        detail::bytes_ref bytes;
    };

    /// Takes a value, and removes it only when there is room for it.
    std::optional<owned_value> take_typed(key_argument key) {
        std::optional<owned_value> taken(std::in_place);
        const auto take_to = [&](auto &room) {
            return with_key(key, [&](const detail::bytes_ref &at) {
                return room.fill([&](void *to, std::size_t cap, std::size_t *size) {
                    return pc_dict_take(handle(), at.data, at.size, to, cap, size);
                });
            });
        };
        if constexpr (detail::can_receive<owned_value>) {
            detail::receiver<owned_value> room(*taken);
            if (take_to(room) == PC_NOT_FOUND)
                taken.reset();
        } else {
            detail::reply room;
            if (take_to(room) == PC_NOT_FOUND)
                taken.reset();
            else
                *taken = detail::decode_value<owned_value>(types_->value, room.bytes());
        }
        return taken;
    }
    template <class View> std::optional<View> get_ref(key_argument key) const {
        static_assert(
            detail::sort_of<Value>() != detail::sort::any,
            "persistent_collections: values of any have no form in memory that could be looked at; use get");
        detail::bytes_ref bytes;
        if (with_key(key, [&](const detail::bytes_ref &at) {
                return pc_dict_get_ref(handle(), at.data, at.size, &bytes.data, &bytes.size);
            }) == PC_NOT_FOUND)
            return std::nullopt;
        return detail::decode_value<View>(types_->value, bytes);
    }
    /// Returns the value of an encoded key; nothing if the key is absent or cannot be stored.
    std::optional<owned_value> get_encoded(const detail::bytes_ref &at) const {
        detail::reply bytes;
        if (detail::or_absent(bytes.fill([&](void *to, std::size_t cap, std::size_t *size) {
                return pc_dict_get(handle(), at.data, at.size, to, cap, size);
            })) == PC_NOT_FOUND)
            return std::nullopt;
        return detail::decode_value<owned_value>(types_->value, bytes.bytes());
    }
    std::optional<owned_value> get_owned(key_argument key) const {
        if constexpr (detail::is_view<Value>) {
            const iterator found = find(key);
            return found == end() ? std::nullopt : std::optional<owned_value>(found->second);
        } else {
            return get(key);
        }
    }
};

} // namespace pc

#endif
