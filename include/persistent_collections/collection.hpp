/// \file
/// Code common to dicts and sets: opening them, and the memory of batches and results.
#ifndef PERSISTENT_COLLECTIONS_COLLECTION_HPP
#define PERSISTENT_COLLECTIONS_COLLECTION_HPP

#include "codec.hpp"

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

/// The type to open a column with; NULL: as stored.
template <class T> const char *type_to_open(open_mode mode) {
    return mode == open_mode::as_stored && sort_of<T>() == sort::any ? nullptr : type_name<T>().c_str();
}

/// A look-up of a key that the collection cannot hold finds nothing, as in any dict.
inline pc_status or_absent(pc_status status) {
    return status == PC_ERR_BAD_KEY || status == PC_ERR_KEY_SIZE ? PC_NOT_FOUND : check(status);
}

/// Bytes whose number is not known before; few of them need no allocation.
class reply {
  public:
    /// Calls `call(memory, how much fits, where the size goes)` until it fits.
    template <class Call> pc_status fill(const Call &call) {
        std::size_t cap = sizeof small_;
        void *at = small_;
        for (;;) {
            const pc_status status = call(at, cap, &size_);
            if (status != PC_TOO_SMALL) {
                data_ = at;
                return status;
            }
            cap = size_;
            large_.reset(new std::byte[cap]);
            at = large_.get();
        }
    }
    [[nodiscard]] bytes_ref bytes() const noexcept { return {data_, size_}; }

  private:
    std::byte small_[256];
    std::unique_ptr<std::byte[]> large_;
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

/// Whether a value is decoded without memory, or a constructor of the program's.
template <class T>
inline constexpr bool decodes_safely = sort_of<T>() == sort::boolean || sort_of<T>() == sort::integer
                                       || sort_of<T>() == sort::real || sort_of<T>() == sort::uuid
                                       || sort_of<T>() == sort::date || sort_of<T>() == sort::datetime;

/// Whether a value's bytes can be received where they stay.
template <class T>
inline constexpr bool can_receive = sort_of<T>() == sort::text || sort_of<T>() == sort::bytes
                                    || sort_of<T>() == sort::opaque ||
                                    (sort_of<T>() == sort::array && little_endian);

/// Where a value is received, so that it need not be decoded: what could throw has been done before.
template <class T> class receiver {
    static constexpr bool grows = sort_of<T>() == sort::text || sort_of<T>() == sort::bytes ||
                                  (sort_of<T>() == sort::array && !array_of<T>::is_fixed);

  public:
    explicit receiver(T &to) : to_(&to) {}

    /// Calls `call(memory, how much fits, where the size goes)` until it fits.
    template <class Call> pc_status fill(const Call &call) {
        std::size_t size = 0;
        if constexpr (grows) {
            constexpr std::size_t width = sizeof(typename T::value_type);
            to_->resize((256 + width - 1) / width);
            for (;;) {
                const pc_status status = call(to_->data(), to_->size() * width, &size);
                if (status == PC_TOO_SMALL) {
                    to_->resize((size + width - 1) / width);
                    continue;
                }
                if (status == PC_OK) {
                    to_->resize(size / width);
                    shrink();
                }
                return status;
            }
        } else {
            const pc_status status = call(to_, sizeof(T), &size);
            if (status == PC_TOO_SMALL || (status == PC_OK && size != sizeof(T)))
                wrong_width(false, type_name<T>(), size);
            return status;
        }
    }

  private:
    void shrink() noexcept {
        try {
            to_->shrink_to_fit();
        } catch (...) {
            // More room than it needs does no harm.
        }
    }
    T *to_;
};

/// Keys or values as a batch takes them: one after the other, and where each begins.
class batch_column {
  public:
    batch_column() { offsets_.push_back(0); }
    void append(const bytes_ref &bytes) {
        bytes_.append(bytes.text());
        offsets_.push_back(bytes_.size());
    }
    [[nodiscard]] bytes_ref item(std::size_t at) const noexcept {
        return {bytes_.data() + offsets_[at], static_cast<std::size_t>(offsets_[at + 1] - offsets_[at])};
    }
    [[nodiscard]] const void *bytes() const noexcept { return bytes_.data(); }
    [[nodiscard]] const std::uint64_t *offsets() const noexcept { return offsets_.data(); }
    [[nodiscard]] std::size_t count() const noexcept { return offsets_.size() - 1; }

  private:
    std::string bytes_;
    std::vector<std::uint64_t> offsets_;
};

/// Turns a batch's status into an exception, which knows the item at fault.
inline pc_status check_batch(pc_status status, std::size_t failed_at) {
    if (status < 0)
        raise_last(status, failed_at);
    return status;
}

/// Keys to be stored or removed. The range need not be one that can be iterated where it is const.
template <class Key, class Keys> batch_column encode_keys(const column &to, Keys &keys) {
    batch_column made;
    for (const auto &key : keys) {
        scratch room;
        bytes_ref encoded;
        const argument<Key> given = key;
        require_exact<Key>(given, made.count());
        check_batch(encode_key(to, given, room, encoded), made.count());
        made.append(encoded);
    }
    return made;
}

/// Keys to be looked up: one that the collection cannot hold stands there as no bytes, which no key has.
template <class Key, class Keys> batch_column encode_sought(const column &to, Keys &keys) {
    batch_column made;
    for (const auto &key : keys) {
        scratch room;
        bytes_ref encoded;
        const argument<Key> given = key;
        made.append(or_absent(encode_key(to, given, room, encoded)) == PC_OK ? encoded : bytes_ref{});
    }
    return made;
}

} // namespace detail
/// \endcond

} // namespace pc

#endif
