// A library that keeps its lock whole over forks, and was initialised before any block was allocated; and a program
// with a thread that allocates under that lock while another forks.
#include <pthread.h>

#ifdef LIBRARY

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void lock(void) { pthread_mutex_lock(&mutex); }

void unlock(void) { pthread_mutex_unlock(&mutex); }

__attribute__((constructor)) static void start(void) { pthread_atfork(lock, unlock, unlock); }

#else

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

void lock(void);
void unlock(void);

static void *busy(void *unused) {
    static char *volatile kept[256];
    for (unsigned turn = 0;; turn++) {
        lock();
        for (unsigned step = 0; step < 40; step++) {
            unsigned at = (turn * 40 + step) * 2654435761u >> 24;
            free(kept[at]);
            // One in forty of the kind that is mapped by itself.
            kept[at] = step ? malloc(1 + at * 117) : aligned_alloc((size_t)4 << 20, 100);
            if (!kept[at]) abort();
            kept[at][0] = 1;
        }
        unlock();
        usleep(20);
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    alarm(60);
    if (pthread_create(&thread, NULL, busy, NULL)) return 1;
    for (int turn = 0; turn < 1000; turn++) {
        pid_t child = fork();
        if (!child) {
            alarm(10);
            for (size_t align = 64; align <= (size_t)4 << 20; align <<= 16) {
                char *volatile block = aligned_alloc(align, 100);
                if (!block) _exit(1);
                block[0] = 1;
                free(block);
            }
            _exit(0);
        }
        int status;
        if (waitpid(child, &status, 0) != child || status) return 2;
    }
    puts("1000 forks");
    return 0;
}

#endif
