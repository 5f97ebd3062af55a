/// \file
/// Keys and values of batches.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_BATCH_HPP
#define PERSISTENT_COLLECTIONS_BATCH_HPP

#include <string>
#include <vector>

#include "codec.hpp"

/// \cond internal
namespace pc::detail {

/// A look-up of a key that the collection cannot hold finds nothing, as in any dict.
inline pc_status or_absent(pc_status status) {
    return status == PC_ERR_BAD_KEY || status == PC_ERR_KEY_SIZE ? PC_NOT_FOUND : check(status);
}

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

} // namespace pc::detail
/// \endcond

#endif
