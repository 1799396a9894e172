#define _GNU_SOURCE
#include "platform_traps.h"
#include "platform_deadlines.h"

#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

// MARK: The table of code ranges
//
// Readers are signal handlers: they must not lock. They count themselves in, read the published table, and count
// themselves out. A writer, under the lock, publishes a changed copy; the old table is freed once the writer has seen
// the count at zero after publishing: readers that count themselves in later find the new table. All accesses to the
// count and to the pointer are sequentially consistent, which that argument needs.

struct code_range {
    uintptr_t start;
    uintptr_t end;
    uintptr_t functions_end;
    uintptr_t exit_stub;
    uintptr_t exit_stub_end;
};

struct code_table {
    struct code_table *retired_next;
    size_t count;
    struct code_range ranges[];
};

static _Atomic(struct code_table *) current_table;
static atomic_size_t table_readers;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct code_table *retired_tables;

// The lock is held.
static void publish(struct code_table *table) {
    struct code_table *old = atomic_exchange(&current_table, table);
    if (old) {
        old->retired_next = retired_tables;
        retired_tables = old;
    }
    if (atomic_load(&table_readers) != 0) return;
    while (retired_tables) {
        struct code_table *next = retired_tables->retired_next;
        free(retired_tables);
        retired_tables = next;
    }
}

static struct code_table *allocate_table(size_t count) {
    struct code_table *table = malloc(sizeof(struct code_table) + count * sizeof(struct code_range));
    if (!table) return NULL;
    table->retired_next = NULL;
    table->count = count;
    return table;
}

int mayfly_code_register(
    uintptr_t start, uintptr_t end, uintptr_t functions_end, uintptr_t exit_stub, uintptr_t exit_stub_end) {
    pthread_mutex_lock(&table_lock);
    struct code_table *old = atomic_load(&current_table);
    size_t count = old ? old->count : 0;
    struct code_table *table = allocate_table(count + 1);
    if (table) {
        size_t position = 0;
        while (position < count && old->ranges[position].start < start) position++;
        if (position) memcpy(table->ranges, old->ranges, position * sizeof(struct code_range));
        table->ranges[position] = (struct code_range){start, end, functions_end, exit_stub, exit_stub_end};
        if (position < count) {
            memcpy(table->ranges + position + 1, old->ranges + position,
                   (count - position) * sizeof(struct code_range));
        }
        publish(table);
    }
    pthread_mutex_unlock(&table_lock);
    return table ? 0 : ENOMEM;
}

void mayfly_code_unregister(uintptr_t start) {
    pthread_mutex_lock(&table_lock);
    struct code_table *old = atomic_load(&current_table);
    size_t count = old ? old->count : 0;
    size_t position = 0;
    while (position < count && old->ranges[position].start != start) position++;
    if (position < count) {
        struct code_table *table = allocate_table(count - 1);
        if (table) {
            memcpy(table->ranges, old->ranges, position * sizeof(struct code_range));
            memcpy(table->ranges + position, old->ranges + position + 1,
                   (count - position - 1) * sizeof(struct code_range));
            publish(table);
        } else {
            // Without memory for a copy the range becomes one that no address lies in. Readers see either end.
            *(volatile uintptr_t *)&old->ranges[position].end = start;
        }
    }
    pthread_mutex_unlock(&table_lock);
}

size_t mayfly_code_range_count(void) {
    pthread_mutex_lock(&table_lock);
    struct code_table *table = atomic_load(&current_table);
    size_t count = table ? table->count : 0;
    pthread_mutex_unlock(&table_lock);
    return count;
}

// Async-signal-safe. The range that `address` lies in; an empty one if there is none.
static struct code_range find_range(uintptr_t address) {
    struct code_range found = {0};
    atomic_fetch_add(&table_readers, 1);
    struct code_table *table = atomic_load(&current_table);
    if (table) {
        size_t low = 0, high = table->count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (table->ranges[middle].start <= address) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if (low > 0) {
            const struct code_range *range = &table->ranges[low - 1];
            if (address < range->end) found = *range;
        }
    }
    atomic_fetch_sub(&table_readers, 1);
    return found;
}

// Async-signal-safe. The exit stub of the code that `address` lies in, or 0. In the stub itself nothing may be
// continued at the stub: what faulted there would fault there again, for ever.
static uintptr_t find_exit_stub(uintptr_t address) {
    struct code_range range = find_range(address);
    return address >= range.exit_stub && address < range.exit_stub_end ? 0 : range.exit_stub;
}

// MARK: The handlers

const int mayfly_bell_signal = SIGURG;
static const int trap_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
enum { trap_signal_count = sizeof(trap_signals) / sizeof(trap_signals[0]) };
// Written before the handler is installed. A previous SA_RESETHAND handler is cleared after its one run.
static struct sigaction previous[trap_signal_count];
static atomic_bool previous_spent[trap_signal_count];
static _Atomic(const struct sigaction *) bell_previous;
static struct mayfly_trap_layout layout;

static void set_default(int signal_number) {
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    sigaction(signal_number, &action, NULL);
}

// A fault that is not ours, or a signal that somebody sent.
static void chain(int index, int signal_number, siginfo_t *info, void *context) {
    const struct sigaction *action = &previous[index];
    bool is_fault = info->si_code > 0;
    bool is_default = !(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_DFL;
    if (!is_default && (action->sa_flags & SA_RESETHAND)) is_default = atomic_exchange(&previous_spent[index], true);
    if (is_default) {
        // The default action, taken at the same instruction: a fault happens again on return; a sent signal, which
        // would not, is sent again. It is blocked until then.
        set_default(signal_number);
        if (!is_fault) syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal_number);
        return;
    }
    if (!(action->sa_flags & SA_SIGINFO) && action->sa_handler == SIG_IGN) {
        // The kernel does not let a fault be ignored either.
        if (is_fault) set_default(signal_number);
        return;
    }
    if (action->sa_flags & SA_SIGINFO) {
        action->sa_sigaction(signal_number, info, context);
    } else {
        action->sa_handler(signal_number);
    }
}

// What happened goes to the root.
static void note(
    const greg_t *registers, uintptr_t vm_context, uintptr_t root, uintptr_t address, int signal_number) {
    *(uint64_t *)(root + layout.program_counter) = (uint64_t)registers[REG_RIP];
    *(uint64_t *)(root + layout.frame_pointer) = (uint64_t)registers[REG_RBP];
    *(uint64_t *)(root + layout.address) = (uint64_t)address;
    *(uint64_t *)(root + layout.signal) = (uint64_t)signal_number;
    *(uint64_t *)(root + layout.context) = (uint64_t)vm_context;
}

// Leaves the guest: the thread continues at the exit stub.
static void leave(greg_t *registers, uintptr_t exit_stub, int32_t status) {
    registers[REG_RIP] = (greg_t)exit_stub;
    registers[REG_RAX] = status;
}

// A bell means something only if it finds the thread in a function: there every instruction has the context in r15,
// which stubs do not, and functions can be left at any instruction. In a host call, or in a stub, nothing is done: the
// way back to the guest looks at the request, and the bell is rung again.
static void handle_bell(int signal_number, siginfo_t *info, void *raw_context) {
    // A handler that was there before ours, or put in its place and found there again, may pass the signal on to ours.
    static _Thread_local volatile bool is_ringing __attribute__((tls_model("initial-exec")));
    int saved_errno = errno;
    greg_t *registers = ((ucontext_t *)raw_context)->uc_mcontext.gregs;
    if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
        uintptr_t address = (uintptr_t)registers[REG_RIP];
        struct code_range range = find_range(address);
        if (address < range.functions_end) {
            uintptr_t vm_context = (uintptr_t)registers[REG_R15];
            uintptr_t root = *(uint64_t *)(vm_context + layout.root);
            const volatile struct mayfly_request *request = (void *)(root + layout.request);
            if (request->stop) {
                note(registers, vm_context, root, 0, signal_number);
                leave(registers, range.exit_stub, layout.interrupted_status);
            } else if (request->yield && *(volatile uint64_t *)(root + layout.may_yield) != 0) {
                // As if a call of that code were before the instruction. Functions keep nothing below the stack pointer.
                note(registers, vm_context, root, 0, signal_number);
                registers[REG_RSP] -= sizeof(uint64_t);
                *(uint64_t *)(uintptr_t)registers[REG_RSP] = address;
                registers[REG_RIP] = (greg_t)(range.exit_stub + layout.preempt_distance);
            }
            errno = saved_errno;
            return;
        }
    }
    const struct sigaction *action = atomic_load(&bell_previous);
    if (action && !is_ringing) {
        is_ringing = true;
        if (action->sa_flags & SA_SIGINFO) {
            action->sa_sigaction(signal_number, info, raw_context);
        } else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN) {
            action->sa_handler(signal_number);
        }
        is_ringing = false;
    }
    errno = saved_errno;
}

int mayfly_bell_hang(void) {
    static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;
    struct sigaction now;
    if (sigaction(mayfly_bell_signal, NULL, &now) != 0) return errno;
    if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == handle_bell) return 0;
    int error = 0;
    pthread_mutex_lock(&bell_lock);
    // Never freed: a handler may be at it.
    struct sigaction *action = malloc(sizeof *action);
    if (!action) {
        error = ENOMEM;
    } else if (sigaction(mayfly_bell_signal, NULL, action) != 0) {
        error = errno;
    } else if (!(action->sa_flags & SA_SIGINFO) || action->sa_sigaction != handle_bell) {
        // Known before ours can be called.
        atomic_store(&bell_previous, action);
        struct sigaction ours;
        memset(&ours, 0, sizeof(ours));
        ours.sa_sigaction = handle_bell;
        ours.sa_mask = action->sa_mask;
        // System calls that wait are to be interrupted, so no SA_RESTART.
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
        if (sigaction(mayfly_bell_signal, &ours, NULL) != 0) error = errno;
    }
    pthread_mutex_unlock(&bell_lock);
    return error;
}

static void handle(int signal_number, siginfo_t *info, void *raw_context) {
    int saved_errno = errno;
    ucontext_t *context = raw_context;
    greg_t *registers = context->uc_mcontext.gregs;
    // Sent signals have codes up to 0: that one arrives while guest code runs means nothing.
    if (info->si_code > 0) {
        uintptr_t exit_stub = find_exit_stub((uintptr_t)registers[REG_RIP]);
        uintptr_t vm_context = (uintptr_t)registers[REG_R15];
        // Registered code holds its context in r15 from its first instruction that can fault to its last. The
        // comparisons find a defect in that, rather than guard against a guest. Without a host stack pointer no entry
        // got as far as the guest, and the exit stub would take the host's registers from address 0.
        //
        // What an entry does before that is to save the host's registers on the host's stack. If that is full, r15 is
        // still the host's: the comparisons fail, or the load does, which ends the process like the fault itself. A
        // nested entry, where an outer one's host stack pointer is there, is made only with a reserve of stack
        // (`mayfly_thread_stack_room`).
        if (exit_stub && vm_context && vm_context % 16 == 0
            && *(uint64_t *)(vm_context + layout.exit_stub) == exit_stub) {
            uintptr_t root = *(uint64_t *)(vm_context + layout.root);
            if (*(uint64_t *)(root + layout.host_stack_pointer) != 0) {
                note(registers, vm_context, root, (uintptr_t)info->si_addr, signal_number);
                leave(registers, exit_stub, layout.trapped_status);
                errno = saved_errno;
                return;
            }
        }
    }
    for (int index = 0; index < trap_signal_count; index++) {
        if (trap_signals[index] == signal_number) {
            chain(index, signal_number, info, raw_context);
            break;
        }
    }
    errno = saved_errno;
}

static pthread_once_t install_once = PTHREAD_ONCE_INIT;
static int install_error;
static const struct mayfly_trap_layout *requested_layout;
static pthread_mutex_t install_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t signal_stack_key;

static void release_signal_stack(void *);

static void install(void) {
    layout = *requested_layout;
    install_error = pthread_key_create(&signal_stack_key, release_signal_stack);
    if (install_error) return;
    for (int index = 0; index < trap_signal_count; index++) {
        // Two steps: the previous handler must be known before ours can be called.
        if (sigaction(trap_signals[index], NULL, &previous[index]) != 0) {
            install_error = errno;
            return;
        }
        struct sigaction action;
        memset(&action, 0, sizeof(action));
        action.sa_sigaction = handle;
        // The previous handler runs inside ours, so what it asked to be blocked or not is what we ask for. SA_RESETHAND
        // is done in `chain`.
        action.sa_mask = previous[index].sa_mask;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | (previous[index].sa_flags & (SA_NODEFER | SA_RESTART));
        if (sigaction(trap_signals[index], &action, NULL) != 0) {
            install_error = errno;
            return;
        }
    }
    install_error = mayfly_bell_hang();
}

int mayfly_traps_install(const struct mayfly_trap_layout *wanted) {
    pthread_mutex_lock(&install_lock);
    requested_layout = wanted;
    pthread_once(&install_once, install);
    int result = install_error;
    pthread_mutex_unlock(&install_lock);
    return result;
}

int mayfly_traps_are_installed(void) {
    for (int index = 0; index < trap_signal_count; index++) {
        struct sigaction action;
        if (sigaction(trap_signals[index], NULL, &action) != 0) return 0;
        if (!(action.sa_flags & SA_SIGINFO) || action.sa_sigaction != handle) return 0;
    }
    return 1;
}

// MARK: Alternate signal stacks
//
// A guest may fault with no room left on its stack. Threads of Dispatch and of the Swift runtime bring no alternate
// stack, so each thread gets one when it first enters compiled code.

// What handlers may use besides the kernel's frame; the handler of another library is called from ours.
enum { handler_bytes = 64 * 1024, guard_bytes = 4096 };

// One byte: fits what the loader keeps for libraries that are loaded late, and saves a call per entry.
static _Thread_local bool thread_is_prepared __attribute__((tls_model("initial-exec")));

static size_t signal_stack_bytes(void) {
    size_t frame = getauxval(AT_MINSIGSTKSZ);
    if (frame < 2048) frame = 2048;
    return (frame + handler_bytes + 4095) & ~(size_t)4095;
}

// Runs at the thread's end with the address of the mapping.
static void release_signal_stack(void *mapping) {
    stack_t now;
    thread_is_prepared = false;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == (char *)mapping + guard_bytes) {
        stack_t none = {.ss_sp = NULL, .ss_flags = SS_DISABLE, .ss_size = 0};
        if (sigaltstack(&none, NULL) != 0) return;
    }
    munmap(mapping, signal_stack_bytes() + guard_bytes);
}

static int prepare_thread(void) {
    stack_t now;
    size_t bytes = signal_stack_bytes();
    if (sigaltstack(NULL, &now) != 0) return errno;
    size_t enough = bytes - handler_bytes + 8 * 1024;
    if (!(now.ss_flags & SS_DISABLE) && now.ss_size >= enough) {
        thread_is_prepared = true;
        return 0;
    }
    char *mapping = mmap(NULL, bytes + guard_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) return errno;
    int error = 0;
    stack_t ours = {.ss_sp = mapping + guard_bytes, .ss_flags = 0, .ss_size = bytes};
    if (mprotect(mapping, guard_bytes, PROT_NONE) != 0) {
        error = errno;
    } else if ((error = pthread_setspecific(signal_stack_key, mapping)) == 0 && sigaltstack(&ours, NULL) != 0) {
        error = errno;
        pthread_setspecific(signal_stack_key, NULL);
    }
    if (error) {
        munmap(mapping, bytes + guard_bytes);
        return error;
    }
    thread_is_prepared = true;
    return 0;
}

int mayfly_thread_prepare(void) {
    return __builtin_expect(thread_is_prepared, 1) ? 0 : prepare_thread();
}

// MARK: The thread's own stack

// 0: not asked yet. UINTPTR_MAX: unknown. Two words more of what the loader keeps.
static _Thread_local uintptr_t stack_low __attribute__((tls_model("initial-exec")));
static _Thread_local uintptr_t stack_high __attribute__((tls_model("initial-exec")));

static void find_stack(void) {
    pthread_attr_t attributes;
    void *address;
    size_t bytes, guard;
    stack_low = UINTPTR_MAX;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
    if (pthread_attr_getstack(&attributes, &address, &bytes) == 0
        && pthread_attr_getguardsize(&attributes, &guard) == 0 && guard < bytes) {
        // Whether the guard is part of the stack differs between versions of the C library.
        stack_low = (uintptr_t)address + guard;
        stack_high = (uintptr_t)address + bytes;
    }
    pthread_attr_destroy(&attributes);
}

size_t mayfly_thread_stack_room(void) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (__builtin_expect(stack_low == 0, 0)) find_stack();
    // On a stack that is not the thread's own, a coroutine's for one, nothing is known.
    return here >= stack_low && here < stack_high ? here - stack_low : SIZE_MAX;
}

// MARK: Processor

uint32_t mayfly_cpu_features(void) {
    unsigned a, b, c, d;
    uint32_t features = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (c & bit_SSE3) features |= MAYFLY_CPU_SSE3;
    if (c & bit_SSSE3) features |= MAYFLY_CPU_SSSE3;
    if (c & bit_SSE4_1) features |= MAYFLY_CPU_SSE41;
    if (c & bit_SSE4_2) features |= MAYFLY_CPU_SSE42;
    if (c & bit_POPCNT) features |= MAYFLY_CPU_POPCNT;
    bool saves_ymm = false;
    if (c & bit_OSXSAVE) {
        uint32_t low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        saves_ymm = (low & 6) == 6;
    }
    if (saves_ymm && (c & bit_AVX)) features |= MAYFLY_CPU_AVX;
    if (saves_ymm && (c & bit_FMA)) features |= MAYFLY_CPU_FMA;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        if (b & bit_BMI) features |= MAYFLY_CPU_BMI1;
        if (b & bit_BMI2) features |= MAYFLY_CPU_BMI2;
        if (saves_ymm && (b & bit_AVX2)) features |= MAYFLY_CPU_AVX2;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT)) features |= MAYFLY_CPU_LZCNT;
    return features;
}
