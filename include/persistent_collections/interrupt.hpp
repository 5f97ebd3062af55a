/// \file
/// Ending a wait for the write lock from the thread that waits: pc::set_interrupt.
#ifndef PERSISTENT_COLLECTIONS_INTERRUPT_HPP
#define PERSISTENT_COLLECTIONS_INTERRUPT_HPP

#include <cstdint>
#include <functional>
#include <utility>

#include "error.hpp"

namespace pc {

/// Sets a function that the library calls about every 50 ms while the calling thread waits for the write
/// lock; an empty function removes it. If `check` returns true, the waiting call throws pc::interrupted
/// and has written nothing. Calls that do not wait do not call it. `check` may use the library, and must
/// not throw, or the program would end.
///
/// ```cpp
/// int asked = 0;
/// pc::set_interrupt([&] { return ++asked > 100; }); // no wait of this thread takes more than 5 seconds
/// pc::dict<std::string, std::int64_t>(env, "ages")["Ada"] = 36;
/// assert(asked == 0); // the lock was free
/// pc::set_interrupt(nullptr);
/// ```
inline void set_interrupt(std::function<bool()> check) {
    static thread_local std::function<bool()> kept;
    pc::check(pc_set_interrupt(nullptr, nullptr));
    kept = std::move(check);
    if (kept) {
        pc::check(pc_set_interrupt(
            [](void *asked) noexcept -> std::int32_t {
                return (*static_cast<std::function<bool()> *>(asked))() ? 1 : 0;
            },
            &kept));
    }
}

} // namespace pc

#endif
