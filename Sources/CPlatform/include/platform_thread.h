// Who runs: a number for each thread that is never used twice, and the thread's page faults as far as they are known.
//
// The pool asks the kernel for a thread's fault counter when a guest is done. If it still is what it was before the guest
// began, no page of the guest's memory became private meanwhile, so nothing has to be searched.
//
// All of it notices fork(2), clone(2) without CLONE_VM included: in a child every thread gets a new number and nothing is
// known of its faults. The parent's numbers and counters would be wrong there.
#ifndef MAYFLY_PLATFORM_THREAD_H
#define MAYFLY_PLATFORM_THREAD_H

#include <stdint.h>

/// What `last_faults` is while the counter has not been read.
static const uint64_t MAYFLY_FAULTS_UNKNOWN = UINT64_MAX;

struct mayfly_thread {
    /// Of the process that filled this in.
    uint32_t generation;
    /// The lowest number that no other running thread had when this one began: spreads threads over shards. Where that
    /// is not to be had, any number.
    uint32_t ordinal;
    /// Never 0, never used twice in a process and its children.
    uint64_t serial;
    /// Minor and major page faults at the last reading.
    uint64_t last_faults;
    /// It must not be kept waiting for what it asks for.
    uint32_t is_impatient;
};

extern _Thread_local struct mayfly_thread mayfly_this_thread __attribute__((tls_model("initial-exec")));
/// Points to the generation of this process. The kernel wipes the page in a child.
extern const volatile uint32_t *mayfly_generation_word;

/// Fills `mayfly_this_thread` in.
void mayfly_thread_begin(void);

/// The calling thread. Its address is good on this thread only.
static inline const struct mayfly_thread *mayfly_thread_self(void) {
    uint32_t generation = *mayfly_generation_word;
    if (__builtin_expect(generation == 0 || mayfly_this_thread.generation != generation, 0)) mayfly_thread_begin();
    return &mayfly_this_thread;
}

/// Whether the calling thread must not be kept waiting.
int mayfly_thread_is_impatient(void);
void mayfly_thread_set_impatient(int is_impatient);

/// Names the calling thread, for people who look at the process.
void mayfly_thread_name(const char *name);

/// Reads the calling thread's fault counter, and keeps it as `last_faults`. `MAYFLY_FAULTS_UNKNOWN` if the kernel does not
/// tell.
uint64_t mayfly_thread_read_faults(void);

/// 1 in the process that asked first, another number in each child that fork(2) made. Never 0.
uint32_t mayfly_process_generation(void);

/// Tests only: on the calling thread, makes the next `times` readings fail.
void mayfly_test_fail_readings(int times);
/// Tests only: readings made by the calling thread so far.
uint64_t mayfly_test_reading_count(void);

#endif
