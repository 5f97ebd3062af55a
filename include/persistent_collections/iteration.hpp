/// \file
/// Ranges of keys, and iterators over collections, which own their entry.
#ifndef PERSISTENT_COLLECTIONS_ITERATION_HPP
#define PERSISTENT_COLLECTIONS_ITERATION_HPP

#include <memory>
#include <string_view>
#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<version>)
#include <version>
#endif
// From 12 on, libstdc++ declares in <string_view>, as the standard has it, the two variables of <ranges> that
// are set below. All of <ranges> takes as long to compile as the rest of this file.
#if defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE < 12
#include <ranges>
#endif
#endif

#include "codec.hpp"

namespace pc {

/// No bound, as an end of a range.
struct unbounded_t {};
/// No bound, as an end of a range.
inline constexpr unbounded_t unbounded{};

/// A bound of a range, and whether it is part of it; pc::including and pc::excluding make one.
template <class Key> struct bound {
    /// The key.
    Key key;
    /// Whether the key itself is in the range.
    bool included;
};

/// A bound that is part of the range.
template <class Key> [[nodiscard]] bound<Key> including(Key key) { return {std::move(key), true}; }
/// A bound that is not part of the range.
template <class Key> [[nodiscard]] bound<Key> excluding(Key key) { return {std::move(key), false}; }

/// An end of a range of keys: a key, which is included as the lower end and excluded as the upper end;
/// the result of pc::including or pc::excluding; or pc::unbounded.
template <class Key> class range_end {
  public:
    /// No bound.
    range_end(unbounded_t) noexcept {}
    /// A key. Throws pc::bad_key if it would not come back equal as a Key.
    template <class T, class = std::enable_if_t<std::is_convertible_v<const T &, detail::argument<Key>>>>
    range_end(const T &key) : key_(exact(static_cast<detail::argument<Key>>(key))) {}
    /// A key, and whether it is part of the range.
    template <class T> range_end(const bound<T> &bound) : range_end(bound.key) { included_ = bound.included; }

    /// The key, if there is a bound.
    [[nodiscard]] const std::optional<detail::owned_t<Key>> &key() const noexcept { return key_; }
    /// Whether it is part of the range; `otherwise` where that was not said.
    [[nodiscard]] bool included(bool otherwise) const noexcept { return included_.value_or(otherwise); }

  private:
    static detail::owned_t<Key> exact(detail::argument<Key> key) {
        detail::require_exact<Key>(key);
        return static_cast<detail::owned_t<Key>>(key);
    }
    std::optional<detail::owned_t<Key>> key_;
    std::optional<bool> included_;
};

/// \cond internal
namespace detail {

/// An iterator of the library, shared by the copies of one iterator. `step` tells which copy it stands at.
struct cursor {
    owned_handle<pc_iter, pc_iter_close> handle;
    std::uint64_t step = 0;
};

/// A dict or a set for iterators. It owns nothing: the library checks handles at each call.
struct source {
    std::uint64_t id = 0;
    bool is_set = false;
    std::shared_ptr<const columns> types;

    /// Opens an iterator, which has an owner before it is open.
    [[nodiscard]] std::shared_ptr<cursor> open(const pc_range &range) const {
        auto made = std::make_shared<cursor>();
        check(is_set ? pc_iter_open_set(pc_set{id}, &range, made->handle.out())
                     : pc_iter_open_dict(pc_dict{id}, &range, made->handle.out()));
        return made;
    }
};

/// Bounds, encoded and owned.
struct bounds {
    std::string lower;
    std::string upper;
    std::string prefix;
    std::uint32_t flags = 0;

    [[nodiscard]] pc_range range() const noexcept {
        pc_range made{};
        made.lower = lower.data();
        made.lower_len = lower.size();
        made.upper = upper.data();
        made.upper_len = upper.size();
        made.prefix = prefix.data();
        made.prefix_len = prefix.size();
        made.flags = flags;
        return made;
    }
};

template <class Key> std::string encode_bound(const column &to, const Key &key) {
    if constexpr (is_real<Key>)
        if (key != key)
            throw bad_key("NaN has no place among keys; leave the bound out");
    scratch room;
    bytes_ref encoded;
    check(encode_key(to, key, room, encoded));
    return std::string(encoded.text());
}

/// The result of an iterator over entries.
template <class Key, class Value> struct entries {
    using value_type = std::pair<Key, Value>;
    static value_type show(const columns &types, const bytes_ref &key, const bytes_ref &value) {
        return {decode_key<Key>(types.key, key), decode_value<Value>(types.value, value)};
    }
};

/// The result of an iterator over keys or elements.
template <class Key> struct keys {
    using value_type = Key;
    static value_type show(const columns &types, const bytes_ref &key, const bytes_ref &) {
        return decode_key<Key>(types.key, key);
    }
};

/// The result of an iterator over values.
template <class Value> struct values {
    using value_type = Value;
    static value_type show(const columns &types, const bytes_ref &, const bytes_ref &value) {
        return decode_value<Value>(types.value, value);
    }
};

} // namespace detail
/// \endcond

/// Steps through a dict or set, in order of the keys. It is an input iterator that owns its entry, which
/// stays valid whatever is written meanwhile. Copies of it can be stepped independently (but not on two
/// threads).
///
/// Outside of transactions, it sees the moment at which it was made, and holds a reader slot until it is
/// destroyed or reaches its end. Inside a transaction, it sees the same as the transaction, including
/// own writes; after the end of the transaction, stepping throws pc::bad_handle.
template <class Shown> class iterator {
  public:
    /// Steps forwards, one pass.
    using iterator_category = std::input_iterator_tag;
    /// The type of an entry.
    using value_type = typename Shown::value_type;
    /// The type of distances.
    using difference_type = std::ptrdiff_t;
    /// A pointer to the entry in the iterator.
    using pointer = const value_type *;
    /// A reference to the entry, valid until the iterator is stepped or destroyed.
    using reference = const value_type &;

    /// Makes an iterator at the end.
    iterator() = default;
    /// Makes an iterator at the same place, which steps independently.
    iterator(const iterator &) = default;
    /// Takes the place of another.
    iterator(iterator &&) = default;
    /// Goes to the place of another, and steps independently.
    iterator &operator=(const iterator &) = default;
    /// Takes the place of another; moving from itself has no effect.
    iterator &operator=(iterator &&other) noexcept {
        if (this == &other)
            return *this;
        from_ = std::move(other.from_);
        beyond_ = std::move(other.beyond_);
        cursor_ = std::move(other.cursor_);
        step_ = other.step_;
        key_ = std::move(other.key_);
        item_ = std::move(other.item_);
        return *this;
    }
    ~iterator() = default;

    /// Returns the entry; the iterator must not be at the end.
    [[nodiscard]] reference operator*() const noexcept { return *item_; }
    /// Returns the entry; the iterator must not be at the end.
    [[nodiscard]] pointer operator->() const noexcept { return &*item_; }

    /// Steps to the next entry. If it throws, the iterator keeps its entry, and can be stepped again.
    iterator &operator++() {
        if (!cursor_) {
            detail::bounds beyond = beyond_;
            const bool reverse = (beyond.flags & PC_RANGE_REVERSE) != 0;
            (reverse ? beyond.upper : beyond.lower) = key_;
            beyond.flags = (beyond.flags & ~static_cast<std::uint32_t>(PC_RANGE_UPPER_INCLUSIVE)) |
                           (reverse ? PC_RANGE_UPPER : PC_RANGE_LOWER | PC_RANGE_LOWER_EXCLUSIVE);
            cursor_ = from_.open(beyond.range());
        } else if (step_ != cursor_->step) {
            // A copy went on, or a step threw: back to where this one is.
            const std::string was = key_;
            check(pc_iter_seek(cursor_->handle.get(), was.data(), was.size()));
            read();
            if (!item_ || key_ != was)
                return *this;
        }
        read();
        return *this;
    }

    /// The entry of an iterator before a step.
    class postfix {
      public:
        /// Returns the entry.
        [[nodiscard]] reference operator*() const noexcept { return *item_; }

      private:
        friend class iterator;
        explicit postfix(std::optional<value_type> item) : item_(std::move(item)) {}
        std::optional<value_type> item_;
    };
    /// Steps to the next entry, and returns the previous one.
    postfix operator++(int) {
        postfix was(item_);
        ++*this;
        return was;
    }

    /// Checks whether both are at the end, or at one key.
    friend bool operator==(const iterator &a, const iterator &b) noexcept {
        return a.item_.has_value() == b.item_.has_value() && (!a.item_ || a.key_ == b.key_);
    }
    /// Checks whether they are at different keys.
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

    /// \cond internal
    /// At the beginning of a range.
    iterator(detail::source from, const detail::bounds &range) : from_(std::move(from)) {
        cursor_ = from_.open(range.range());
        read();
    }
    /// At a key, which was just looked up.
    iterator(detail::source from, std::string key, value_type item)
        : from_(std::move(from)), key_(std::move(key)), item_(std::move(item)) {}
    /// The key, encoded.
    [[nodiscard]] const std::string &encoded_key() const noexcept { return key_; }
    /// \endcond

  private:
    void read() {
        detail::bytes_ref key;
        detail::bytes_ref value;
        // Until all that can throw is done, this one does not stand where the library's does.
        const std::uint64_t step = ++cursor_->step;
        if (check(pc_iter_next(cursor_->handle.get(), &key.data, &key.size, &value.data, &value.size)) ==
            PC_END) {
            item_.reset();
            cursor_.reset();
            return;
        }
        key_.reserve(key.size);
        item_.emplace(Shown::show(*from_.types, key, value));
        key_.assign(key.text());
        step_ = step;
    }

    detail::source from_;
    detail::bounds beyond_;
    std::shared_ptr<detail::cursor> cursor_;
    std::uint64_t step_ = 0;
    std::string key_;
    std::optional<value_type> item_;
};

/// A part of a dict or set, or all of it backwards. It reads only when it is iterated, which may be done
/// repeatedly. It refers to the dict or set, which must exist and be open when iteration begins.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// ages.put_many({{"Ada", 36}, {"Alan", 41}, {"Grace", 85}});
/// std::string found;
/// for (const auto &[name, age] : ages.prefix("A").reverse())
///     found += name + " ";
/// assert(found == "Alan Ada ");
/// ```
template <class Shown> class range_view {
  public:
    /// Its iterators.
    using iterator = pc::iterator<Shown>;
    /// Its iterators.
    using const_iterator = iterator;
    /// The type of an entry.
    using value_type = typename Shown::value_type;

    /// Reads the first.
    [[nodiscard]] iterator begin() const { return iterator(from_, bounds_); }
    /// The end.
    [[nodiscard]] iterator end() const { return {}; }
    /// Checks whether it is empty.
    [[nodiscard]] bool empty() const { return begin() == end(); }
    /// The same, in the other direction.
    [[nodiscard]] range_view reverse() const {
        range_view turned = *this;
        turned.bounds_.flags ^= PC_RANGE_REVERSE;
        return turned;
    }

    /// \cond internal
    range_view(detail::source from, detail::bounds bounds)
        : from_(std::move(from)), bounds_(std::move(bounds)) {}
    [[nodiscard]] const detail::bounds &bounds() const noexcept { return bounds_; }
    /// \endcond

  private:
    detail::source from_;
    detail::bounds bounds_;
};

/// \cond internal
namespace detail {

template <class Key>
bounds between(const column &to, const range_end<Key> &lower, const range_end<Key> &upper) {
    bounds made;
    if (lower.key()) {
        made.lower = encode_bound(to, *lower.key());
        made.flags |= PC_RANGE_LOWER | (lower.included(true) ? 0u : PC_RANGE_LOWER_EXCLUSIVE);
    }
    if (upper.key()) {
        made.upper = encode_bound(to, *upper.key());
        made.flags |= PC_RANGE_UPPER | (upper.included(false) ? PC_RANGE_UPPER_INCLUSIVE : 0u);
    }
    return made;
}

/// Encodes the lower end of the keys with a prefix, which is a value of a stored type.
inline std::string encode_prefix(const std::string &type, const pc_value &prefix) {
    buffer encoded;
    check(pc_encode_key(type.c_str(), &prefix, encoded.get()));
    return std::string(encoded.view());
}

/// Returns the first bytes of keys of `any` with a prefix: the element without the zero byte that ends
/// it.
inline std::string any_prefix(const pc_value &prefix) {
    if (prefix.kind != PC_VALUE_STR && prefix.kind != PC_VALUE_BYTES && prefix.kind != PC_VALUE_TUPLE)
        throw bad_key("a prefix of keys of any is text, bytes or a tuple of leading elements");
    std::string made = encode_prefix("any", prefix);
    made.pop_back();
    return made;
}

/// Returns the type of the first elements of a type of tuples: `(str)` of `(str,i64)`.
inline std::string leading_type(const std::string &tuple, std::size_t count) {
    std::size_t end = 0;
    for (; count != 0 && end < tuple.size(); count--)
        end = tuple.find_first_of(",)", end + 1);
    return tuple.substr(0, end) + ')';
}

/// Returns the first bytes of keys of any stored type with a prefix.
inline std::string stored_prefix(const std::string &type, const pc_value &prefix) {
    if (type == "any")
        return any_prefix(prefix);
    if (type == "str" || type == "bytes") {
        const bool is_empty =
            prefix.kind == (type == "str" ? PC_VALUE_STR : PC_VALUE_BYTES) && bytes_of(prefix).size == 0;
        return is_empty ? std::string() : encode_prefix(type, prefix);
    }
    if (type.front() != '(')
        throw bad_key("keys of type " + type + " have no prefix; those of text, bytes, tuples and any do");
    if (prefix.kind != PC_VALUE_TUPLE)
        throw bad_key("a prefix of keys of type " + type + " is a tuple of leading elements");
    if (prefix.as.items.len == 0)
        return std::string();
    const std::string shorter = leading_type(type, prefix.as.items.len);
    // Of more elements than there are, the whole type, which says how many it has.
    return encode_prefix(shorter.size() < type.size() ? shorter : type, prefix);
}

template <class Key, std::size_t... At, class... Leading>
auto leading_elements(std::index_sequence<At...>, const Leading &...leading) {
    return std::tuple<std::tuple_element_t<At, Key>...>(leading...);
}

template <class Key, class... Leading> bounds starting_with(const column &to, const Leading &...leading) {
    constexpr sort what = sort_of<Key>();
    bounds made;
    arena parts;
    made.flags = PC_RANGE_PREFIX;
    if constexpr (what == sort::tuple) {
        static_assert(sizeof...(Leading) <= std::tuple_size_v<Key>,
                      "persistent_collections: a prefix has no more elements than the key");
        if constexpr (sizeof...(Leading) != 0) {
            const auto tuple = leading_elements<Key>(std::index_sequence_for<Leading...>(), leading...);
            const pc_value prefix = to_c(tuple, parts);
            made.prefix = to.how == form::any
                              ? any_prefix(prefix)
                              : encode_prefix(type_name<std::decay_t<decltype(tuple)>>(), prefix);
        }
    } else {
        static_assert(
            what == sort::text || what == sort::bytes || what == sort::any,
            "persistent_collections: keys of this type have no prefix; those of text, bytes, tuples and "
            "pc::any_value do");
        static_assert(sizeof...(Leading) == 1,
                      "persistent_collections: a prefix of such keys is one text or value");
        if constexpr (what == sort::any) {
            const Key prefix(leading...);
            made.prefix = stored_prefix(to.type, to_c(prefix, parts));
        } else {
            const std::conditional_t<what == sort::text, std::string_view, Key> prefix(leading...);
            if (to.how == form::any)
                made.prefix = any_prefix(to_c(prefix, parts));
            else if (prefix.size() != 0)
                made.prefix = encode_bound(to, prefix);
        }
    }
    return made;
}

} // namespace detail
/// \endcond

} // namespace pc

#if defined(__cpp_lib_ranges)
/// Copies of a range_view refer to the same dict or set.
template <class Shown> inline constexpr bool std::ranges::enable_view<pc::range_view<Shown>> = true;
/// Iterators do not refer to their range_view.
template <class Shown> inline constexpr bool std::ranges::enable_borrowed_range<pc::range_view<Shown>> = true;
#endif

#endif
