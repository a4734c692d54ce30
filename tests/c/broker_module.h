/* What a monitoring host and its module know of each other. The host is not linked to
 * libgearman: the module brings it. */
#ifndef GEARMAN_TESTS_BROKER_MODULE_H
#define GEARMAN_TESTS_BROKER_MODULE_H

#include <netinet/in.h>
#include <stdbool.h>

enum { BROKER_SERVERS = 2, BROKER_THREADS_MAX = 8 };

typedef struct
{
  in_port_t ports[BROKER_SERVERS];
  int threads;
  /* How the threads can be cancelled; the published module says asynchronously. */
  int cancel_type;
  /* Called in the module's threads. */
  void (*take_result)(unsigned check);
} broker_host;

/* Makes the client. Nothing is connected yet: the host may still fork. */
typedef bool broker_init(const broker_host *host);
/* The host's event loop begins: starts the threads. */
typedef void broker_start(void);
/* Cancels and joins the threads. */
typedef void broker_stop(void);
/* Frees everything; the module can be unloaded. */
typedef void broker_deinit(void);
/* Sends a check to a queue; false when no server took it in three attempts. */
typedef bool broker_submit(const char *queue, unsigned check);
/* Whether the last check that was sent is still known to its server. */
typedef bool broker_last_is_known(void);
/* A worker process: does checks until SIGTERM and sends their results. */
typedef void broker_worker(const broker_host *host);

#endif
