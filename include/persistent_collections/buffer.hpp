/// \file
/// Memory that the library fills, as an object that frees it.
#ifndef PERSISTENT_COLLECTIONS_BUFFER_HPP
#define PERSISTENT_COLLECTIONS_BUFFER_HPP

#include <string_view>
#include <utility>

#include "error.hpp"

namespace pc {

/// A `pc_buffer` that frees itself, for calls of the C ABI itself.
///
/// ```cpp
/// pc::buffer list;
/// pc::check(pc_env_list(env.handle(), list.get()));
/// assert(list.view().empty());
/// ```
class [[nodiscard]] buffer {
  public:
    /// Makes an empty buffer; it allocates nothing.
    buffer() noexcept = default;
    buffer(const buffer &) = delete;
    buffer &operator=(const buffer &) = delete;
    /// Takes over the memory of another buffer.
    buffer(buffer &&other) noexcept : buffer_(std::exchange(other.buffer_, pc_buffer{})) {}
    /// Frees its own memory, and takes over that of another buffer.
    buffer &operator=(buffer &&other) noexcept {
        std::swap(buffer_, other.buffer_);
        return *this;
    }
    ~buffer() {
        if (buffer_.data)
            pc_buffer_free(&buffer_);
    }

    /// Returns the buffer for the C ABI.
    [[nodiscard]] pc_buffer *get() noexcept { return &buffer_; }

    /// Returns the content, valid until it is filled again.
    [[nodiscard]] std::string_view view() const noexcept {
        return {reinterpret_cast<const char *>(buffer_.data), buffer_.data ? buffer_.len : 0};
    }

  private:
    pc_buffer buffer_{nullptr, 0, 0};
};

} // namespace pc

#endif
