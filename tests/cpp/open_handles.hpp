/* Counts of the handles that a test has open, by the calls that open and close them; and allocations that
 * fail on request. */
#ifndef OPENED_HPP
#define OPENED_HPP

#include "check.hpp"

namespace opened {

/// The number of handles of each kind that this thread has opened and not closed.
struct counts {
    int environments = 0;
    int collections = 0;
    int iterators = 0;
    int transactions = 0;

    friend bool operator==(const counts &a, const counts &b) {
        return a.environments == b.environments && a.collections == b.collections &&
               a.iterators == b.iterators && a.transactions == b.transactions;
    }
};

/// Returns the counts at this moment.
counts now();

/// Returns how many times the process has waited for stable storage.
int syncs();

/// The status that the next commit returns, after the transaction was aborted; PC_OK lets it commit.
extern pc_status next_commit;

} // namespace opened

namespace failing {

/// Lets this many allocations of this thread succeed and the next one fail; if negative, no allocation fails.
void after(long allocations);

/// Returns whether an allocation has failed since.
bool failed();

/// Runs a function repeatedly, with its first, second, third… allocation failing, until all succeed. After
/// each run with a failure, it calls `look`, which inspects the state that the failure left.
template <class Function, class Look> int at_every_allocation(Function &&function, Look &&look) {
    for (int at = 0;; at++) {
        bool thrown = false;
        after(at);
        try {
            function();
        } catch (const std::bad_alloc &) {
            thrown = true;
        }
        const bool met = failed();
        after(-1);
        if (!met)
            return at;
        look(thrown);
    }
}

} // namespace failing

#endif
