// Deadlines of guests: a thread of its own that, when one has passed, sets the guest's request word and rings for the
// thread that runs it (`mayfly_bell_signal`) until the deadline is taken back.
#ifndef MAYFLY_PLATFORM_DEADLINES_H
#define MAYFLY_PLATFORM_DEADLINES_H

#include <stdint.h>

/// One run of a guest with a deadline. The caller's memory, not to be touched from arming to disarming.
struct mayfly_deadline {
    struct mayfly_deadline *next;
    struct mayfly_deadline *previous;
    /// Nanoseconds of CLOCK_MONOTONIC.
    uint64_t time;
    uint64_t *request;
    int32_t thread;
    uint32_t rings;
    /// The bell was blocked on the thread.
    uint32_t was_blocked;
};

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t mayfly_deadline_now(void);

/// Watches over the calling thread from now on: once `time` has passed, `*request` is set to 1 and the thread rung for.
/// The bell is let through to the thread meanwhile. 0 or an errno.
int mayfly_deadline_arm(struct mayfly_deadline *deadline, uint64_t time, uint64_t *request);

/// Ends that, on the same thread. Nothing sets the request or rings for it after this.
void mayfly_deadline_disarm(struct mayfly_deadline *deadline);

#endif
