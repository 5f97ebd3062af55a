/// \file
/// Memory for encoded keys and values, for results, and for the parts of a `pc_value`.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_MEMORY_HPP
#define PERSISTENT_COLLECTIONS_MEMORY_HPP

#include <cstddef>
#include <new>
#include <string_view>
#include <utility>

#include "buffer.hpp"

/// \cond internal
namespace pc::detail {

/// Bytes that it does not own.
struct bytes_ref {
    const void *data = nullptr;
    std::size_t size = 0;

    [[nodiscard]] const std::byte *begin() const noexcept { return static_cast<const std::byte *>(data); }
    [[nodiscard]] std::string_view text() const noexcept {
        return size != 0 ? std::string_view(static_cast<const char *>(data), size) : std::string_view();
    }
};

inline bytes_ref bytes_in(const buffer &from) noexcept { return {from.view().data(), from.view().size()}; }

/// A handle of the C ABI, closed with its object. Closing one that was closed with its environment fails,
/// which does no harm.
template <class Handle, pc_status (*Close)(Handle)> class owned_handle {
  public:
    owned_handle() noexcept = default;
    owned_handle(owned_handle &&other) noexcept : handle_(other.release()) {}
    owned_handle &operator=(owned_handle &&other) noexcept {
        if (this != &other) {
            close();
            handle_ = other.release();
        }
        return *this;
    }
    ~owned_handle() { close(); }

    [[nodiscard]] Handle get() const noexcept { return handle_; }
    [[nodiscard]] bool is_open() const noexcept { return handle_.id != 0; }
    /// Returns where a call of the C ABI writes the handle that it opens.
    [[nodiscard]] Handle *out() noexcept { return &handle_; }
    /// Returns the handle, which the caller then owns.
    [[nodiscard]] Handle release() noexcept { return std::exchange(handle_, Handle{0}); }

  private:
    void close() noexcept {
        if (is_open())
            static_cast<void>(Close(release()));
    }
    Handle handle_{0};
};

/// Memory of any size, which is not cleared.
class heap_bytes {
  public:
    heap_bytes() noexcept = default;
    heap_bytes(const heap_bytes &) = delete;
    heap_bytes &operator=(const heap_bytes &) = delete;
    ~heap_bytes() { delete[] at_; }

    [[nodiscard]] std::byte *resize(std::size_t size) {
        delete[] std::exchange(at_, nullptr);
        return at_ = new std::byte[size];
    }

  private:
    std::byte *at_ = nullptr;
};

/// The memory to which a `pc_value` made of a C++ value points.
class arena {
  public:
    arena() noexcept = default;
    arena(const arena &) = delete;
    arena &operator=(const arena &) = delete;
    ~arena() {
        while (last_)
            ::operator delete(std::exchange(last_, last_->before));
    }

    [[nodiscard]] std::byte *bytes(std::size_t size) {
        void *at = ::operator new(sizeof(block) + size);
        last_ = ::new (at) block{last_};
        return static_cast<std::byte *>(at) + sizeof(block);
    }
    [[nodiscard]] pc_value *values(std::size_t count) {
        return static_cast<pc_value *>(static_cast<void *>(bytes(count * sizeof(pc_value))));
    }

  private:
    struct alignas(std::max_align_t) block {
        block *before;
    };
    block *last_ = nullptr;
};

/// Where a key or value is encoded that does not lie in memory as it is stored.
struct scratch {
    std::byte small[8];
    heap_bytes large;
    buffer filled;

    bytes_ref keep(std::size_t size) noexcept { return {small, size}; }
    bytes_ref keep_filled() noexcept { return bytes_in(filled); }
};

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
            at = large_.resize(cap);
        }
    }
    [[nodiscard]] bytes_ref bytes() const noexcept { return {data_, size_}; }

  private:
    std::byte small_[256];
    heap_bytes large_;
    const void *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace pc::detail
/// \endcond

#endif
