/* A job server whose every move the program decides: it listens or refuses, accepts, answers,
 * closes, and does so only while the program waits for it. Between two of its steps nothing
 * moves, so what a call of the library finds is the same on every run.
 *
 * Of the protocol it knows what a client or a worker needs to get on. */
#ifndef GEARMAN_TESTS_STEPPED_SERVER_H
#define GEARMAN_TESTS_STEPPED_SERVER_H

#include "warm_up.h"

#include <netinet/tcp.h>

/* What the program asks of the server, one byte each; it answers with a number. */
enum
{
  STEP = 's',        /* accept and serve until nothing is left to do */
  RUN = 'f',         /* serve on its own until the next request */
  LISTEN = 'l',      /* be up */
  REFUSE = 'r',      /* be down: no listener; open connections stay */
  HANG_UP = 'x',     /* close every connection */
  MUTE = 'm',        /* read, and answer nothing */
  SPEAK = 'M',       /* answer again */
  HOLD_RESULTS = 'h',/* acknowledge jobs without doing them */
  GIVE_RESULTS = 'H',/* do the jobs that were held, and those to come */
  ADD_JOB = 'j',     /* one more job for workers */
  COUNT_DONE = 'd'   /* how many WORK_COMPLETE have come */
};

typedef struct
{
  pid_t pid;
  in_port_t port;
  int control;
} stepped_server;

/* ---- inside the server's process --------------------------------------------------------- */

enum { MOST_CONNECTIONS = 16, MOST_HELD = 16 };

static struct
{
  int listener;
  bool up, mute, holds;
  int jobs, done, handles;
  struct
  {
    int fd;
    bool sleeps;
    size_t used;
    unsigned char in[65536];
    int held[MOST_HELD], held_count;
  } conn[MOST_CONNECTIONS];
} inside;

static inline void inside_bind(in_port_t port)
{
  struct sockaddr_in address;
  int one = 1;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  inside.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  setsockopt(inside.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  /* Another process may have the port for a connection of its own meanwhile. */
  for (long long since = now_ms();; breathe(since))
  {
    if (bind(inside.listener, (struct sockaddr *)&address, sizeof(address)) == 0) break;
    if (errno != EADDRINUSE) die("inside_bind");
  }
}

static inline void inside_hang_up(int x)
{
  close(inside.conn[x].fd);
  memset(&inside.conn[x], 0, sizeof(inside.conn[x]));
  inside.conn[x].fd = -1;
}

static inline void inside_complete(int x, int number)
{
  char body[64];
  int size = sprintf(body, "H:stepped:%d", number);
  memcpy(body + size + 1, "ok", 2);
  packet_send(inside.conn[x].fd, WORK_COMPLETE, body, (size_t)size + 3);
}

static inline void inside_wake(void)
{
  for (int x = 0; x < MOST_CONNECTIONS; ++x)
    if (inside.conn[x].fd >= 0 && inside.conn[x].sleeps && inside.jobs > 0)
    {
      inside.conn[x].sleeps = false;
      packet_send(inside.conn[x].fd, NOOP, NULL, 0);
    }
}

static inline void inside_submitted(int x, bool background)
{
  char handle[32];
  int number = ++inside.handles;
  int size = sprintf(handle, "H:stepped:%d", number);
  packet_send(inside.conn[x].fd, JOB_CREATED, handle, (size_t)size);
  if (background) return;
  if (!inside.holds)
    inside_complete(x, number);
  else if (inside.conn[x].held_count < MOST_HELD)
    inside.conn[x].held[inside.conn[x].held_count++] = number;
}

static inline void inside_packet(int x, int type, const unsigned char *body, size_t size)
{
  static const char assign[] = "H:stepped:0\0offered\0work";
  static const char status[] = "\0001\0001\0003\0004";
  static const char status_unique[] = "\0001\0001\0003\0004\0001";
  char answer_body[256];
  int fd = inside.conn[x].fd;
  if (type == WORK_COMPLETE) ++inside.done;
  if (inside.mute) return;
  switch (type)
  {
    case ECHO_REQ: packet_send(fd, ECHO_RES, body, size); break;
    case OPTION_REQ: packet_send(fd, OPTION_RES, body, size); break;
    case SUBMIT_JOB: case 21: case 33: inside_submitted(x, false); break;
    case SUBMIT_JOB_BG: case 32: case 34: case 36: inside_submitted(x, true); break;
    case GET_STATUS: case 41:
      if (size > 100) size = 100;
      memcpy(answer_body, body, size);
      if (type == GET_STATUS)
      {
        memcpy(answer_body + size, status, sizeof(status) - 1);
        packet_send(fd, STATUS_RES, answer_body, size + sizeof(status) - 1);
      }
      else
      {
        memcpy(answer_body + size, status_unique, sizeof(status_unique) - 1);
        packet_send(fd, 42, answer_body, size + sizeof(status_unique) - 1);
      }
      break;
    case GRAB_JOB: case 30: case 39:
      inside.conn[x].sleeps = false;
      if (inside.jobs == 0)
        packet_send(fd, NO_JOB, NULL, 0);
      else
      {
        --inside.jobs;
        packet_send(fd, JOB_ASSIGN, assign, sizeof(assign) - 1);
      }
      break;
    case PRE_SLEEP:
      inside.conn[x].sleeps = true;
      inside_wake();
      break;
    default: break;
  }
}

/* Takes what is complete from the front of what was received. */
static inline bool inside_take(int x)
{
  unsigned char *in = inside.conn[x].in;
  size_t used = inside.conn[x].used, size;
  if (used > 0 && in[0] != 0)
  {
    unsigned char *end = memchr(in, '\n', used);
    if (end == NULL) return false;
    size = (size_t)(end - in) + 1;
    if (!inside.mute) write_all(inside.conn[x].fd, "OK\r\n", 4);
  }
  else
  {
    if (used < 12) return false;
    size = 12 + ((size_t)in[9] << 16 | (size_t)in[10] << 8 | in[11]);
    if (used < size) return false;
    inside_packet(x, in[7], in + 12, size - 12);
  }
  memmove(in, in + size, used - size);
  inside.conn[x].used = used - size;
  return true;
}

/* Does all work that is ready; returns whether any was. */
static inline bool inside_serve(void)
{
  bool any = false;
  int fd = inside.up ? accept4(inside.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
  if (fd >= 0)
  {
    /* Both parts of an answer are there when the step has ended. */
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
  for (int x = 0; x < MOST_CONNECTIONS && fd >= 0; ++x)
    if (inside.conn[x].fd < 0)
    {
      inside.conn[x].fd = fd;
      fd = -1;
      any = true;
    }
  for (int x = 0; x < MOST_CONNECTIONS; ++x)
  {
    if (inside.conn[x].fd < 0) continue;
    size_t used = inside.conn[x].used;
    ssize_t got = recv(inside.conn[x].fd, inside.conn[x].in + used,
                       sizeof(inside.conn[x].in) - used, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    any = true;
    if (got <= 0)
    {
      inside_hang_up(x);
      continue;
    }
    inside.conn[x].used += (size_t)got;
    while (inside_take(x)) {}
  }
  return any;
}

static inline int inside_obey(int request, in_port_t port)
{
  switch (request)
  {
    case STEP: while (inside_serve()) {} break;
    case LISTEN:
      if (!inside.up && listen(inside.listener, 16) != 0) die("listen");
      inside.up = true;
      break;
    case REFUSE:
      close(inside.listener);
      inside_bind(port);
      inside.up = false;
      break;
    case HANG_UP:
      inside_serve();
      for (int x = 0; x < MOST_CONNECTIONS; ++x)
        if (inside.conn[x].fd >= 0) inside_hang_up(x);
      break;
    case MUTE: inside.mute = true; break;
    case SPEAK: inside.mute = false; break;
    case HOLD_RESULTS: inside.holds = true; break;
    case GIVE_RESULTS:
      inside.holds = false;
      for (int x = 0; x < MOST_CONNECTIONS; ++x)
      {
        for (int y = 0; y < inside.conn[x].held_count; ++y)
          inside_complete(x, inside.conn[x].held[y]);
        inside.conn[x].held_count = 0;
      }
      break;
    case ADD_JOB:
      ++inside.jobs;
      inside_wake();
      break;
    case COUNT_DONE: return inside.done;
    default: break;
  }
  return 0;
}

static inline void inside_live(int control, in_port_t port)
{
  bool runs = false;
  for (;;)
  {
    struct pollfd fds[MOST_CONNECTIONS + 2];
    nfds_t count = 0;
    fds[count++] = (struct pollfd){control, POLLIN, 0};
    if (runs && inside.up) fds[count++] = (struct pollfd){inside.listener, POLLIN, 0};
    for (int x = 0; x < MOST_CONNECTIONS && runs; ++x)
      if (inside.conn[x].fd >= 0) fds[count++] = (struct pollfd){inside.conn[x].fd, POLLIN, 0};
    if (poll(fds, count, -1) < 0 && errno != EINTR) die("poll");
    if (fds[0].revents != 0)
    {
      char request;
      if (read(control, &request, 1) != 1) _exit(0);
      runs = request == RUN;
      int number = inside_obey(request, port);
      write_all(control, &number, sizeof(number));
    }
    if (runs) inside_serve();
  }
}

/* ---- for the program --------------------------------------------------------------------- */

/* A port that stays reserved while the socket is open: not even while the server has
 * no listener. */
static inline int hold_port(in_port_t *port)
{
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  int one = 1;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0
      || getsockname(fd, (struct sockaddr *)&address, &size) != 0
      || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
    die("hold_port");
  *port = ntohs(address.sin_port);
  return fd;
}

/* A server that refuses connections until told otherwise. */
static inline stepped_server stepped_start(void)
{
  stepped_server self;
  int ends[2];
  pid_t parent = getpid();
  int held = hold_port(&self.port);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) die("socketpair");
  fflush(stdout);
  self.pid = fork();
  if (self.pid < 0) die("fork");
  if (self.pid == 0)
  {
    die_with(parent);
    close(ends[0]);
    for (int x = 0; x < MOST_CONNECTIONS; ++x) inside.conn[x].fd = -1;
    inside_bind(self.port);
    inside_live(ends[1], self.port);
  }
  close(ends[1]);
  close(held);
  self.control = ends[0];
  return self;
}

static inline int server(const stepped_server *self, char request)
{
  int number = 0;
  if (self->control < 0) return 0;
  write_all(self->control, &request, 1);
  if (!read_all(self->control, &number, sizeof(number))) die("the stepped server is gone");
  return number;
}

static inline void stepped_stop(stepped_server *self)
{
  close(self->control);
  end_process(self->pid);
}

/* ---- rows of a table --------------------------------------------------------------------- */

/* Codes of a row, equal neighbours folded: "IO_WAIT x3". */
typedef struct
{
  char last[160];
  int times;
} folded;

static inline void fold_end(folded *self)
{
  if (self->times == 1) printf(" %s", self->last);
  if (self->times > 1) printf(" %s x%d", self->last, self->times);
  self->times = 0;
}

static inline void fold(folded *self, const char *format, ...)
{
  char now[sizeof(self->last)];
  va_list args;
  va_start(args, format);
  vsnprintf(now, sizeof(now), format, args);
  va_end(args);
  if (self->times > 0 && strcmp(now, self->last) == 0)
  {
    ++self->times;
    return;
  }
  fold_end(self);
  strcpy(self->last, now);
  self->times = 1;
}

/* A code without the prefix that all have. */
static inline const char *brief(gearman_return_t rc)
{
  const char *name = rc_name(rc);
  return strncmp(name, "GEARMAN_", 8) == 0 ? name + 8 : name;
}

/* Runs one row in a process of its own: what it does to the library is undone with it, and a
 * crash is part of what it prints. */
static inline void row(void (*body)(const void *argument), const void *argument)
{
  int status = 0;
  pid_t parent = getpid();
  warm_up();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid == 0)
  {
    die_with(parent);
    alarm(20);
    body(argument);
    fflush(stdout);
    _exit(0);
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (WIFSIGNALED(status)) printf(" died of signal %d", WTERMSIG(status));
  printf("\n");
}

#endif
