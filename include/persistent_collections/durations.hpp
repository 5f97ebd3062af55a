/// \file
/// `std::chrono::duration` and `std::chrono::time_point`, without the rest of `<chrono>` where the standard
/// library has a part with these.
///
/// This file is internal.
#ifndef PERSISTENT_COLLECTIONS_DURATIONS_HPP
#define PERSISTENT_COLLECTIONS_DURATIONS_HPP

// For __GLIBCXX__.
#include <string>
// In C++20, <chrono> also has calendars and streams, which take as long to compile as dicts and sets.
#if defined(__GLIBCXX__) && defined(__has_include)
#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#define PERSISTENT_COLLECTIONS_HAS_DURATIONS
#endif
#endif
#ifndef PERSISTENT_COLLECTIONS_HAS_DURATIONS
#include <chrono>
#endif
#undef PERSISTENT_COLLECTIONS_HAS_DURATIONS

#endif
