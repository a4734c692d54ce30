/* A monitoring host with a module that sends its checks through Gearman (Naemon's and Nagios's
 * have this shape). The module is a library beside the program, see modules/broker_module.c. */
#ifndef GEARMAN_TESTS_BROKER_HOST_H
#define GEARMAN_TESTS_BROKER_HOST_H

#include "job_server.h"
#include "broker_module.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>

enum { CHECKS = 200 };

static job_server servers[BROKER_SERVERS];

/* ---- what the host keeps ------------------------------------------------------------------ */

static unsigned results[CHECKS];

static inline void take_result(unsigned check)
{
  if (check < CHECKS) __atomic_add_fetch(&results[check], 1, __ATOMIC_SEQ_CST);
}

/* How many of the first so many checks have a result; `most` is that of the one with most. */
static inline int arrived(int checks, unsigned *most)
{
  int found = 0;
  *most = 0;
  for (int x = 0; x < checks; ++x)
  {
    unsigned count = __atomic_load_n(&results[x], __ATOMIC_SEQ_CST);
    if (count > 0) ++found;
    if (count > *most) *most = count;
  }
  return found;
}

static inline int entries(const char *directory)
{
  int found = 0;
  DIR *opened = opendir(directory);
  if (opened == NULL) die(directory);
  while (readdir(opened) != NULL) ++found;
  closedir(opened);
  return found;
}

/* ---- the module --------------------------------------------------------------------------- */

typedef struct
{
  void *library;
  broker_init *init;
  broker_start *start;
  broker_stop *stop;
  broker_deinit *deinit;
  broker_submit *submit;
  broker_last_is_known *last_is_known;
  broker_worker *worker;
} module;

static inline const char *module_path(void)
{
  static char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 4);
  if (size <= 0) die("readlink");
  strcpy(path + size, ".so");
  return path;
}

static inline module load(void)
{
  module self;
  self.library = dlopen(module_path(), RTLD_NOW | RTLD_GLOBAL);
  if (self.library == NULL)
  {
    fprintf(stderr, "%s\n", dlerror());
    exit(70);
  }
#define FIND(name) *(void **)&self.name = must(dlsym(self.library, "module_" #name), #name)
  FIND(init);
  FIND(start);
  FIND(stop);
  FIND(deinit);
  FIND(submit);
  FIND(last_is_known);
  FIND(worker);
  return self;
}

static inline bool is_loaded(void)
{
  void *again = dlopen(module_path(), RTLD_NOW | RTLD_NOLOAD);
  if (again != NULL) dlclose(again);
  return again != NULL;
}

/* ---- worker processes --------------------------------------------------------------------- */

static inline pid_t start_worker(const broker_host *host)
{
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0) return pid;
  die_with(parent);
  load().worker(host);
  _exit(1);
}

static inline void stop_worker(pid_t pid)
{
  int status;
  kill(pid, SIGTERM);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  printf("worker process: %s %d\n", WIFEXITED(status) ? "exit" : "signal",
         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* ---- scenes ------------------------------------------------------------------------------- */

static inline int submit(const module *self, int from, int to)
{
  int sent = 0;
  for (int x = from; x < to; ++x)
    if (self->submit(x % 3 == 0 ? "host" : "service", (unsigned)x)) ++sent;
  return sent;
}

static inline void wait_for_results(int checks)
{
  unsigned most;
  for (long long since = now_ms(); arrived(checks, &most) < checks;) breathe(since);
}

/* Waits for the threads where there is a server for them. */
static inline void wait_for_threads(const broker_host *host)
{
  for (int x = 0; x < BROKER_SERVERS; ++x)
    if (host->ports[x] != 0 && job_server_behind(host->ports[x]) != 0)
      wait_for_workers(host->ports[x], "check_results", host->threads);
}

/* Waits until all threads but this one sleep, and have slept for a few looks. */
static inline void until_threads_wait(void)
{
  char path[64], line[512];
  long long since = now_ms();
  for (int calm = 0; calm < 4; breathe(since))
  {
    DIR *opened = opendir("/proc/self/task");
    bool all = true;
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
    {
      if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid()) continue;
      snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", entry->d_name);
      FILE *file = fopen(path, "r");
      const char *end = file == NULL || fgets(line, sizeof(line), file) == NULL
          ? NULL : strrchr(line, ')');
      if (file != NULL) fclose(file);
      if (end == NULL || end[2] != 'S') all = false;
    }
    closedir(opened);
    calm = all ? calm + 1 : 0;
  }
}

static inline void report(const char *scene, int checks, bool once)
{
  unsigned most;
  int found = arrived(checks, &most);
  printf("%s: %d of %d checks have results%s\n", scene, found, checks,
         !once ? "" : most == 1 ? ", each one" : ", some several");
}

/* What is left of a module that was unloaded. */
static inline void report_left(const char *scene, int fds_before)
{
  printf("%s: module loaded %s, threads %d, descriptors %+d\n", scene, yes(is_loaded()),
         entries("/proc/self/task") - 2, entries("/proc/self/fd") - fds_before);
}

#endif
