/* What the programs about pthread_cancel share: a server that is the program itself and says
 * nothing by itself, and waiting until a thread waits. */
#ifndef GEARMAN_TESTS_CANCELLING_H
#define GEARMAN_TESTS_CANCELLING_H

#include "common.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* More than the kernel takes for a server that does not read. */
enum { LARGE = 32 * 1024 * 1024 };

static char *large;

/* ---- the server: the program itself, which answers once or not at all --------------------- */

static int listener;
static in_port_t port;

static inline void be_server(int backlog)
{
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  memset(&address, 0, size);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, backlog) != 0)
    die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
}

/* ---- the thread ----------------------------------------------------------------------------- */

static volatile int cleaned;
static volatile pid_t thread_id;

/* The letter that the kernel gives a thread's state. */
static inline char state_of(pid_t thread)
{
  char path[64], line[512];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
  FILE *file = fopen(path, "r");
  if (file == NULL) return 'X';
  char *read = fgets(line, sizeof(line), file);
  fclose(file);
  char *end = read == NULL ? NULL : strrchr(line, ')');
  return end == NULL ? 'X' : end[2];
}

/* Waits until the thread sleeps in the kernel and the server has not got anything new. */
static inline void until_it_waits(int peer)
{
  int before = -1, now = 0;
  for (int calm = 0; calm < 3;)
  {
    poll(NULL, 0, 1);
    if (peer >= 0 && ioctl(peer, FIONREAD, &now) != 0) die("FIONREAD");
    calm = state_of(thread_id) == 'S' && now == before && (peer < 0 || now > 0) ? calm + 1 : 0;
    before = now;
  }
}

#endif
