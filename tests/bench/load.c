/*
 * How long loading the library takes: `load N` opens and closes libgearman.so.8 N times
 * and prints `wall_us_per_call`. Not linked against it, so that each time is a first one.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  long n = argc > 1 ? atol(argv[1]) : 1;
  double start = now();
  for (long i = 0; i < n; i++) {
    void *library = dlopen("libgearman.so.8", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL || dlsym(library, "gearman_client_create") == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    dlclose(library);
  }
  printf("wall_us_per_call %.3f\n", (now() - start) * 1e6 / (double)n);
  return 0;
}
