/// \file
/// Persistent Collections for C++17 and newer: dicts and sets that live on disk, shared by C, C++,
/// Python, Julia and Rust.
///
/// Header-only, over the C ABI: link with `-lpersistent_collections`. Three layers:
///
/// 1. the functions of the C ABI (persistent_collections.h);
/// 2. pc::check, which turns their statuses into exceptions (pc::error and one class for each status), and
/// pc::buffer;
/// 3. pc::environment, pc::dict, pc::set, pc::transaction, pc::snapshot, pc::run, and the types they store.
///
/// ```cpp
/// pc::environment env("data");
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// ages["Ada"] = 36;
/// pc::run(env, [&] {
///     ages["Ada"] += 1;
///     ages["Alan"] = 41;
/// });
/// for (const auto &[name, age] : ages)
///     std::cout << name << " is " << age << '\n';
/// // prints:
/// // Ada is 37
/// // Alan is 41
/// ```
///
/// Objects own their handles and can be moved but not copied; transactions and snapshots, which belong
/// to a scope, can be neither. Any thread may call functions, also on the same object, except for
/// transactions, snapshots and iterators, which belong to the thread that made them. Objects may be
/// destroyed in any order: using one whose environment was closed throws pc::bad_handle and is harmless.
/// After `fork`, a child reopens its environments (pc::environment::reopen).

/// \namespace pc
/// Dicts and sets that live on disk, in C++; see persistent_collections.hpp for an
/// introduction.

#ifndef PERSISTENT_COLLECTIONS_HPP
#define PERSISTENT_COLLECTIONS_HPP

#include "persistent_collections.h"

#include "persistent_collections/any_value.hpp"
#include "persistent_collections/array_view.hpp"
#include "persistent_collections/buffer.hpp"
#include "persistent_collections/dict.hpp"
#include "persistent_collections/environment.hpp"
#include "persistent_collections/error.hpp"
#include "persistent_collections/interrupt.hpp"
#include "persistent_collections/scalars.hpp"
#include "persistent_collections/set.hpp"
#include "persistent_collections/transaction.hpp"
#include "persistent_collections/types.hpp"

#endif
