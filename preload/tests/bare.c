// Allocates for the first time when libc has no environment: the library asks the kernel for it.
#include <stdlib.h>

extern char **environ;

int main(void) {
    environ = NULL;
    void *volatile block = malloc(100);
    return block == NULL;
}
