/* Worker processes of an example, which end with the program. */
#pragma once

#include "server_options.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

/* Milliseconds that a client waits: longer than anything here takes on a busy machine. */
#define CLIENT_TIMEOUT_MS (60 * 1000)

#define WORKERS_MAX 8

/* A function that the workers offer. */
struct offer_st
{
  const char *name;
  gearman_function_t function;
};

static pid_t worker_processes[WORKERS_MAX];
static size_t worker_count;

static void stop_workers(void)
{
  for (size_t x= 0; x < worker_count; x++)
  {
    (void)kill(worker_processes[x], SIGKILL);
    (void)waitpid(worker_processes[x], NULL, 0);
  }
  worker_count= 0;
}

/* Milliseconds after which a sleeping worker asks again: gearmand 1.1.20 of the original does not
 * wake it when the time of a job has come. */
#define WORKER_TIMEOUT_MS 500

/* Does jobs until the process is killed, or until an error that another attempt would not mend. */
static void work(const struct server_st *server, const struct offer_st *offers, size_t offer_count,
                 void *context)
{
  gearman_worker_st *worker= gearman_worker_create(NULL);
  gearman_return_t rc= worker ? gearman_worker_add_server(worker, server->host, server->port)
                              : GEARMAN_MEMORY_ALLOCATION_FAILURE;
  for (size_t x= 0; x < offer_count && gearman_success(rc); x++)
  {
    rc= gearman_worker_define_function(worker, offers[x].name, strlen(offers[x].name),
                                       offers[x].function, 0, context);
  }
  if (worker != NULL)
  {
    gearman_worker_set_timeout(worker, WORKER_TIMEOUT_MS);
  }
  while (gearman_success(rc) || rc == GEARMAN_WORK_FAIL || rc == GEARMAN_TIMEOUT)
  {
    rc= gearman_worker_work(worker);
  }
  fprintf(stderr, "worker: %s\n", worker ? gearman_worker_error(worker) : gearman_strerror(rc));
}

/* Starts a process that ends with the program. True in the new process, which ends with _exit():
 * the atexit() functions are the program's. */
static bool is_new_process(void)
{
  if (worker_count == WORKERS_MAX)
  {
    fprintf(stderr, "more than %d processes\n", WORKERS_MAX);
    exit(EXIT_FAILURE);
  }
  if (worker_count == 0)
  {
    (void)atexit(stop_workers);
  }
  pid_t pid= fork();
  if (pid == -1)
  {
    perror("fork");
    exit(EXIT_FAILURE);
  }
  if (pid != 0)
  {
    worker_processes[worker_count++]= pid;
  }

  return pid == 0;
}

/* Starts processes that offer the functions. `context` is passed to each function. */
static void start_workers(size_t count, const struct server_st *server,
                          const struct offer_st *offers, size_t offer_count, void *context)
{
  for (size_t x= 0; x < count; x++)
  {
    if (is_new_process())
    {
      work(server, offers, offer_count, context);
      _exit(EXIT_FAILURE);
    }
  }
}

/* A client of the server. Ends the program if there is none. */
static gearman_client_st *connect_client(const char *program, const struct server_st *server)
{
  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL || gearman_failed(gearman_client_add_server(client, server->host, server->port)))
  {
    fprintf(stderr, "%s: %s\n", program, client ? gearman_client_error(client) : "out of memory");
    gearman_client_free(client);
    exit(EXIT_FAILURE);
  }
  gearman_client_set_timeout(client, CLIENT_TIMEOUT_MS);

  return client;
}
