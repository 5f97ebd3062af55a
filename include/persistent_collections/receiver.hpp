/// \file
/// Where a value that is taken is received.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_RECEIVER_HPP
#define PERSISTENT_COLLECTIONS_RECEIVER_HPP

#include "codec.hpp"

/// \cond internal
namespace pc::detail {

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

} // namespace pc::detail
/// \endcond

#endif
