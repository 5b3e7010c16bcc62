// What the functions of C promise, one check after the other. Without an argument: all but those that need a certain
// environment; these are run by their names.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);         \
            exit(1);                                                           \
        }                                                                      \
    } while (0)

// The compiler knows these functions, and would drop what it takes for useless.
static void *(*volatile do_malloc)(size_t) = malloc;
static void *(*volatile do_calloc)(size_t, size_t) = calloc;
static void *(*volatile do_realloc)(void *, size_t) = realloc;
static void *(*volatile do_reallocarray)(void *, size_t, size_t) = reallocarray;
static void *(*volatile do_aligned_alloc)(size_t, size_t) = aligned_alloc;
static void *(*volatile do_memalign)(size_t, size_t) = memalign;
static void *(*volatile do_valloc)(size_t) = valloc;
static void *(*volatile do_pvalloc)(size_t) = pvalloc;
static int (*volatile do_posix_memalign)(void **, size_t, size_t) = posix_memalign;
static void (*volatile do_free)(void *) = free;
static size_t (*volatile do_usable)(void *) = malloc_usable_size;
extern void cfree(void *) __attribute__((weak));
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

static const size_t HUGE_SIZE = SIZE_MAX - 4096;
static const size_t PAGE = 4096;

static int aligned(const void *p, size_t align) { return (uintptr_t)p % align == 0; }

static void fill(unsigned char *p, size_t n, unsigned seed) {
    for (size_t i = 0; i < n; i++) p[i] = (unsigned char)(seed + i * 7);
}

static int filled(const unsigned char *p, size_t n, unsigned seed) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != (unsigned char)(seed + i * 7)) return 0;
    return 1;
}

static void sizes(void) {
    for (size_t size = 0; size < 200000; size += size < 2100 ? 1 : 997) {
        unsigned char *p = do_malloc(size), *q = do_malloc(size);
        CHECK(p && q && p != q);
        CHECK(aligned(p, 16) && aligned(q, 16));
        CHECK(do_usable(p) >= size);
        fill(p, do_usable(p), 1);
        fill(q, size, 2);
        CHECK(filled(p, size, 1));
        do_free(p);
        CHECK(filled(q, size, 2) || size >= do_usable(q));
        do_free(q);
    }
    // Again after a realloc of blocks with the smallest alignment.
    for (size_t size = 1; size < 3000; size += 8) {
        void *p = do_realloc(do_malloc(size), size + 8);
        CHECK(aligned(p, 16));
        do_free(p);
    }
}

static void nothing(void) {
    void *a = do_malloc(0), *b = do_malloc(0), *c = do_calloc(0, 8), *d = do_calloc(8, 0);
    CHECK(a && b && c && d && a != b && c != d && a != c);
    CHECK(aligned(a, 16) && aligned(c, 16));
    do_free(a), do_free(b), do_free(c), do_free(d);
    do_free(NULL);
    CHECK(do_usable(NULL) == 0);
}

static void errors(void) {
    errno = 0;
    CHECK(!do_malloc(HUGE_SIZE) && errno == ENOMEM);
    errno = 0;
    CHECK(!do_malloc(SIZE_MAX) && errno == ENOMEM);
    errno = 0;
    CHECK(!do_malloc((size_t)PTRDIFF_MAX + 1) && errno == ENOMEM);
    errno = 0;
    CHECK(!do_calloc(SIZE_MAX / 2, 3) && errno == ENOMEM);
    errno = 0;
    CHECK(!do_calloc((size_t)1 << 33, (size_t)1 << 33) && errno == ENOMEM);
    char *p = do_malloc(100);
    strcpy(p, "kept");
    errno = 0;
    CHECK(!do_realloc(p, HUGE_SIZE) && errno == ENOMEM && !strcmp(p, "kept"));
    errno = 0;
    CHECK(!do_reallocarray(p, SIZE_MAX / 2, 3) && errno == ENOMEM && !strcmp(p, "kept"));
    errno = 0;
    CHECK(!do_aligned_alloc(64, HUGE_SIZE) && errno == ENOMEM);
    errno = 0;
    CHECK(!do_pvalloc(SIZE_MAX - 10) && errno == ENOMEM);
    // Neither success nor free touches errno.
    errno = 1234;
    for (size_t size = 1; size < (size_t)64 << 20; size = size * 3 + 1) {
        void *q = do_malloc(size);
        CHECK(q && errno == 1234);
        do_free(q);
        CHECK(errno == 1234);
    }
    do_free(p);
    CHECK(errno == 1234);
}

static void zeroed(void) {
    for (int round = 0; round < 3; round++)
        for (size_t size = 1; size < (size_t)8 << 20; size = size * 2 + 3) {
            unsigned char *p = do_calloc(size, 1);
            CHECK(p);
            for (size_t i = 0; i < size; i++) CHECK(p[i] == 0);
            memset(p, 0xff, size);
            do_free(p);
        }
}

static void resized(void) {
    CHECK(do_realloc(do_malloc(10), 0) == NULL);
    void *unique = do_realloc(NULL, 0);
    CHECK(unique);
    do_free(unique);
    size_t size = 1;
    unsigned char *p = do_realloc(NULL, size);
    fill(p, size, 3);
    for (int i = 0; i < 4000; i++) {
        size_t next = i % 5 == 4 ? size / 3 + 1 : size + size / 4 + 1;
        if (next > (size_t)20 << 20) next = 100;
        p = do_realloc(p, next);
        CHECK(p && aligned(p, 16) && do_usable(p) >= next);
        CHECK(filled(p, size < next ? size : next, 3));
        size = next;
        fill(p, size, 3);
    }
    p = do_realloc(p, 100);
    fill(p, 100, 3);
    p = do_reallocarray(p, 100, 10);
    CHECK(p && filled(p, 100, 3));
    do_free(p);
    // The contents of a block with a large alignment survive, too.
    p = do_aligned_alloc(4096, 5000);
    fill(p, 5000, 4);
    p = do_realloc(p, 50000);
    CHECK(filled(p, 5000, 4));
    p = do_realloc(p, 500);
    CHECK(filled(p, 500, 4));
    do_free(p);
    p = do_aligned_alloc((size_t)8 << 20, 5000);
    fill(p, 5000, 5);
    p = do_realloc(p, 5);
    CHECK(filled(p, 5, 5));
    do_free(p);
}

static void alignments(void) {
    for (size_t align = 1; align <= (size_t)16 << 20; align *= 2)
        for (size_t size = 0; size < 300000; size = size * 5 + 1) {
            void *p = do_aligned_alloc(align, size), *q = do_memalign(align, size), *r = NULL;
            CHECK(p && aligned(p, align) && q && aligned(q, align) && do_usable(p) >= size);
            memset(p, 1, size);
            memset(q, 1, size);
            int code = do_posix_memalign(&r, align, size);
            if (align >= sizeof(void *)) {
                CHECK(code == 0 && r && aligned(r, align));
                memset(r, 1, size);
            } else {
                CHECK(code == EINVAL && !r);
            }
            do_free(p), do_free(q), do_free(r);
        }
    errno = 0;
    CHECK(!do_aligned_alloc(48, 96) && errno == EINVAL);
    errno = 0;
    CHECK(!do_aligned_alloc(0, 96) && errno == EINVAL);
    void *p = do_memalign(48, 96);
    CHECK(p && aligned(p, 64));
    do_free(p);
    errno = 0;
    CHECK(!do_memalign(SIZE_MAX / 2 + 2, 1) && errno == EINVAL);
    p = &p;
    errno = 1234;
    CHECK(do_posix_memalign(&p, 48, 1) == EINVAL && p == &p && errno == 1234);
    CHECK(do_posix_memalign(&p, 0, 1) == EINVAL && errno == 1234);
    CHECK(do_posix_memalign(&p, 64, HUGE_SIZE) == ENOMEM && p == &p && errno == 1234);
    p = do_valloc(1);
    CHECK(aligned(p, PAGE));
    do_free(p);
    p = do_pvalloc(PAGE + 1);
    CHECK(aligned(p, PAGE) && do_usable(p) >= 2 * PAGE);
    do_free(p);
    p = do_pvalloc(0);
    CHECK(p && aligned(p, PAGE));
    do_free(p);
}

static void sized_frees(void) {
    CHECK(cfree);
    cfree(do_malloc(100));
    CHECK(free_sized && free_aligned_sized);
    free_sized(do_malloc(100), 100);
    free_aligned_sized(do_aligned_alloc(256, 512), 256, 512);
    free_sized(NULL, 0);
}

// Memory that nobody here handed out: left alone.
static void strangers(void) {
    char *own = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(own + PAGE, "still there");
    static char fixed[64];
    do_free(own + PAGE);
    do_free(own + 32);
    do_free(fixed + 16);
    CHECK(!strcmp(own + PAGE, "still there"));
    CHECK(do_usable(own + PAGE) == 0);
    errno = 0;
    CHECK(!do_realloc(own + PAGE, 100) && errno == ENOMEM);
    munmap(own, 2 * PAGE);
}

static void *worker(void *seed) {
    unsigned state = (unsigned)(uintptr_t)seed;
    unsigned char *held[200] = {0};
    size_t length[200] = {0};
    for (int i = 0; i < 50000; i++) {
        state = state * 1664525 + 1013904223;
        unsigned at = (state >> 8) % 200;
        if (held[at]) {
            if (!filled(held[at], length[at], at)) return "damaged";
            do_free(held[at]);
            held[at] = NULL;
        } else {
            length[at] = (state >> 16) % ((state & 15) ? 300 : 9000);
            held[at] = do_malloc(length[at]);
            fill(held[at], length[at], at);
        }
    }
    for (int i = 0; i < 200; i++) do_free(held[i]);
    return NULL;
}

static void threads(void) {
    for (int round = 0; round < 3; round++) {
        pthread_t all[8];
        for (uintptr_t i = 0; i < 8; i++) CHECK(!pthread_create(&all[i], NULL, worker, (void *)(i + 1)));
        for (int i = 0; i < 8; i++) {
            void *result;
            pthread_join(all[i], &result);
            CHECK(!result);
        }
    }
}

// A thread that allocates all the time while others fork.
static volatile int stop;
static void *churn(void *unused) {
    (void)unused;
    while (!stop) {
        do_free(do_malloc(40)), do_free(do_malloc(300000));
        // Of the kind that is mapped by itself, whose lock is held half of the time then.
        void *block = do_aligned_alloc((size_t)4 << 20, 1);
        for (int i = 0; i < 1000; i++) do_usable(block);
        do_free(block);
    }
    return NULL;
}

static void forks(void) {
    stop = 0;
    pthread_t busy;
    CHECK(!pthread_create(&busy, NULL, churn, NULL));
    for (int i = 0; i < 310; i++) {
        char *kept = do_malloc(1000);
        strcpy(kept, "from the parent");
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(30);
            int good = !strcmp(kept, "from the parent");
            do_free(kept);
            do_free(do_malloc((size_t)3 << 20));
            do_free(do_aligned_alloc((size_t)4 << 20, 1));
            if (i % 31) _exit(good ? 0 : 1);
            good = good && worker((void *)7) == NULL;
            pthread_t thread;
            void *result = "";
            good = good && !pthread_create(&thread, NULL, worker, (void *)9) && !pthread_join(thread, &result) && !result;
            _exit(good ? 0 : 1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        do_free(kept);
    }
    stop = 1;
    pthread_join(busy, NULL);
}

// Before constructors and after destructors.
static char *early;
static pthread_key_t key;
static __attribute__((constructor(101))) void first(void) {
    early = do_malloc(100);
    strcpy(early, "early");
}
static __attribute__((destructor(101))) void last(void) {
    char *p = do_realloc(early, 10000);
    if (!p || strcmp(p, "early")) _exit(9);
    do_free(p);
    do_free(do_calloc(10, 1000));
}
static void at_end(void *value) {
    // Comes round again, behind all other keys.
    do_free(value);
    static __thread int rounds;
    if (rounds++ < 3) pthread_setspecific(key, do_malloc(77));
}
static void *with_key(void *unused) {
    pthread_setspecific(key, do_malloc(33));
    return unused;
}
static void ends(void) {
    CHECK(!strcmp(early, "early"));
    CHECK(!pthread_key_create(&key, at_end));
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, with_key, NULL));
        pthread_join(thread, NULL);
    }
}

// ARENAL_CAPACITY=64MiB
static void capped(void) {
    size_t total = 0, count = 0;
    static void *held[1 << 16];
    errno = 0;
    while (count < 1 << 16) {
        void *p = do_malloc(10000);
        if (!p) break;
        memset(p, 1, 10000);
        held[count++] = p;
        total += 10000;
    }
    CHECK(errno == ENOMEM);
    CHECK(total <= (size_t)64 << 20 && total > (size_t)50 << 20);
    CHECK(!do_malloc((size_t)64 << 20));
    // What shrinks needs no other place.
    for (size_t size = 9000; size; size /= 3) {
        held[0] = do_realloc(held[0], size);
        CHECK(held[0] && *(char *)held[0] == 1);
    }
    while (count) do_free(held[--count]);
    void *p = do_malloc((size_t)40 << 20);
    CHECK(p);
    do_free(p);
    CHECK(malloc_trim(0) == 1);
}

static void maps_and_unmaps(void) {
    void *p = do_malloc((size_t)3 << 20);
    CHECK(p && do_usable(p));
    do_free(p);
}

// ARENAL_CAPACITY=64MiB ARENAL_SYSTEM_ABOVE=1MiB ARENAL_SYSTEM_LIMIT=300MiB
static void mapped(void) {
    // Handlers that were there before the first mapped block run while the library holds its locks.
    CHECK(!pthread_atfork(maps_and_unmaps, maps_and_unmaps, maps_and_unmaps));
    maps_and_unmaps();
    CHECK(!pthread_atfork(maps_and_unmaps, maps_and_unmaps, maps_and_unmaps));
    alarm(50);
    pid_t child = fork();
    CHECK(child >= 0);
    if (!child) {
        alarm(10);
        maps_and_unmaps();
        _exit(0);
    }
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    alarm(0);
    unsigned char *p = do_malloc((size_t)200 << 20);
    CHECK(p && aligned(p, 16) && do_usable(p) >= (size_t)200 << 20);
    fill(p, 4096, 6);
    errno = 0;
    CHECK(!do_malloc((size_t)200 << 20) && errno == ENOMEM);
    p = do_realloc(p, (size_t)250 << 20);
    CHECK(p && filled(p, 4096, 6));
    errno = 0;
    CHECK(!do_realloc(p, (size_t)350 << 20) && errno == ENOMEM && filled(p, 4096, 6));
    p = do_realloc(p, (size_t)2 << 20);
    CHECK(p && filled(p, 4096, 6));
    p = do_realloc(p, 5000);
    CHECK(p && filled(p, 4096, 6));
    p = do_realloc(p, (size_t)100 << 20);
    CHECK(p && filled(p, 4096, 6));
    do_free(p);
    // In several of the kernel's mappings, of which it moves and lengthens none.
    p = do_malloc((size_t)5 << 20);
    fill(p, (size_t)5 << 20, 7);
    CHECK(!madvise(p + 4096, (size_t)1 << 20, MADV_DONTFORK));
    p = do_realloc(p, (size_t)8 << 20);
    CHECK(p && filled(p, (size_t)5 << 20, 7));
    do_free(p);
    for (int i = 0; i < 200; i++) {
        unsigned char *q = do_calloc(2, (size_t)1 << 20);
        CHECK(q && !q[0] && !q[(2 << 20) - 1]);
        memset(q, 1, (size_t)2 << 20);
        do_free(q);
    }
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
        int always;
    } checks[] = {
        {"sizes", sizes, 1},         {"nothing", nothing, 1},       {"errors", errors, 1}, {"zeroed", zeroed, 1},
        {"resized", resized, 1},     {"alignments", alignments, 1}, {"threads", threads, 1}, {"forks", forks, 1},
        {"ends", ends, 1},           {"sized_frees", sized_frees, 0}, {"strangers", strangers, 0},
        {"capped", capped, 0},       {"mapped", mapped, 0},
    };
    const char *wanted = argc > 1 ? argv[1] : NULL;
    int ran = 0;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (wanted ? !strcmp(wanted, checks[i].name) : checks[i].always) {
            checks[i].run();
            ran++;
        }
    CHECK(ran > 0);
    printf("%d checks passed\n", ran);
    return 0;
}
