// Deadlines and time slices of guests: a thread of its own that, when one has passed, sets a word of the guest's and
// rings for the thread that runs it (`mayfly_bell_signal`) until the deadline is taken back.
//
// A guest that waits, and runs on no thread, has a deadline too: then the thread calls a function.
#ifndef MAYFLY_PLATFORM_DEADLINES_H
#define MAYFLY_PLATFORM_DEADLINES_H

#include <stdint.h>

/// What a guest is asked for, as two words that are next to each other.
struct mayfly_request {
    /// Nonzero: to stop.
    uint32_t stop;
    /// Nonzero: to let others run.
    uint32_t yield;
};

/// Called, with what was armed, on the thread of deadlines when one has passed. It must not take long.
typedef void (*mayfly_expired)(void *object);

/// One call of a guest, or of a wait in it, with a deadline. The caller's memory, not to be touched between arming and
/// disarming. Zero at first.
struct mayfly_deadline {
    struct mayfly_deadline *next;
    struct mayfly_deadline *previous;
    /// Nanoseconds of CLOCK_MONOTONIC; UINT64_MAX is never.
    uint64_t time;
    /// The end of the time slice, likewise.
    uint64_t slice_end;
    struct mayfly_request *request;
    /// When there is something to be done about it.
    uint64_t look;
    /// What is called instead of ringing, for a guest that waits.
    mayfly_expired expired;
    void *object;
    int32_t thread;
    /// How often it was rung for, to stop and to let others run.
    uint32_t rings;
    uint32_t yields;
    /// The bell was blocked on the thread.
    uint32_t was_blocked;
    /// It is among those that are watched.
    uint32_t is_armed;
};

/// Nanoseconds of CLOCK_MONOTONIC.
uint64_t mayfly_deadline_now(void);

/// Watches over the calling thread from now on: once `time` has passed, `request->stop` is set and the thread rung for;
/// likewise `request->yield` for the time slice. The bell is let through to the thread meanwhile. 0 or an errno.
int mayfly_deadline_arm(
    struct mayfly_deadline *deadline, uint64_t time, uint64_t slice_end, struct mayfly_request *request);

/// The same on a thread of the concurrency runtime, which waits for nobody's signals: the bell is let through to it from
/// then on, which costs nothing the next time.
int mayfly_deadline_arm_for_good(
    struct mayfly_deadline *deadline, uint64_t time, uint64_t slice_end, struct mayfly_request *request);

/// Ends that, on the same thread. Nothing sets the request or rings for it after this.
void mayfly_deadline_disarm(struct mayfly_deadline *deadline);

/// Watches over a wait: once `time` has passed, `expired(object)` is called, once. 0 or an errno.
int mayfly_deadline_arm_wait(
    struct mayfly_deadline *deadline, uint64_t time, mayfly_expired expired, void *object);

/// Ends that, on any thread. 1 if nothing was called and nothing will be; 0 if `expired` was called, or will be soon.
int mayfly_deadline_disarm_wait(struct mayfly_deadline *deadline);

/// Stops the guest now if it is running: from any thread, also while it is not armed, or is armed or disarmed by
/// another. A wait is left alone. 1 if it is running and will be rung for.
int mayfly_deadline_hurry(struct mayfly_deadline *deadline);

#endif
