/*
 * How long loading the library takes: `load N` starts N processes that each open and
 * close libgearman.so.8 once, and prints the median, `wall_us_per_call`.
 *
 * Not linked against it, and a process each time, so that each time is a first one: the
 * C++ library that the original needs stays loaded after dlclose.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double load_once(void)
{
  double start = now();
  void *library = dlopen("libgearman.so.8", RTLD_NOW | RTLD_LOCAL);
  if (library == NULL || dlsym(library, "gearman_client_create") == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    _exit(1);
  }
  dlclose(library);
  return now() - start;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  long n = argc > 1 ? atol(argv[1]) : 1;
  double *seconds = malloc((size_t)n * sizeof *seconds);
  int ends[2];
  if (seconds == NULL || pipe(ends) != 0)
    return 1;
  for (long i = 0; i < n; i++) {
    pid_t child = fork();
    if (child == 0) {
      double spent = load_once();
      _exit(write(ends[1], &spent, sizeof spent) != sizeof spent);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 ||
        read(ends[0], &seconds[i], sizeof seconds[i]) != sizeof seconds[i])
      return 1;
  }
  qsort(seconds, (size_t)n, sizeof *seconds, ascending);
  printf("wall_us_per_call %.3f\n", seconds[n / 2] * 1e6);
  return 0;
}
