#define _GNU_SOURCE
#include "platform_deadlines.h"
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
// is rung for has not ended.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct mayfly_deadline *armed;
// When the thread looks next; what is armed for an earlier time wakes it.
static uint64_t next_look = UINT64_MAX;
static bool is_running;

// A bell may find the thread where it means nothing, so it is rung again: often at first, and less so for a guest whose
// host function takes its time.
enum { ring_interval = 1000000, long_ring_interval = 5000000, rings_in_short_intervals = 100 };

uint64_t mayfly_deadline_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *watch(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        uint64_t now = mayfly_deadline_now();
        uint64_t next = UINT64_MAX;
        for (struct mayfly_deadline *deadline = armed; deadline; deadline = deadline->next) {
            uint64_t look = deadline->time;
            if (look <= now) {
                mayfly_bell_hang();
                __atomic_store_n(deadline->request, 1, __ATOMIC_SEQ_CST);
                syscall(SYS_tgkill, getpid(), deadline->thread, mayfly_bell_signal);
                look = now + (deadline->rings < rings_in_short_intervals ? ring_interval : long_ring_interval);
                deadline->rings++;
            }
            if (look < next) next = look;
        }
        next_look = next;
        if (next == UINT64_MAX) {
            pthread_cond_wait(&changed, &lock);
        } else {
            struct timespec until = {(time_t)(next / 1000000000), (long)(next % 1000000000)};
            pthread_cond_timedwait(&changed, &lock, &until);
        }
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
        struct mayfly_deadline *next = deadline->next;
        deadline->next = deadline;  // it is in no list
        deadline = next;
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

int mayfly_deadline_arm(struct mayfly_deadline *deadline, uint64_t time, uint64_t *request) {
    // Threads of Dispatch, for one, block all signals that are not faults.
    sigset_t bell, previous;
    sigemptyset(&bell);
    sigaddset(&bell, mayfly_bell_signal);
    pthread_sigmask(SIG_UNBLOCK, &bell, &previous);
    deadline->was_blocked = sigismember(&previous, mayfly_bell_signal) == 1;
    deadline->time = time;
    deadline->request = request;
    deadline->thread = (int32_t)syscall(SYS_gettid);
    deadline->rings = 0;
    deadline->previous = NULL;

    pthread_mutex_lock(&lock);
    int error = is_running ? 0 : start();
    if (!error) {
        deadline->next = armed;
        if (armed) armed->previous = deadline;
        armed = deadline;
        if (time < next_look) pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&lock);
    if (error && deadline->was_blocked) pthread_sigmask(SIG_BLOCK, &bell, NULL);
    return error;
}

void mayfly_deadline_disarm(struct mayfly_deadline *deadline) {
    pthread_mutex_lock(&lock);
    if (deadline->next != deadline) {
        if (deadline->previous) {
            deadline->previous->next = deadline->next;
        } else {
            armed = deadline->next;
        }
        if (deadline->next) deadline->next->previous = deadline->previous;
    }
    pthread_mutex_unlock(&lock);
    if (deadline->was_blocked) {
        sigset_t bell;
        sigemptyset(&bell);
        sigaddset(&bell, mayfly_bell_signal);
        pthread_sigmask(SIG_BLOCK, &bell, NULL);
    }
}
