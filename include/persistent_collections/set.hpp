/// \file
/// Sets: elements on disk, in order, and set algebra.
#ifndef PERSISTENT_COLLECTIONS_SET_HPP
#define PERSISTENT_COLLECTIONS_SET_HPP

#include "collection.hpp"

namespace pc {

/// \cond internal
namespace detail {

/// The functions of the C ABI for sets.
struct set_calls {
    using handle = pc_set;
    static constexpr bool is_set = true;
    static constexpr auto close = pc_set_close;
    static constexpr auto contains = pc_set_contains;
    static constexpr auto len = pc_set_len;
    static constexpr auto first = pc_set_first;
    static constexpr auto last = pc_set_last;
    static constexpr auto remove = pc_set_remove;
    static constexpr auto remove_range = pc_set_remove_range;
    static constexpr auto remove_many = pc_set_remove_many;
    static constexpr auto clear = pc_set_clear;

    static pc_status look_up(pc_set in, const bytes_ref &at, reply &) {
        return pc_set_contains(in, at.data, at.size);
    }
};

} // namespace detail
/// \endcond

/// A set on disk: elements in order, shared with other threads, processes and languages.
///
/// ```cpp
/// pc::set<std::string> seen(env, "seen");
/// assert(seen.insert("Ada").second);
/// assert(!seen.insert("Ada").second);
/// assert(seen.contains("Ada") && seen.size() == 1);
///
/// pc::set<std::string> wanted(env, "wanted");
/// wanted.insert_many({"Ada", "Alan"});
/// wanted -= seen;
/// assert(*wanted.begin() == "Alan");
/// ```
///
/// Each write is atomic and, outside of transactions, on stable storage when it returns. Inside a
/// pc::transaction or pc::snapshot of the calling thread every call is part of that. T is any type that
/// can be a key of a pc::dict. Looking up or erasing an element that cannot be stored finds nothing;
/// inserting it throws an exception.
///
/// It can be moved, not copied; opening one set several times is fine. Its functions may be called from any
/// thread.
template <class T>
class [[nodiscard]] set : public collection<detail::set_calls, T, detail::keys<detail::owned_t<T>>> {
    static_assert(detail::check_key_type<T>());
    using base = collection<detail::set_calls, T, detail::keys<detail::owned_t<T>>>;
    using base::at_key;
    using base::batch;
    using base::env_;
    using base::handle_;
    using base::types_;
    using typename base::key_argument;
    using typename base::key_item;

  public:
    using base::handle;
    using typename base::iterator;
    using typename base::size_type;
    using typename base::value_type;

    /// Opens a set; by default, creates it if it does not exist. Throws pc::type_mismatch, which names
    /// both, if it is stored with another type (but a stored `any` may be opened as the type of its
    /// elements), pc::wrong_kind if it is a dict, pc::bad_name.
    set(const environment &env, std::string_view name, open_mode mode = open_mode::create)
        : base(env.handle()) {
        check(pc_set_open(env.handle(), detail::c_text(name, PC_ERR_BAD_NAME).c_str(),
                          detail::type_to_open<T>(mode), detail::opening_flags(mode), handle_.out()));
        buffer text;
        bool raw = false;
        check(pc_set_schema(handle(), text.get(), &raw));
        types_ = std::make_shared<const detail::columns>(
            detail::columns{detail::column_of<T>(detail::split_types(text.view()).first, raw), {}});
    }

    // ---- Looking up. ----

    /// Checks which of many elements exist, in their order, in one state of the set.
    template <class Elements> [[nodiscard]] std::vector<bool> contains_many(Elements &&elements) const {
        std::vector<bool> found;
        const detail::batch_column all = detail::encode_sought<T>(types_->key, elements);
        std::vector<std::uint8_t> present(all.count());
        const pc_status status =
            pc_set_contains_many(handle(), all.count(), all.bytes(), all.offsets(), present.data(), nullptr);
        if (detail::or_absent(status) == PC_NOT_FOUND) {
            // One of them cannot be stored, so that the batch is refused.
            const snapshot one_state(env_);
            for (std::size_t i = 0; i < all.count(); i++) {
                const detail::bytes_ref at = all.item(i);
                found.push_back(detail::or_absent(pc_set_contains(handle(), at.data, at.size)) == PC_OK);
            }
            return found;
        }
        found.assign(present.begin(), present.end());
        return found;
    }
    /// The same, of elements in braces.
    [[nodiscard]] std::vector<bool> contains_many(std::initializer_list<key_item> elements) const {
        return contains_many<const std::initializer_list<key_item> &>(elements);
    }

    // ---- Writing. ----

    /// Inserts an element, and returns true as the second of the pair if it was absent.
    std::pair<iterator, bool> insert(key_argument element) {
        detail::scratch room;
        detail::bytes_ref at;
        detail::require_exact<T>(element);
        check(detail::encode_key(types_->key, element, room, at));
        // Made before anything is stored: what throws has not stored.
        iterator stored = at_key(std::string(at.text()), {});
        const bool is_new = check(pc_set_add(handle(), at.data, at.size)) == PC_OK;
        return {std::move(stored), is_new};
    }
    /// The same for `std::inserter`; the hint is ignored.
    iterator insert(const iterator &, key_argument element) { return insert(element).first; }
    /// Inserts many elements, all of them, or none if it throws, and returns the number of new ones.
    /// pc::error::failed_at returns the index of the invalid one.
    template <class Elements> size_type insert_many(Elements &&elements) {
        return batch(pc_set_add_many, elements);
    }
    /// The same, of elements in braces.
    size_type insert_many(std::initializer_list<key_item> elements) {
        return batch(pc_set_add_many, elements);
    }

    // ---- Algebra: as one step each, in the same memory however large the sets are. ----

    /// Inserts the elements of another set, which may be of another environment.
    set &operator|=(const set &other) { return union_into(other, *this); }
    /// Removes the elements that are not in another set.
    set &operator&=(const set &other) { return intersection_into(other, *this); }
    /// Removes the elements of another set.
    set &operator-=(const set &other) { return difference_into(other, *this); }
    /// Removes the elements that are also in another set, and inserts those that are only in the other.
    set &operator^=(const set &other) { return symmetric_difference_into(other, *this); }
    /// Replaces the elements of `into` by those that are in this set or another, and returns `into`, which
    /// may be one of the two.
    set &union_into(const set &other, set &into) const { return combine(pc_set_union, other, into); }
    /// Replaces the elements of `into` by those that are in this set and another. As \ref union_into.
    set &intersection_into(const set &other, set &into) const {
        return combine(pc_set_intersection, other, into);
    }
    /// Replaces the elements of `into` by those that are in this set and not in another. As \ref union_into.
    set &difference_into(const set &other, set &into) const {
        return combine(pc_set_difference, other, into);
    }
    /// Replaces the elements of `into` by those that are in exactly one of this set and another. As
    /// \ref union_into.
    set &symmetric_difference_into(const set &other, set &into) const {
        return combine(pc_set_symmetric_difference, other, into);
    }
    /// The old form of \ref union_into, of the set that receives the result.
    [[deprecated("use a.union_into(b, into)")]] set &assign_union(const set &a, const set &b) {
        return a.union_into(b, *this);
    }
    /// The old form of \ref intersection_into.
    [[deprecated("use a.intersection_into(b, into)")]] set &assign_intersection(const set &a, const set &b) {
        return a.intersection_into(b, *this);
    }
    /// The old form of \ref difference_into.
    [[deprecated("use a.difference_into(b, into)")]] set &assign_difference(const set &a, const set &b) {
        return a.difference_into(b, *this);
    }
    /// The old form of \ref symmetric_difference_into.
    [[deprecated("use a.symmetric_difference_into(b, into)")]] set &
    assign_symmetric_difference(const set &a, const set &b) {
        return a.symmetric_difference_into(b, *this);
    }
    /// Checks whether each element is in another set.
    [[nodiscard]] bool is_subset_of(const set &other) const { return ask(pc_set_is_subset, *this, other); }
    /// Checks whether each element of another set is in this one.
    [[nodiscard]] bool includes(const set &other) const { return ask(pc_set_is_subset, other, *this); }
    /// Checks whether the sets have no common element.
    [[nodiscard]] bool is_disjoint_from(const set &other) const {
        return ask(pc_set_is_disjoint, *this, other);
    }

  private:
    template <class Call> set &combine(const Call &call, const set &other, set &into) const {
        check(call(handle(), other.handle(), into.handle()));
        return into;
    }
    template <class Call> static bool ask(const Call &call, const set &a, const set &b) {
        bool answer = false;
        check(call(a.handle(), b.handle(), &answer));
        return answer;
    }
};

} // namespace pc

#endif
