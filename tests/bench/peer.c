/*
 * The peer of the benchmarks: a job server that answers at once.
 *
 * It owns no jobs and no workers. A foreground job is answered with JOB_CREATED and
 * WORK_COMPLETE (its own workload as the result) in one write, a background job with
 * JOB_CREATED, a grab with a job. It is the same for every library that is measured,
 * and cheap enough not to be what is measured.
 *
 *   peer PORT      listens on 127.0.0.1:PORT (0: a free one) and prints the port
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  CAN_DO = 1, SUBMIT_JOB = 7, JOB_CREATED = 8, GRAB_JOB = 9, JOB_ASSIGN = 11,
  WORK_COMPLETE = 13, GET_STATUS = 15, ECHO_REQ = 16, ECHO_RES = 17, SUBMIT_JOB_BG = 18,
  STATUS_RES = 20, SUBMIT_JOB_HIGH = 21, CAN_DO_TIMEOUT = 23, OPTION_REQ = 26,
  OPTION_RES = 27, GRAB_JOB_UNIQ = 30, JOB_ASSIGN_UNIQ = 31, SUBMIT_JOB_HIGH_BG = 32,
  SUBMIT_JOB_LOW = 33, SUBMIT_JOB_LOW_BG = 34, GRAB_JOB_ALL = 39
};

enum { HEADER = 12, CONNECTIONS = 64 };

struct bytes {
  char *data;
  size_t start, end, capacity;
};

struct connection {
  int fd;
  struct bytes in, out;
  char function[512]; /* the last one that a worker on it offered */
};

static struct connection connections[CONNECTIONS];
static unsigned long next_handle = 1;

static void fatal(const char *what)
{
  perror(what);
  exit(1);
}

/* Makes room for `more` bytes after the last one. */
static void reserve(struct bytes *b, size_t more)
{
  if (b->start == b->end)
    b->start = b->end = 0;
  if (b->end + more <= b->capacity)
    return;
  if (b->start > 0) {
    memmove(b->data, b->data + b->start, b->end - b->start);
    b->end -= b->start;
    b->start = 0;
  }
  if (b->end + more > b->capacity) {
    b->capacity = (b->end + more) * 2;
    b->data = realloc(b->data, b->capacity);
    if (b->data == NULL)
      fatal("realloc");
  }
}

static void append(struct bytes *b, const void *data, size_t size)
{
  reserve(b, size);
  memcpy(b->data + b->end, data, size);
  b->end += size;
}

static void header(struct bytes *out, uint32_t command, size_t size)
{
  uint32_t words[2] = {htonl(command), htonl((uint32_t)size)};
  append(out, "\0RES", 4);
  append(out, words, 8);
}

/* The body of a packet after its first `count` arguments. */
static char *skip(char *body, char *end, int count)
{
  while (count-- > 0) {
    char *nul = memchr(body, 0, (size_t)(end - body));
    if (nul == NULL)
      return end;
    body = nul + 1;
  }
  return body;
}

static void submitted(struct bytes *out, char *body, char *end, int background)
{
  char handle[64];
  size_t length = (size_t)snprintf(handle, sizeof handle, "H:peer:%lu", next_handle++);
  header(out, JOB_CREATED, length);
  append(out, handle, length);
  if (background)
    return;
  char *workload = skip(body, end, 2);
  size_t size = (size_t)(end - workload);
  header(out, WORK_COMPLETE, length + 1 + size);
  append(out, handle, length + 1);
  append(out, workload, size);
}

static void grabbed(struct connection *c, uint32_t answer)
{
  static const char workload[] = "some workload";
  char body[1024];
  int size = snprintf(body, sizeof body, "H:peer:%lu%c%s%c", next_handle, 0, c->function, 0);
  if (answer == JOB_ASSIGN_UNIQ)
    size += snprintf(body + size, sizeof body - (size_t)size, "unique-%lu%c", next_handle, 0);
  next_handle++;
  header(&c->out, answer, (size_t)size + sizeof workload - 1);
  append(&c->out, body, (size_t)size);
  append(&c->out, workload, sizeof workload - 1);
}

static void packet(struct connection *c, uint32_t command, char *body, char *end)
{
  size_t size = (size_t)(end - body);
  switch (command) {
  case SUBMIT_JOB: case SUBMIT_JOB_HIGH: case SUBMIT_JOB_LOW:
    submitted(&c->out, body, end, 0);
    break;
  case SUBMIT_JOB_BG: case SUBMIT_JOB_HIGH_BG: case SUBMIT_JOB_LOW_BG:
    submitted(&c->out, body, end, 1);
    break;
  case CAN_DO: case CAN_DO_TIMEOUT:
    snprintf(c->function, sizeof c->function, "%.*s", (int)size, body);
    break;
  case GRAB_JOB:
    grabbed(c, JOB_ASSIGN);
    break;
  case GRAB_JOB_UNIQ: case GRAB_JOB_ALL:
    grabbed(c, JOB_ASSIGN_UNIQ);
    break;
  case ECHO_REQ:
    header(&c->out, ECHO_RES, size);
    append(&c->out, body, size);
    break;
  case OPTION_REQ:
    header(&c->out, OPTION_RES, size);
    append(&c->out, body, size);
    break;
  case GET_STATUS:
    header(&c->out, STATUS_RES, size + 8);
    append(&c->out, body, size);
    append(&c->out, "\0000\0000\0000\0000", 8);
    break;
  default: /* WORK_*, PRE_SLEEP, SET_CLIENT_ID and others want no answer */
    break;
  }
}

static void closed(struct connection *c)
{
  close(c->fd);
  free(c->in.data);
  free(c->out.data);
  memset(c, 0, sizeof *c);
  c->fd = -1;
}

static int would_wait(void)
{
  return errno == EAGAIN || errno == EINTR;
}

static void flush(struct connection *c)
{
  while (c->out.start < c->out.end) {
    ssize_t sent = send(c->fd, c->out.data + c->out.start, c->out.end - c->out.start,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (!would_wait())
        closed(c);
      return;
    }
    c->out.start += (size_t)sent;
  }
}

static void readable(struct connection *c)
{
  reserve(&c->in, 256 * 1024);
  ssize_t got = recv(c->fd, c->in.data + c->in.end, c->in.capacity - c->in.end, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && !would_wait())) {
    closed(c);
    return;
  }
  if (got > 0)
    c->in.end += (size_t)got;
  while (c->in.end - c->in.start >= HEADER) {
    char *start = c->in.data + c->in.start;
    uint32_t words[2];
    memcpy(words, start + 4, sizeof words);
    size_t size = ntohl(words[1]);
    if (c->in.end - c->in.start < HEADER + size) {
      reserve(&c->in, HEADER + size - (c->in.end - c->in.start));
      break;
    }
    packet(c, ntohl(words[0]), start + HEADER, start + HEADER + size);
    c->in.start += HEADER + size;
  }
  flush(c);
}

static void accepted(int listener)
{
  int fd = accept(listener, NULL, NULL), on = 1;
  if (fd < 0)
    return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  for (int i = 0; i < CONNECTIONS; i++)
    if (connections[i].fd < 0) {
      connections[i].fd = fd;
      return;
    }
  close(fd);
}

int main(int argc, char **argv)
{
  struct sockaddr_in address = {0};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0)
    fatal("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  for (int i = 0; i < CONNECTIONS; i++)
    connections[i].fd = -1;
  for (;;) {
    struct pollfd fds[CONNECTIONS + 1];
    fds[CONNECTIONS] = (struct pollfd){listener, POLLIN, 0};
    for (int i = 0; i < CONNECTIONS; i++) {
      struct bytes *out = &connections[i].out;
      short events = POLLIN | (out->start < out->end ? POLLOUT : 0);
      fds[i] = (struct pollfd){connections[i].fd, events, 0};
    }
    if (poll(fds, CONNECTIONS + 1, -1) < 0 && errno != EINTR)
      fatal("poll");
    for (int i = 0; i < CONNECTIONS; i++) {
      if (fds[i].revents & POLLOUT)
        flush(&connections[i]);
      if (connections[i].fd >= 0 && fds[i].revents & (POLLIN | POLLHUP | POLLERR))
        readable(&connections[i]);
    }
    if (fds[CONNECTIONS].revents & POLLIN)
      accepted(listener);
  }
}
