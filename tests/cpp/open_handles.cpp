/* The calls of the library that open and close, counted, and an operator new that fails when asked to. */
#include "open_handles.hpp"

#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <new>

static thread_local opened::counts open_now;
static thread_local long allocations_left = -1;
static thread_local bool has_failed = false;
static std::atomic<int> waited_for_storage;
pc_status opened::next_commit = PC_OK;

int opened::syncs() { return waited_for_storage; }

opened::counts opened::now() { return open_now; }

void failing::after(long allocations) {
    allocations_left = allocations;
    has_failed = false;
}

bool failing::failed() { return has_failed; }

void *operator new(std::size_t size) {
    if (allocations_left == 0) {
        has_failed = true;
        allocations_left = -1;
        throw std::bad_alloc();
    }
    if (allocations_left > 0)
        allocations_left--;
    if (void *memory = std::malloc(size != 0 ? size : 1))
        return memory;
    throw std::bad_alloc();
}
void *operator new[](std::size_t size) { return operator new(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

/* The headers call the functions that are defined here, which call the library's. */
template <class Function> static Function *next(const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}
#define NEXT(name) static const auto real = next<decltype(name)>(#name)

static pc_status counted(pc_status status, int &count, int by) {
    if (status == PC_OK)
        count += by;
    return status;
}

extern "C" {

int fdatasync(int file) {
    NEXT(fdatasync);
    waited_for_storage++;
    return real(file);
}

pc_status pc_env_open(const char *path, const pc_env_options *options, pc_env *out) {
    NEXT(pc_env_open);
    return counted(real(path, options, out), open_now.environments, 1);
}
pc_status pc_env_reopen(pc_env env, pc_env *out) {
    NEXT(pc_env_reopen);
    return counted(real(env, out), open_now.environments, 1);
}
pc_status pc_env_close(pc_env env) {
    NEXT(pc_env_close);
    return counted(real(env), open_now.environments, -1);
}
pc_status pc_dict_open(pc_env env, const char *name, const char *key_type, const char *value_type,
                       uint32_t flags, pc_dict *out) {
    NEXT(pc_dict_open);
    return counted(real(env, name, key_type, value_type, flags, out), open_now.collections, 1);
}
pc_status pc_dict_close(pc_dict dict) {
    NEXT(pc_dict_close);
    return counted(real(dict), open_now.collections, -1);
}
pc_status pc_set_open(pc_env env, const char *name, const char *type, uint32_t flags, pc_set *out) {
    NEXT(pc_set_open);
    return counted(real(env, name, type, flags, out), open_now.collections, 1);
}
pc_status pc_set_close(pc_set set) {
    NEXT(pc_set_close);
    return counted(real(set), open_now.collections, -1);
}
pc_status pc_iter_open_dict(pc_dict dict, const pc_range *range, pc_iter *out) {
    NEXT(pc_iter_open_dict);
    return counted(real(dict, range, out), open_now.iterators, 1);
}
pc_status pc_iter_open_set(pc_set set, const pc_range *range, pc_iter *out) {
    NEXT(pc_iter_open_set);
    return counted(real(set, range, out), open_now.iterators, 1);
}
pc_status pc_iter_close(pc_iter iter) {
    NEXT(pc_iter_close);
    return counted(real(iter), open_now.iterators, -1);
}
pc_status pc_txn_begin(pc_env env, int32_t kind, int64_t timeout_ms, pc_txn *out) {
    NEXT(pc_txn_begin);
    return counted(real(env, kind, timeout_ms, out), open_now.transactions, 1);
}
pc_status pc_txn_abort(pc_txn txn) {
    NEXT(pc_txn_abort);
    return counted(real(txn), open_now.transactions, -1);
}
pc_status pc_txn_commit(pc_txn txn) {
    NEXT(pc_txn_commit);
    const pc_status wanted = std::exchange(opened::next_commit, PC_OK);
    if (wanted == PC_OK)
        return counted(real(txn), open_now.transactions, -1);
    return pc_txn_abort(txn) == PC_OK ? wanted : PC_ERR_PANIC;
}

} // extern "C"
