/* A further job server of the kind that the program was given, which it may kill and start again
 * on the same port. */
#ifndef GEARMAN_TESTS_JOB_SERVER_H
#define GEARMAN_TESTS_JOB_SERVER_H

#include "common.h"

typedef struct
{
  pid_t pid;
  in_port_t port;
} job_server;

/* The process behind a port, or 0. */
static inline pid_t job_server_behind(in_port_t port)
{
  struct sockaddr_in address;
  char line[64];
  size_t used = 0;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
  {
    write_all(fd, "getpid\n", 7);
    while (used + 1 < sizeof(line) && memchr(line, '\n', used) == NULL)
    {
      ssize_t got = recv(fd, line + used, sizeof(line) - 1 - used, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      used += (size_t)got;
    }
  }
  close(fd);
  line[used] = 0;
  return strncmp(line, "OK ", 3) == 0 ? (pid_t)atoi(line + 3) : 0;
}

/* Where it writes its process id: beside the program. */
static inline const char *job_server_pid_file(const job_server *self)
{
  static char path[4200];
  ssize_t size = readlink("/proc/self/exe", path, 4096);
  if (size <= 0) die("readlink");
  snprintf(path + size, sizeof(path) - (size_t)size, "-%d.pid", (int)self->port);
  return path;
}

/* Starts it, at its old port if it has one, and returns when it answers. */
static inline void job_server_start(job_server *self)
{
  char link[64], program[4096], port[32], pid_file[4300];
  long long since = now_ms();
  if (self->port == 0) self->port = dead_port();
  snprintf(link, sizeof(link), "/proc/%d/exe", (int)job_server_behind(server_port));
  ssize_t size = readlink(link, program, sizeof(program) - 1);
  if (size <= 0) die(link);
  program[size] = 0;
  snprintf(port, sizeof(port), "--port=%d", (int)self->port);
  snprintf(pid_file, sizeof(pid_file), "--pid-file=%s", job_server_pid_file(self));
  pid_t parent = getpid();
  fflush(stdout);
  self->pid = fork();
  if (self->pid < 0) die("fork");
  if (self->pid == 0)
  {
    die_with(parent);
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) dup2(nothing, fd);
    execl(program, program, "--listen=127.0.0.1", port, "--log-file=none", pid_file,
          (char *)NULL);
    _exit(71);
  }
  while (job_server_behind(self->port) != self->pid) breathe(since);
}

static inline void job_server_kill(job_server *self)
{
  end_process(self->pid);
  unlink(job_server_pid_file(self));
  self->pid = 0;
}

#endif
