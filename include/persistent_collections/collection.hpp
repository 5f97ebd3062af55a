/// \file
/// What dicts and sets have in common.
#ifndef PERSISTENT_COLLECTIONS_COLLECTION_HPP
#define PERSISTENT_COLLECTIONS_COLLECTION_HPP

#include <initializer_list>

#include "batch.hpp"
#include "iteration.hpp"
#include "transaction.hpp"

namespace pc {

/// How to open a collection.
enum class open_mode {
    /// Create it if it does not exist.
    create,
    /// Throw pc::no_collection if it does not exist.
    existing,
    /// Like `existing`, and pc::any_value stands for any stored type: for reading collections of unknown
    /// types. Keys and values are converted.
    as_stored
};

/// \cond internal
namespace detail {

/// How a column of a C++ type is stored in a collection that was opened.
template <class T> column column_of(std::string stored, bool raw) {
    column made;
    if (raw)
        made.how = form::raw;
    else if (stored == "any" && sort_of<T>() != sort::any)
        made.how = form::any;
    made.type = std::move(stored);
    return made;
}

/// Returns the type to open a column with; NULL means as stored.
template <class T> const char *type_to_open(open_mode mode) {
    return mode == open_mode::as_stored && sort_of<T>() == sort::any ? nullptr : type_name<T>().c_str();
}

inline std::uint32_t opening_flags(open_mode mode) noexcept {
    return mode == open_mode::create ? 0 : static_cast<std::uint32_t>(PC_OPEN_EXISTING);
}

} // namespace detail
/// \endcond

/// The common part of pc::dict and pc::set: an ordered collection. A *key* is a key of a dict, or an element
/// of a set; an *entry* is a key with its value, or an element.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// ages.put_many({{"Ada", 36}, {"Alan", 41}, {"Grace", 85}});
/// pc::set<std::string> seen(env, "seen");
/// seen.insert_many({"Ada", "Grace"});
/// assert(ages.first()->first == "Ada" && *seen.last() == "Grace");
/// assert(ages.lower_bound("B")->first == "Grace" && *seen.lower_bound("B") == "Grace");
/// assert(ages.erase(ages.prefix("A")) == 2 && seen.erase("Ada") == 1);
/// ```
///
/// Programs name pc::dict and pc::set. `Calls` has the functions of the C ABI for one of them, `Shown` what
/// its iterators return.
template <class Calls, class Key, class Shown> class [[nodiscard]] collection {
  protected:
    /// What a call takes as a key.
    using key_argument = detail::argument<Key>;
    /// What a call takes as a key in braces.
    using key_item = detail::item_argument<Key>;

  public:
    /// The type of keys, or of elements.
    using key_type = Key;
    /// The type that iterators return.
    using value_type = typename Shown::value_type;
    /// The type of sizes.
    using size_type = std::uint64_t;
    /// The type of distances.
    using difference_type = std::ptrdiff_t;
    /// Steps through the entries.
    using iterator = pc::iterator<Shown>;
    /// The same: entries are changed by the functions of the collection.
    using const_iterator = iterator;
    /// A part of the collection.
    using view_type = range_view<Shown>;

    collection(const collection &) = delete;
    collection &operator=(const collection &) = delete;

    /// Returns the handle of the C ABI.
    [[nodiscard]] typename Calls::handle handle() const noexcept { return handle_.get(); }

    // ---- Looking up. ----

    /// Checks whether a key exists.
    [[nodiscard]] bool contains(key_argument key) const {
        return with_key(key, [&](const detail::bytes_ref &at) {
                   return Calls::contains(handle(), at.data, at.size);
               }) == PC_OK;
    }
    /// Returns 1 if a key exists, else 0.
    [[nodiscard]] size_type count(key_argument key) const { return contains(key) ? 1 : 0; }
    /// Returns an iterator at a key, or `end()` if the key is absent. Stepping from there sees the entries
    /// stored at that time.
    [[nodiscard]] iterator find(key_argument key) const {
        detail::reply value;
        std::string stored;
        if (with_key(key, [&](const detail::bytes_ref &at) {
                stored = at.text();
                return Calls::look_up(handle(), at, value);
            }) == PC_NOT_FOUND)
            return end();
        return at_key(std::move(stored), value.bytes());
    }

    // ---- Sizes and ranges. ----

    /// Counts the entries, in constant time.
    [[nodiscard]] size_type size() const {
        std::uint64_t count = 0;
        check(Calls::len(handle(), &count));
        return count;
    }
    /// Checks whether it is empty.
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// Returns the entry with the lowest key, or nothing if the collection is empty.
    [[nodiscard]] std::optional<value_type> first() const { return end_entry(Calls::first); }
    /// Returns the entry with the highest key, or nothing if the collection is empty.
    [[nodiscard]] std::optional<value_type> last() const { return end_entry(Calls::last); }
    /// Returns an iterator at the first entry.
    [[nodiscard]] iterator begin() const { return iterator(source(), {}); }
    /// Returns the end.
    [[nodiscard]] iterator end() const { return {}; }
    /// Returns an iterator at the first entry.
    [[nodiscard]] iterator cbegin() const { return begin(); }
    /// Returns the end.
    [[nodiscard]] iterator cend() const { return {}; }
    /// Returns an iterator at the last entry, which goes backwards.
    [[nodiscard]] iterator rbegin() const { return reverse().begin(); }
    /// Returns the end of iterators that go backwards.
    [[nodiscard]] iterator rend() const { return {}; }
    /// Returns an iterator at the first entry whose key is not below this one.
    [[nodiscard]] iterator lower_bound(key_argument key) const {
        return range(including(key), unbounded).begin();
    }
    /// Returns an iterator at the first entry whose key is beyond this one.
    [[nodiscard]] iterator upper_bound(key_argument key) const {
        return range(excluding(key), unbounded).begin();
    }
    /// Returns the entries from a key on, up to but excluding another: each end is a key, pc::unbounded, or
    /// the result of pc::including or pc::excluding.
    [[nodiscard]] view_type range(const range_end<Key> &lower, const range_end<Key> &upper) const {
        return {source(), detail::between(types_->key, lower, upper)};
    }
    /// Returns the entries whose keys begin with a text or bytes; for tuples, with these leading elements.
    template <class... Leading> [[nodiscard]] view_type prefix(const Leading &...leading) const {
        return {source(), detail::starting_with<Key>(types_->key, leading...)};
    }
    /// Returns all entries, from the last to the first.
    [[nodiscard]] view_type reverse() const { return view_type(source(), {}).reverse(); }

    // ---- Removing. ----

    /// Removes a key. Returns 1 if it existed, else 0.
    size_type erase(key_argument key) {
        return with_key(key,
                        [&](const detail::bytes_ref &at) {
                            return Calls::remove(handle(), at.data, at.size);
                        }) == PC_OK
                   ? 1
                   : 0;
    }
    /// Removes the entry of an iterator, and returns an iterator to the next.
    iterator erase(iterator position) {
        const std::string key = position.encoded_key();
        ++position; // first, since it can throw
        check(Calls::remove(handle(), key.data(), key.size()));
        return position;
    }
    /// Removes a part of the collection, as one step, and returns the number of its entries.
    size_type erase(const view_type &part) {
        const pc_range range = part.bounds().range();
        std::uint64_t removed = 0;
        check(Calls::remove_range(handle(), &range, &removed));
        return removed;
    }
    /// Removes every entry; the collection and its types stay.
    void clear() { check(Calls::clear(handle())); }
    /// Removes many keys, as one step, and returns the number of those that existed.
    template <class Keys> size_type erase_many(Keys &&keys) { return batch(Calls::remove_many, keys); }
    /// Removes many keys in braces.
    size_type erase_many(std::initializer_list<key_item> keys) { return batch(Calls::remove_many, keys); }

  protected:
    /// Makes an object that is not open yet.
    explicit collection(pc_env env) noexcept : env_(env) {}
    /// Takes over the handle of another object, which keeps its types and is closed.
    collection(collection &&other) noexcept
        : env_(other.env_), handle_(std::move(other.handle_)), types_(other.types_) {}
    /// Closes its own handle, and takes over that of another object; moving from itself has no effect.
    collection &operator=(collection &&other) noexcept {
        env_ = other.env_;
        handle_ = std::move(other.handle_);
        types_ = other.types_;
        return *this;
    }
    ~collection() = default;

    /// Calls with an encoded key; a key that cannot be encoded is absent.
    template <class Call> pc_status with_key(key_argument key, const Call &call) const {
        detail::scratch room;
        detail::bytes_ref encoded;
        const pc_status status = detail::encode_key(types_->key, key, room, encoded);
        return detail::or_absent(status == PC_OK ? call(encoded) : status);
    }
    /// Makes an iterator at a stored key, which it returns as stored: 0.0 if -0.0 was looked up.
    iterator at_key(std::string key, const detail::bytes_ref &value) const {
        value_type entry = Shown::show(*types_, {key.data(), key.size()}, value);
        return iterator(source(), std::move(key), std::move(entry));
    }
    /// Calls a batch that adds or removes keys, and returns how many it changed.
    template <class Call, class Keys> size_type batch(const Call &call, Keys &keys) {
        const detail::batch_column all = detail::encode_keys<Key>(types_->key, keys);
        std::uint64_t changed = 0;
        std::size_t failed_at = SIZE_MAX;
        const pc_status status =
            call(handle(), all.count(), all.bytes(), all.offsets(), &changed, &failed_at);
        detail::check_batch(status, failed_at);
        return changed;
    }
    /// Returns where iterators read from.
    detail::source source() const { return {handle().id, Calls::is_set, types_}; }

    /// The environment.
    pc_env env_;
    /// The handle of the C ABI.
    detail::owned_handle<typename Calls::handle, Calls::close> handle_;
    /// How keys and values are stored; also after the handle was moved away.
    std::shared_ptr<const detail::columns> types_;

  private:
    template <class Call> std::optional<value_type> end_entry(const Call &call) const {
        buffer key;
        buffer value;
        pc_status status;
        if constexpr (Calls::is_set)
            status = call(handle(), key.get());
        else
            status = call(handle(), key.get(), value.get());
        if (check(status) == PC_NOT_FOUND)
            return std::nullopt;
        return Shown::show(*types_, detail::bytes_in(key), detail::bytes_in(value));
    }
};

} // namespace pc

#endif
