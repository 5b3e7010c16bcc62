// A program and, with -DPLUGIN, a library that it loads late and by itself: what one allocates, the other frees.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 100 };

#ifdef PLUGIN

char *text_of(int number) {
    char *text = NULL;
    return asprintf(&text, "block %d", number) < 0 ? NULL : text;
}

char *grown(char *text) { return realloc(text, 200); }

void dropped(char *text) { free(text); }

#else

int main(void) {
    // Found where the executable's own run path points to; who calls must be seen to be the executable, therefore.
    void *plugin = dlopen("liblate.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    char *(*text_of)(int) = (char *(*)(int))dlsym(plugin, "text_of");
    char *(*grown)(char *) = (char *(*)(char *))dlsym(plugin, "grown");
    void (*dropped)(char *) = (void (*)(char *))dlsym(plugin, "dropped");
    for (int number = 0; number < BLOCKS; number++) {
        char *theirs = text_of(number), *ours = grown(strdup("ours"));
        if (!theirs || !ours || strncmp(theirs, "block ", 6) || strcmp(ours, "ours")) return 2;
        free(theirs);
        dropped(ours);
    }
    // The other flags arrive.
    void *again = dlopen("liblate.so", RTLD_LAZY | RTLD_NOLOAD);
    if (again != plugin || dlopen("libnone.so", RTLD_LAZY | RTLD_NOLOAD)) return 3;
    return dlclose(again) || dlclose(plugin);
}

#endif
