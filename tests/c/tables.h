/* For programs that walk tables of calls: each entry runs in a process of its own, whose crash or
 * endless wait is a line of the output like any other answer. */
#ifndef GEARMAN_TESTS_TABLES_H
#define GEARMAN_TESTS_TABLES_H

#include "warm_up.h"

#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* How long an entry may take before it counts as waiting for ever. */
enum { ENTRY_TIMEOUT_SECONDS = 10 };

/* Runs `entry` in a child, and prints how that ended if not well. */
static inline void in_child(void (*entry)(void *argument), void *argument)
{
  int status = 0;
  pid_t parent = getpid();
  warm_up();
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
    alarm(ENTRY_TIMEOUT_SECONDS);
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

/* ---- a scripted server that writes down what it gets ------------------------------------ */

static int scribe_pipe[2];
static in_port_t scribe_port;
static pid_t scribe_pid;

enum { ALL_ASSIGN = 40, UNIQ_ASSIGN = 31, GRAB_UNIQ = 30, GRAB_ALL = 39, THE_END = 77 };

/* Writes down a packet; those that only prepare something are left out. */
static inline void scribe_note(int type)
{
  char line[256];
  if (type == CAN_DO || type == CAN_DO_TIMEOUT || type == PRE_SLEEP || type == GRAB_JOB
      || type == GRAB_UNIQ || type == GRAB_ALL || type == OPTION_REQ)
    return;
  int size = snprintf(line, sizeof(line), " %d(%s)", type, bytes(packet_body, packet_size));
  if (write(scribe_pipe[1], line, (size_t)size) != size) _exit(74);
}

/* Starts it; `play` answers one packet, and returns false to close the connection. */
static bool (*scribe_answer)(int fd, int type);

static inline void scribe_play(int fd, int connection)
{
  int type, on = 1;
  (void)connection;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  while ((type = packet_recv(fd)) >= 0)
  {
    if (type == THE_END)
    {
      if (write(scribe_pipe[1], "\n", 1) != 1) _exit(74);
      return;
    }
    scribe_note(type);
    if (!scribe_answer(fd, type)) return;
  }
}

static inline void scribe_start(bool (*answer)(int fd, int type))
{
  scribe_answer = answer;
  if (pipe(scribe_pipe) != 0) die("pipe");
  scribe_pid = scripted_server(&scribe_port, scribe_play);
}

/* Prints what came on the connections that are closed by now. */
static inline void scribe_print(void)
{
  char byte;
  static const unsigned char end[12] = {0, 'R', 'E', 'Q', 0, 0, 0, THE_END, 0, 0, 0, 0};
  int fd = connect_to(scribe_port);
  write_all(fd, end, sizeof(end));
  while (read(scribe_pipe[0], &byte, 1) == 1 && byte != '\n') putchar(byte);
  close(fd);
}

/* Under a checker only a part of a table is walked: GEARMAN_TEST_SCALE percent, and at least every
 * eighth entry. */
static inline bool is_walked(void)
{
  static int turn;
  const char *scale = getenv("GEARMAN_TEST_SCALE");
  return scale == NULL || turn++ % 8 == 0;
}

#endif
