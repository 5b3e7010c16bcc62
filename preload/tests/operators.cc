// What the operators of C++ promise.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);    \
            std::exit(1);                                                      \
        }                                                                      \
    } while (0)

static const std::size_t TOO_MUCH = SIZE_MAX / 4;
static volatile std::size_t too_much = TOO_MUCH;

struct alignas(256) Wide {
    char bytes[300];
};

template <class Call> static bool throws(Call call) {
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static int asked;
static void give_up_the_third_time() {
    if (++asked == 3) std::set_new_handler(nullptr);
}
static void throw_at_once() {
    ++asked;
    throw std::bad_alloc();
}

static void *reserve;
static void give_back() {
    std::free(reserve);
    reserve = nullptr;
    std::set_new_handler(nullptr);
}

int main(int argc, char **argv) {
    (void)argv;
    auto align = std::align_val_t(512);
    void *all[] = {
        ::operator new(10),
        ::operator new[](10),
        ::operator new(10, std::nothrow),
        ::operator new[](10, std::nothrow),
        ::operator new(10, align),
        ::operator new[](10, align),
        ::operator new(10, align, std::nothrow),
        ::operator new[](10, align, std::nothrow),
    };
    for (int i = 0; i < 8; i++) CHECK(all[i] && reinterpret_cast<std::uintptr_t>(all[i]) % (i < 4 ? 16 : 512) == 0);
    ::operator delete(all[0]);
    ::operator delete[](all[1]);
    ::operator delete(all[2], std::nothrow);
    ::operator delete[](all[3], std::nothrow);
    ::operator delete(all[4], align);
    ::operator delete[](all[5], align);
    ::operator delete(all[6], align, std::nothrow);
    ::operator delete[](all[7], align, std::nothrow);
    ::operator delete(::operator new(100), std::size_t(100));
    ::operator delete[](::operator new[](100), std::size_t(100));
    ::operator delete(::operator new(1000, align), std::size_t(1000), align);
    ::operator delete[](::operator new[](1000, align), std::size_t(1000), align);
    ::operator delete(nullptr);
    void *zero = ::operator new(0), *other = ::operator new(0);
    CHECK(zero && other && zero != other);
    ::operator delete(zero);
    ::operator delete(other);

    Wide *wide = new Wide[7];
    CHECK(reinterpret_cast<std::uintptr_t>(wide) % 256 == 0);
    delete[] wide;

    // Without a handler: the exception, or null.
    CHECK(throws([] { ::operator delete(::operator new(too_much)); }));
    CHECK(throws([] { ::operator delete[](::operator new[](too_much)); }));
    CHECK(throws([&] { ::operator delete(::operator new(too_much, align), align); }));
    CHECK(throws([&] { ::operator delete[](::operator new[](too_much, align), align); }));
    CHECK(!::operator new(too_much, std::nothrow));
    CHECK(!::operator new[](too_much, std::nothrow));
    CHECK(!::operator new(too_much, align, std::nothrow));
    CHECK(!::operator new[](too_much, align, std::nothrow));
    CHECK(throws([] { std::string().reserve(too_much); }));

    // With one: asked again and again; what it throws arrives, or is caught by the forms that promise so.
    std::set_new_handler(give_up_the_third_time);
    CHECK(throws([] { ::operator delete(::operator new(too_much)); }) && asked == 3);
    asked = 0;
    std::set_new_handler(throw_at_once);
    CHECK(throws([] { ::operator delete(::operator new(too_much)); }) && asked == 1);
    CHECK(!::operator new(too_much, std::nothrow) && asked == 2);
    CHECK(!::operator new[](too_much, align, std::nothrow) && asked == 3);
    std::set_new_handler(nullptr);

    // A handler that finds memory. The capacity is 64 MiB then.
    if (argc > 1) {
        reserve = std::malloc(std::size_t(40) << 20);
        CHECK(reserve);
        std::set_new_handler(give_back);
        void *found = ::operator new(std::size_t(50) << 20);
        CHECK(found && !reserve);
        ::operator delete(found);
    }

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([] {
            std::vector<std::string> words;
            for (int n = 0; n < 20000; n++) words.push_back(std::to_string(n) + " is a number of some length");
        });
    for (auto &thread : threads) thread.join();
    std::puts("operators passed");
}
