/* What a test has open in the library, by its calls that open and close; and allocations that fail when asked
 * to. */
#ifndef OPENED_HPP
#define OPENED_HPP

#include "check.hpp"

namespace opened {

/// How many of each kind were opened and not closed, in this thread.
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

/// What is open now.
counts now();

/// How many times the process has waited for stable storage.
int syncs();

/// The status that the next commit gives, after it was undone; PC_OK: its own.
extern pc_status next_commit;

} // namespace opened

namespace failing {

/// Lets so many allocations of this thread succeed, and then one fail; negative: none fails.
void after(long allocations);

/// Whether one has failed since.
bool failed();

/// Runs a function again and again, with its first, second, third… allocation failing, until none is left to
/// fail. After each run that failed, `look` is called: what it finds there is what the failure left.
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
