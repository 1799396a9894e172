// Turns faults in compiled code into returns from the call that entered it.
//
// The handler touches only raw memory: the table of code ranges below, and the VM context that the pinned register r15
// points to. It finds out whether the faulting instruction lies in registered code, writes what happened into the
// context's header and continues at the exit stub of that code. Every other fault goes to the handler that was
// installed before.
//
// In the same way a thread that has been rung for (`platform_deadlines.h`) leaves the functions it is in.
#ifndef MAYFLY_PLATFORM_TRAPS_H
#define MAYFLY_PLATFORM_TRAPS_H

#include <stddef.h>
#include <stdint.h>

/// Where the context keeps what the handler reads and writes: byte offsets of 8-byte cells.
struct mayfly_trap_layout {
    uint32_t program_counter;
    uint32_t frame_pointer;
    uint32_t address;
    uint32_t signal;
    uint32_t context;
    /// In the context of the code; those above and the host stack pointer are in the one that is the root.
    uint32_t root;
    uint32_t exit_stub;
    uint32_t host_stack_pointer;
    /// In the root: a `struct mayfly_request`, and whether the guest may be suspended.
    uint32_t request;
    uint32_t may_yield;
    /// Bytes from the exit stub to the code that suspends the guest: on top of the stack it finds the address of the
    /// instruction to go on with.
    uint32_t preempt_distance;
    /// What the exit stub expects in eax after a fault, and when the guest was to stop.
    int32_t trapped_status;
    int32_t interrupted_status;
};

/// The signal by which threads are rung for. By default it is ignored, and nobody sends it for other reasons but the
/// kernel for urgent data of sockets whose owner asks for that.
extern const int mayfly_bell_signal;
/// Puts the bell's handler in place, unless it is there: somebody may have put another in its place, which it then
/// passes on to what is not for a guest. 0 or an errno.
int mayfly_bell_hang(void);

/// Installs the handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL and the bell, once per process; later calls do nothing. 0
/// or an errno.
int mayfly_traps_install(const struct mayfly_trap_layout *layout);

/// Whether the handlers are the process's current ones. A handler installed later takes its place.
int mayfly_traps_are_installed(void);

/// Makes the handler responsible for faults in [start, end), whose contexts name `exit_stub`, except for those in the
/// exit stub itself, [exit_stub, exit_stub_end), and for bells in [start, functions_end), where every instruction has
/// the context in r15. 0 or an errno.
int mayfly_code_register(
    uintptr_t start, uintptr_t end, uintptr_t functions_end, uintptr_t exit_stub, uintptr_t exit_stub_end);
/// Takes a range out. No compiled code of the range may run any more.
void mayfly_code_unregister(uintptr_t start);
/// Registered ranges.
size_t mayfly_code_range_count(void);

/// Gives the calling thread an alternate signal stack unless it has one that is large enough. Freed when the thread
/// ends. Cheap after the first time. 0 or an errno.
int mayfly_thread_prepare(void);

/// Bytes left on the calling thread's stack; SIZE_MAX if the caller runs on another stack, or nobody knows. Cheap after
/// the first time on a thread.
size_t mayfly_thread_stack_room(void);

/// Bits of the instruction set extensions that compiled code can use and this machine (processor and kernel) has.
enum {
    MAYFLY_CPU_SSE42 = 1,
    MAYFLY_CPU_POPCNT = 2,
    MAYFLY_CPU_AVX = 4,
    MAYFLY_CPU_AVX2 = 8,
    MAYFLY_CPU_BMI1 = 16,
    MAYFLY_CPU_BMI2 = 32,
    MAYFLY_CPU_LZCNT = 64,
    MAYFLY_CPU_FMA = 128,
    MAYFLY_CPU_SSE3 = 256,
    MAYFLY_CPU_SSSE3 = 512,
    MAYFLY_CPU_SSE41 = 1024,
};
uint32_t mayfly_cpu_features(void);

#endif
