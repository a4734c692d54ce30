/* For programs that walk tables of calls: each entry runs in a process of its own, whose crash or
 * endless wait is a line of the output like any other answer. */
#ifndef GEARMAN_TESTS_TABLES_H
#define GEARMAN_TESTS_TABLES_H

#include "common.h"

#include <sys/mman.h>
#include <sys/resource.h>

/* How long an entry may take before it counts as waiting for ever. */
enum { PATIENCE_SECONDS = 1 };

/* Runs `entry` in a child and ends the line that it prints. */
static inline void in_child(void (*entry)(void *argument), void *argument)
{
  int status = 0;
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0)
  {
    static const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setvbuf(stdout, NULL, _IONBF, 0);
    freopen("/dev/null", "w", stderr);
    die_with(parent);
    alarm(PATIENCE_SECONDS);
    entry(argument);
    _exit(0);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    printf(" waits for ever");
  else if (WIFSIGNALED(status))
    printf(" crash");
  else if (WEXITSTATUS(status) != 0)
    printf(" exit %d", WEXITSTATUS(status));
  printf("\n");
}

/* Memory of which only `size` bytes (at most a page) can be read. */
static inline char *readable(size_t size)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *map = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE) != 0) die("mmap");
  memset(map, 'x', page);
  return map + page - size;
}

/* A string of that length, and nothing that can be read behind its NUL. */
static inline char *string_of(size_t length)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *start = length < page ? readable(length + 1) : (char *)must(malloc(length + 1), "malloc");
  memset(start, 'x', length);
  start[length] = 0;
  return start;
}

#endif
