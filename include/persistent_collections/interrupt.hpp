/// \file
/// Ending a wait for the write lock, or for a commit, from the thread that waits: pc::set_interrupt.
#ifndef PERSISTENT_COLLECTIONS_INTERRUPT_HPP
#define PERSISTENT_COLLECTIONS_INTERRUPT_HPP

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "error.hpp"

namespace pc {

/// \cond internal
namespace detail {

/// The function that a thread has set, of whatever type.
class kept_check {
  public:
    kept_check() noexcept = default;
    kept_check(const kept_check &) = delete;
    kept_check &operator=(const kept_check &) = delete;
    ~kept_check() { clear(); }

    static kept_check &of_thread() noexcept {
        static thread_local kept_check kept;
        return kept;
    }

    void clear() noexcept {
        if (void *const was = std::exchange(function_, nullptr))
            destroy_(was);
    }
    template <class Check> void *keep(Check &&check) {
        function_ = new Check(std::move(check));
        destroy_ = [](void *function) noexcept { delete static_cast<Check *>(function); };
        return function_;
    }

  private:
    void *function_ = nullptr;
    void (*destroy_)(void *) noexcept = nullptr;
};

/// Whether a function is empty, as a null pointer and a std::function can be.
template <class Check> bool is_empty_check(const Check &check) {
    if constexpr (std::is_constructible_v<Check, std::nullptr_t> &&
                  std::is_constructible_v<bool, const Check &>)
        return !static_cast<bool>(check);
    else
        return false;
}

} // namespace detail
/// \endcond

/// Sets a function that the library calls about every 50 ms while the calling thread waits for the write
/// lock, or for a commit; `nullptr` or an empty function removes it. If `check` returns true, the waiting
/// call throws pc::interrupted and has written nothing. Calls that do not wait do not call it. `check` may
/// use the library, and must not throw, or the program would end.
///
/// ```cpp
/// int asked = 0;
/// pc::set_interrupt([&] { return ++asked > 100; }); // no wait of this thread takes more than 5 seconds
/// pc::dict<std::string, std::int64_t>(env, "ages")["Ada"] = 36;
/// assert(asked == 0); // the lock was free
/// pc::set_interrupt(nullptr);
/// ```
template <class Check = std::nullptr_t> void set_interrupt(Check check) {
    detail::kept_check &kept = detail::kept_check::of_thread();
    pc::check(pc_set_interrupt(nullptr, nullptr));
    kept.clear();
    if constexpr (!std::is_null_pointer_v<Check>) {
        static_assert(
            std::is_invocable_r_v<bool, Check &>,
            "persistent_collections: the function of set_interrupt takes nothing and returns a bool");
        if (detail::is_empty_check(check))
            return;
        pc::check(pc_set_interrupt(
            [](void *asked) noexcept -> std::int32_t {
                return static_cast<bool>((*static_cast<Check *>(asked))()) ? 1 : 0;
            },
            kept.keep(std::move(check))));
    }
}

} // namespace pc

#endif
