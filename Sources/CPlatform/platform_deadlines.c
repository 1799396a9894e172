#define _GNU_SOURCE
#include "platform_deadlines.h"
#include "platform_thread.h"
#include "platform_traps.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// Deadlines that are armed are those of guests that run: as many as there are threads that run one, so a list will do.
// All of it is under the lock, ringing too: who has disarmed a deadline can be sure that it is over, and a thread that
// is rung for has not ended. Guests that wait have one only if their host set one.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct mayfly_deadline *armed;
// When the thread looks next; what is armed for an earlier time wakes it. 0 while it looks.
static uint64_t next_look = UINT64_MAX;
static bool is_running;

// A bell may find the thread where it means nothing, so it is rung again: often at first, and less so for a guest whose
// host function takes its time.
enum { ring_interval = 1000000, long_ring_interval = 5000000, rings_in_short_intervals = 100, most_doublings = 10 };

uint64_t mayfly_deadline_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void unlink_armed(struct mayfly_deadline *deadline) {
    if (deadline->previous) {
        deadline->previous->next = deadline->next;
    } else {
        armed = deadline->next;
    }
    if (deadline->next) deadline->next->previous = deadline->previous;
    deadline->is_armed = 0;
}

// Asks the guest for what it is due to do and rings. Says when to look at it again.
static void ring(struct mayfly_deadline *deadline, uint64_t now) {
    mayfly_bell_hang();
    if (deadline->time <= now) __atomic_store_n(&deadline->request->stop, 1, __ATOMIC_SEQ_CST);
    if (deadline->slice_end <= now) __atomic_store_n(&deadline->request->yield, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_tgkill, getpid(), deadline->thread, mayfly_bell_signal);
    if (deadline->time <= now) {
        uint64_t interval = deadline->rings < rings_in_short_intervals ? ring_interval : long_ring_interval;
        deadline->rings++;
        deadline->look = now + interval;
        return;
    }
    // The way back from a host function finds the request. What it calls should not be interrupted for it again and
    // again, so the intervals double.
    uint64_t again = now + ((uint64_t)ring_interval << deadline->yields);
    if (deadline->yields < most_doublings) deadline->yields++;
    deadline->look = deadline->time < again ? deadline->time : again;
}

static void *watch(void *unused) {
    (void)unused;
    // Waits that are over. What they call is called without the lock; they may be gone by then.
    enum { most_expired = 64 };
    struct {
        mayfly_expired function;
        void *object;
    } expired[most_expired];
    pthread_mutex_lock(&lock);
    for (;;) {
        uint64_t now = mayfly_deadline_now();
        uint64_t next = UINT64_MAX;
        int expired_count = 0;
        for (struct mayfly_deadline *deadline = armed, *following; deadline; deadline = following) {
            following = deadline->next;
            if (deadline->look <= now && !deadline->expired) {
                ring(deadline, now);
            } else if (deadline->look <= now && expired_count < most_expired) {
                expired[expired_count].function = deadline->expired;
                expired[expired_count].object = deadline->object;
                expired_count++;
                unlink_armed(deadline);
                continue;
            }
            if (deadline->look < next) next = deadline->look;
        }
        if (expired_count > 0) {
            pthread_mutex_unlock(&lock);
            for (int index = 0; index < expired_count; index++) expired[index].function(expired[index].object);
            pthread_mutex_lock(&lock);
            continue;
        }
        next_look = next;
        if (next == UINT64_MAX) {
            pthread_cond_wait(&changed, &lock);
        } else {
            struct timespec until = {(time_t)(next / 1000000000), (long)(next % 1000000000)};
            pthread_cond_timedwait(&changed, &lock, &until);
        }
        // Whoever arms one meanwhile need not wake a thread that is awake.
        next_look = 0;
    }
    return NULL;
}

// The thread is gone in a child of fork(2), and so are the runs of other threads. One in whose host call the fork was
// goes on in both, in the child without a deadline.
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
static void in_child(void) {
    static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    lock = fresh;
    is_running = false;
    next_look = UINT64_MAX;
    struct mayfly_deadline *deadline = armed;
    armed = NULL;
    while (deadline) {
        deadline->is_armed = 0;
        deadline = deadline->next;
    }
}

static int start(void) {
    static bool has_fork_handlers;
    if (!has_fork_handlers) {
        int error = pthread_atfork(before_fork, after_fork, in_child);
        if (error) return error;
        has_fork_handlers = true;
    }
    pthread_condattr_t condition;
    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &condition);
    pthread_condattr_destroy(&condition);

    // Signals of the process are for other threads.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    if (!error) {
        pthread_setname_np(thread, "mayfly-deadline");
        is_running = true;
    }
    return error;
}

// On this thread the bell is let through for good.
static _Thread_local bool bell_is_open __attribute__((tls_model("initial-exec")));

static void block_bell(void) {
    bell_is_open = false;
    sigset_t bell;
    sigemptyset(&bell);
    sigaddset(&bell, mayfly_bell_signal);
    pthread_sigmask(SIG_BLOCK, &bell, NULL);
}

// A system call the first time. A child of fork(2) has one thread, of another number.
static int32_t gettid_of_thread(void) {
    static _Thread_local int32_t number __attribute__((tls_model("initial-exec")));
    static _Thread_local uint32_t generation __attribute__((tls_model("initial-exec")));
    uint32_t now = mayfly_process_generation();
    if (number == 0 || generation != now) {
        number = (int32_t)syscall(SYS_gettid);
        generation = now;
    }
    return number;
}

// The lock is held. 0 or an errno.
static int add_armed(struct mayfly_deadline *deadline) {
    int error = is_running ? 0 : start();
    if (error) return error;
    deadline->previous = NULL;
    deadline->next = armed;
    if (armed) armed->previous = deadline;
    armed = deadline;
    deadline->is_armed = 1;
    deadline->rings = 0;
    deadline->yields = 0;
    deadline->look = deadline->time < deadline->slice_end ? deadline->time : deadline->slice_end;
    if (deadline->look < next_look) pthread_cond_signal(&changed);
    return 0;
}

// Lets the bell through to the calling thread. Threads of Dispatch, for one, block all signals that are not faults.
static int unblock_bell(void) {
    sigset_t bell, previous;
    sigemptyset(&bell);
    sigaddset(&bell, mayfly_bell_signal);
    pthread_sigmask(SIG_UNBLOCK, &bell, &previous);
    return sigismember(&previous, mayfly_bell_signal) == 1;
}

static int arm_run(
    struct mayfly_deadline *deadline, uint64_t time, uint64_t slice_end, struct mayfly_request *request,
    int was_blocked) {
    pthread_mutex_lock(&lock);
    deadline->was_blocked = (uint32_t)was_blocked;
    deadline->time = time;
    deadline->slice_end = slice_end;
    deadline->request = request;
    deadline->expired = NULL;
    deadline->thread = gettid_of_thread();
    int error = add_armed(deadline);
    pthread_mutex_unlock(&lock);
    return error;
}

int mayfly_deadline_arm(
    struct mayfly_deadline *deadline, uint64_t time, uint64_t slice_end, struct mayfly_request *request) {
    int was_blocked = unblock_bell();
    int error = arm_run(deadline, time, slice_end, request, was_blocked);
    if (error && was_blocked) block_bell();
    return error;
}

int mayfly_deadline_arm_for_good(
    struct mayfly_deadline *deadline, uint64_t time, uint64_t slice_end, struct mayfly_request *request) {
    if (!bell_is_open) {
        unblock_bell();
        bell_is_open = true;
    }
    return arm_run(deadline, time, slice_end, request, 0);
}

void mayfly_deadline_disarm(struct mayfly_deadline *deadline) {
    pthread_mutex_lock(&lock);
    if (deadline->is_armed) unlink_armed(deadline);
    pthread_mutex_unlock(&lock);
    if (deadline->was_blocked) block_bell();
}

int mayfly_deadline_arm_wait(
    struct mayfly_deadline *deadline, uint64_t time, mayfly_expired expired, void *object) {
    pthread_mutex_lock(&lock);
    deadline->time = time;
    deadline->slice_end = UINT64_MAX;
    deadline->expired = expired;
    deadline->object = object;
    int error = add_armed(deadline);
    pthread_mutex_unlock(&lock);
    return error;
}

int mayfly_deadline_disarm_wait(struct mayfly_deadline *deadline) {
    pthread_mutex_lock(&lock);
    int was_armed = (int)deadline->is_armed;
    if (was_armed) unlink_armed(deadline);
    pthread_mutex_unlock(&lock);
    return was_armed;
}

int mayfly_deadline_hurry(struct mayfly_deadline *deadline) {
    pthread_mutex_lock(&lock);
    int is_running_now = deadline->is_armed && !deadline->expired;
    if (is_running_now) {
        deadline->time = 0;
        // Not left to the other thread, which the system may let wait.
        ring(deadline, mayfly_deadline_now());
        if (next_look != 0) pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    return is_running_now;
}
