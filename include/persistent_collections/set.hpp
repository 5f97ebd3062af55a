/// \file
/// Sets: elements on disk, in order, and set algebra.
#ifndef PERSISTENT_COLLECTIONS_SET_HPP
#define PERSISTENT_COLLECTIONS_SET_HPP

#include "collection.hpp"
#include "iteration.hpp"
#include "transaction.hpp"

namespace pc {

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
template <class T> class [[nodiscard]] set {
    static_assert(detail::check_key_type<T>());
    using argument = detail::argument<T>;
    using owned = detail::owned_t<T>;
    using item = detail::item_argument<T>;
    using shown = detail::keys<owned>;

  public:
    /// The type of elements.
    using key_type = T;
    /// The type that iterators return.
    using value_type = owned;
    /// The type of sizes.
    using size_type = std::uint64_t;
    /// The type of distances.
    using difference_type = std::ptrdiff_t;
    /// Steps through the elements.
    using iterator = pc::iterator<shown>;
    /// The same: elements are not changed.
    using const_iterator = iterator;
    /// A part of the set.
    using view_type = range_view<shown>;

    /// Opens a set; by default, creates it if it does not exist. Throws pc::type_mismatch, which names
    /// both, if it is stored with another type (but a stored `any` may be opened as the type of its
    /// elements), pc::wrong_kind if it is a dict, pc::bad_name.
    set(const environment &env, std::string_view name, open_mode mode = open_mode::create)
        : set(env.handle()) {
        check(pc_set_open(env_, detail::c_text(name, PC_ERR_BAD_NAME).c_str(), detail::type_to_open<T>(mode),
                          mode == open_mode::create ? 0u : static_cast<std::uint32_t>(PC_OPEN_EXISTING),
                          &handle_));
        buffer text;
        bool raw = false;
        check(pc_set_schema(handle_, text.get(), &raw));
        types_ = std::make_shared<const detail::columns>(
            detail::columns{detail::column_of<T>(detail::split_types(text.view()).first, raw), {}});
    }
    set(const set &) = delete;
    set &operator=(const set &) = delete;
    /// Takes over the handle of another object.
    set(set &&other) noexcept
        : env_(other.env_), handle_(std::exchange(other.handle_, pc_set{0})), types_(other.types_) {}
    /// Closes its own handle, and takes over that of another object; moving from itself has no effect.
    set &operator=(set &&other) noexcept {
        if (this == &other)
            return *this;
        std::swap(env_, other.env_);
        std::swap(handle_, other.handle_);
        std::swap(types_, other.types_);
        other.release();
        return *this;
    }
    ~set() { release(); }

    /// Returns the handle of the C ABI.
    [[nodiscard]] pc_set handle() const noexcept { return handle_; }

    // ---- Looking up. ----

    /// Checks whether an element exists.
    [[nodiscard]] bool contains(argument element) const {
        return with_element(element, [&](const detail::bytes_ref &at) {
                   return pc_set_contains(handle_, at.data, at.size);
               }) == PC_OK;
    }
    /// Returns 1 if an element exists, else 0.
    [[nodiscard]] size_type count(argument element) const { return contains(element) ? 1 : 0; }
    /// An element; `end()` if it is absent. Stepping from there sees the entries stored at that time.
    [[nodiscard]] iterator find(argument element) const {
        std::string stored;
        if (with_element(element, [&](const detail::bytes_ref &at) {
                stored = at.text();
                return pc_set_contains(handle_, at.data, at.size);
            }) == PC_NOT_FOUND)
            return end();
        return at_element(std::move(stored));
    }
    /// Checks which of many elements exist, in their order, in one state of the set.
    template <class Elements> [[nodiscard]] std::vector<bool> contains_many(Elements &&elements) const {
        std::vector<bool> found;
        const detail::batch_column batch = detail::encode_sought<T>(types_->key, elements);
        std::vector<std::uint8_t> present(batch.count());
        const pc_status status = pc_set_contains_many(handle_, batch.count(), batch.bytes(), batch.offsets(),
                                                      present.data(), nullptr);
        if (detail::or_absent(status) == PC_NOT_FOUND) {
            // One of them cannot be stored, so that the batch is refused.
            const snapshot one_state(env_);
            for (std::size_t i = 0; i < batch.count(); i++) {
                const detail::bytes_ref at = batch.item(i);
                found.push_back(detail::or_absent(pc_set_contains(handle_, at.data, at.size)) == PC_OK);
            }
            return found;
        }
        found.assign(present.begin(), present.end());
        return found;
    }
    /// The same, of elements in braces.
    [[nodiscard]] std::vector<bool> contains_many(std::initializer_list<item> elements) const {
        return contains_many<const std::initializer_list<item> &>(elements);
    }

    // ---- Sizes and ranges. ----

    /// Counts the elements, in constant time.
    [[nodiscard]] size_type size() const {
        std::uint64_t count = 0;
        check(pc_set_len(handle_, &count));
        return count;
    }
    /// Checks whether it is empty.
    [[nodiscard]] bool empty() const { return size() == 0; }
    /// Returns the lowest element, or nothing if the set is empty.
    [[nodiscard]] std::optional<owned> first() const { return end_element(pc_set_first); }
    /// Returns the highest element, or nothing if the set is empty.
    [[nodiscard]] std::optional<owned> last() const { return end_element(pc_set_last); }
    /// The first element.
    [[nodiscard]] iterator begin() const { return iterator(source(), {}); }
    /// The end.
    [[nodiscard]] iterator end() const { return {}; }
    /// The first element.
    [[nodiscard]] iterator cbegin() const { return begin(); }
    /// The end.
    [[nodiscard]] iterator cend() const { return {}; }
    /// The last element, of an iterator that goes backwards.
    [[nodiscard]] iterator rbegin() const { return reverse().begin(); }
    /// The end of iterators that go backwards.
    [[nodiscard]] iterator rend() const { return {}; }
    /// The first element that is not below this one.
    [[nodiscard]] iterator lower_bound(argument element) const {
        return range(including(element), unbounded).begin();
    }
    /// The first element that is beyond this one.
    [[nodiscard]] iterator upper_bound(argument element) const {
        return range(excluding(element), unbounded).begin();
    }
    /// The elements from one on, up to but excluding another: each end is an element, pc::unbounded, or
    /// the result of pc::including or pc::excluding.
    [[nodiscard]] view_type range(const range_end<T> &lower, const range_end<T> &upper) const {
        return {source(), detail::between(types_->key, lower, upper)};
    }
    /// The elements that begin with a text or bytes; for tuples, with these leading elements.
    template <class... Leading> [[nodiscard]] view_type prefix(const Leading &...leading) const {
        return {source(), detail::starting_with<T>(types_->key, leading...)};
    }
    /// All elements, from the last to the first.
    [[nodiscard]] view_type reverse() const { return view_type(source(), {}).reverse(); }

    // ---- Writing. ----

    /// Inserts an element, and returns true as the second of the pair if it was absent.
    std::pair<iterator, bool> insert(argument element) {
        detail::scratch room;
        detail::bytes_ref at;
        detail::require_exact<T>(element);
        check(detail::encode_key(types_->key, element, room, at));
        // Made before anything is stored: what throws has not stored.
        iterator stored = at_element(std::string(at.text()));
        const bool is_new = check(pc_set_add(handle_, at.data, at.size)) == PC_OK;
        return {std::move(stored), is_new};
    }
    /// The same for `std::inserter`; the hint is ignored.
    iterator insert(const iterator &, argument element) { return insert(element).first; }
    /// Removes an element. Returns 1 if it existed, else 0.
    size_type erase(argument element) {
        return with_element(element,
                            [&](const detail::bytes_ref &at) {
                                return pc_set_remove(handle_, at.data, at.size);
                            }) == PC_OK
                   ? 1
                   : 0;
    }
    /// Removes the element of an iterator, and returns an iterator to the next.
    iterator erase(iterator position) {
        const std::string key = position.encoded_key();
        ++position; // first, since it can throw
        check(pc_set_remove(handle_, key.data(), key.size()));
        return position;
    }
    /// Removes a part of the set, as one step, and returns the number of its elements.
    size_type erase(const view_type &part) {
        const pc_range range = part.bounds().range();
        std::uint64_t removed = 0;
        check(pc_set_remove_range(handle_, &range, &removed));
        return removed;
    }
    /// Removes every element; the set and its type stay.
    void clear() { check(pc_set_clear(handle_)); }
    /// Inserts many elements, all of them, or none if it throws, and returns the number of new ones.
    /// pc::error::failed_at returns the index of the invalid one.
    template <class Elements> size_type insert_many(Elements &&elements) {
        return batch(pc_set_add_many, elements);
    }
    /// The same, of elements in braces.
    size_type insert_many(std::initializer_list<item> elements) { return batch(pc_set_add_many, elements); }
    /// Removes many elements, as one step, and returns the number of those that existed.
    template <class Elements> size_type erase_many(Elements &&elements) {
        return batch(pc_set_remove_many, elements);
    }
    /// The same, of elements in braces.
    size_type erase_many(std::initializer_list<item> elements) { return batch(pc_set_remove_many, elements); }

    // ---- Algebra: as one step each, in the same memory however large the sets are. ----

    /// Inserts the elements of another set, which may be of another environment.
    set &operator|=(const set &other) { return combine(pc_set_union, *this, other); }
    /// Removes the elements that are not in another set.
    set &operator&=(const set &other) { return combine(pc_set_intersection, *this, other); }
    /// Removes the elements of another set.
    set &operator-=(const set &other) { return combine(pc_set_difference, *this, other); }
    /// Removes the elements that are also in another set, and inserts those that are only in the other.
    set &operator^=(const set &other) { return combine(pc_set_symmetric_difference, *this, other); }
    /// Replaces the elements of this set by the union of two sets.
    set &assign_union(const set &a, const set &b) { return combine(pc_set_union, a, b); }
    /// Replaces the elements of this set by the intersection of two sets.
    set &assign_intersection(const set &a, const set &b) { return combine(pc_set_intersection, a, b); }
    /// Replaces the elements of this set by those of one set that are not in the other.
    set &assign_difference(const set &a, const set &b) { return combine(pc_set_difference, a, b); }
    /// Replaces the elements of this set by those that are in exactly one of two sets.
    set &assign_symmetric_difference(const set &a, const set &b) {
        return combine(pc_set_symmetric_difference, a, b);
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
    /// Makes an object that is not open, so that an exception during opening leaves an object that
    /// closes the handle.
    explicit set(pc_env env) noexcept : env_(env) {}

    /// Makes an iterator at a stored element, which it returns as stored: 0.0 if -0.0 was looked up.
    iterator at_element(std::string stored) const {
        owned shown = detail::decode_key<owned>(types_->key, {stored.data(), stored.size()});
        return iterator(source(), std::move(stored), std::move(shown));
    }
    template <class Call> pc_status with_element(argument element, const Call &call) const {
        detail::scratch room;
        detail::bytes_ref encoded;
        const pc_status status = detail::encode_key(types_->key, element, room, encoded);
        return detail::or_absent(status == PC_OK ? call(encoded) : status);
    }
    template <class Call> std::optional<owned> end_element(const Call &call) const {
        buffer element;
        if (check(call(handle_, element.get())) == PC_NOT_FOUND)
            return std::nullopt;
        return detail::decode_key<owned>(types_->key, {element.view().data(), element.view().size()});
    }
    template <class Call, class Elements> size_type batch(const Call &call, Elements &elements) {
        const detail::batch_column all = detail::encode_keys<T>(types_->key, elements);
        std::uint64_t changed = 0;
        std::size_t failed_at = SIZE_MAX;
        const pc_status status = call(handle_, all.count(), all.bytes(), all.offsets(), &changed, &failed_at);
        detail::check_batch(status, failed_at);
        return changed;
    }
    template <class Call> set &combine(const Call &call, const set &a, const set &b) {
        check(call(a.handle_, b.handle_, handle_));
        return *this;
    }
    template <class Call> static bool ask(const Call &call, const set &a, const set &b) {
        bool answer = false;
        check(call(a.handle_, b.handle_, &answer));
        return answer;
    }
    detail::source source() const { return {handle_.id, true, types_}; }
    void release() noexcept {
        // With its environment it has been closed already.
        if (handle_.id != 0)
            static_cast<void>(pc_set_close(std::exchange(handle_, pc_set{0})));
    }

    pc_env env_;
    pc_set handle_{0};
    std::shared_ptr<const detail::columns> types_;
};

} // namespace pc

#endif
