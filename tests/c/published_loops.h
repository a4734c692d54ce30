/* Loops around a worker and a client that manuals, frameworks and blogs publish, cut down to the
 * calls and the codes that they look at. Their sleeps of seconds are `NAP` here. */
#ifndef GEARMAN_TESTS_PUBLISHED_LOOPS_H
#define GEARMAN_TESTS_PUBLISHED_LOOPS_H

#include "stepped_server.h"

#include <sys/mman.h>

/* State that the loop's process shares with its observer. */
typedef struct
{
  volatile long turns;
  volatile int done, job_takes;
  /* What the observer reports. */
  char text[128];
} shown;

static shown *seen;
static gearman_worker_st *worker;
static gearman_client_st *client;

enum { NAP = 10 };

static inline void nap(void) { poll(NULL, 0, NAP); }

static inline bool turn(void)
{
  ++seen->turns;
  return true;
}

static inline void *offered(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  if (seen->job_takes > 0) poll(NULL, 0, seen->job_takes);
  ++seen->done;
  return job_empty(job, context, size, ret);
}

/* ---- workers ----------------------------------------------------------------------------- */

/* The PHP manual's, and a dozen frameworks'. */
static inline void manual(void)
{
  gearman_return_t rc;
  while (turn() && ((rc = gearman_worker_work(worker)) == GEARMAN_SUCCESS || rc == GEARMAN_IO_WAIT
                    || rc == GEARMAN_NO_JOBS))
  {
    if (rc == GEARMAN_SUCCESS) continue;
    rc = gearman_worker_wait(worker);
    if (rc != GEARMAN_SUCCESS)
    {
      if (rc != GEARMAN_NO_ACTIVE_FDS) break;
      nap();
    }
  }
}

/* The same with a time limit, which the loop goes on after. */
static inline void manual_with_timeout(void)
{
  gearman_return_t rc;
  gearman_worker_set_timeout(worker, 60);
  while (turn() && ((rc = gearman_worker_work(worker)) == GEARMAN_SUCCESS || rc == GEARMAN_IO_WAIT
                    || rc == GEARMAN_NO_JOBS))
  {
    if (rc == GEARMAN_SUCCESS) continue;
    rc = gearman_worker_wait(worker);
    if (rc == GEARMAN_NO_ACTIVE_FDS) nap();
    else if (rc != GEARMAN_SUCCESS && rc != GEARMAN_TIMEOUT) break;
  }
}

/* A manager of worker processes: whatever else comes, it tries again at once. */
static inline void manager(void)
{
  gearman_worker_set_timeout(worker, 60);
  while (turn())
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS || rc == GEARMAN_IO_WAIT || rc == GEARMAN_NO_JOBS)
    {
      if (rc == GEARMAN_SUCCESS) continue;
      if (gearman_worker_wait(worker) == GEARMAN_NO_ACTIVE_FDS) nap();
    }
  }
}

/* With an echo after every silence. */
static inline void with_health_check(void)
{
  gearman_return_t rc;
  gearman_worker_set_timeout(worker, 60);
  while (turn() && ((rc = gearman_worker_work(worker)) == GEARMAN_SUCCESS || rc == GEARMAN_IO_WAIT
                    || rc == GEARMAN_NO_JOBS || rc == GEARMAN_TIMEOUT))
  {
    if (rc == GEARMAN_SUCCESS) continue;
    rc = gearman_worker_wait(worker);
    if (rc == GEARMAN_NO_ACTIVE_FDS)
    {
      nap();
      continue;
    }
    if (rc == GEARMAN_TIMEOUT)
    {
      nap();
      if (gearman_worker_echo(worker, "ping", 4) != GEARMAN_SUCCESS) return;
    }
  }
}

/* In the event loop of a daemon: a time limit of 0. */
static inline void daemon_tick(void)
{
  gearman_worker_set_timeout(worker, 0);
  while (turn())
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS) continue;
    if (rc == GEARMAN_NO_JOBS) nap();
    gearman_worker_wait(worker);
    nap();
  }
}

/* An adapter that sleeps after timeouts too. */
static inline void adapter(void)
{
  gearman_return_t rc;
  gearman_worker_set_timeout(worker, 20);
  while (turn() && ((rc = gearman_worker_work(worker)) == GEARMAN_SUCCESS || rc == GEARMAN_IO_WAIT
                    || rc == GEARMAN_NO_JOBS || rc == GEARMAN_TIMEOUT))
  {
    if (rc == GEARMAN_SUCCESS) continue;
    rc = gearman_worker_wait(worker);
    if (rc == GEARMAN_NO_ACTIVE_FDS || rc == GEARMAN_TIMEOUT) nap();
    else if (rc != GEARMAN_SUCCESS) return;
  }
}

/* A broker module: waits after IO_WAIT only, and its own loop sleeps when there was nothing. */
static inline void broker_module(void)
{
  gearman_worker_set_timeout(worker, 60);
  while (turn())
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_IO_WAIT) gearman_worker_wait(worker);
    else if (rc != GEARMAN_SUCCESS) nap();
  }
}

/* Two states, to ask and to poll; when all servers are away the worker is made anew. */
static inline void two_states(void)
{
  bool polls = false;
  gearman_worker_set_timeout(worker, 60);
  while (turn())
  {
    gearman_return_t rc;
    if (!polls)
    {
      rc = gearman_worker_work(worker);
      if (rc == GEARMAN_SUCCESS) continue;
      if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS)
      {
        nap();
        continue;
      }
      polls = true;
    }
    rc = gearman_worker_wait(worker);
    if (rc == GEARMAN_TIMEOUT) continue;
    if (rc == GEARMAN_NO_ACTIVE_FDS) nap();
    polls = false;
  }
}

/* Never waits, only sleeps. */
static inline void sleeper(void)
{
  while (turn())
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_SUCCESS) continue;
    if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS && gearman_failed(rc)) return;
    nap();
  }
}

/* Never waits; sleeps after so many turns without a job, but not when anything else comes. */
static inline void counter(void)
{
  int idle = 0;
  while (turn())
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (rc == GEARMAN_NO_JOBS || rc == GEARMAN_IO_WAIT)
    {
      if (idle < 5) ++idle;
    }
    else
      idle = 0;
    if (idle == 5) nap();
  }
}

/* Waits first, and works when that says that there is nothing to wait for. Not non-blocking. */
static inline void wait_first(void)
{
  gearman_worker_remove_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  gearman_worker_set_timeout(worker, 60);
  while (turn())
  {
    if (gearman_worker_wait(worker) == GEARMAN_NO_ACTIVE_FDS) gearman_worker_work(worker);
    poll(NULL, 0, 2);
  }
}

/* grab_job instead of work. */
static inline void grabber(void)
{
  gearman_worker_set_timeout(worker, 60);
  while (turn())
  {
    gearman_return_t rc;
    gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
    if (job != NULL)
    {
      ++seen->done;
      gearman_job_send_complete(job, NULL, 0);
      gearman_job_free(job);
      continue;
    }
    if (rc != GEARMAN_IO_WAIT && rc != GEARMAN_NO_JOBS) return;
    if (gearman_worker_wait(worker) == GEARMAN_NO_ACTIVE_FDS) nap();
  }
}

/* ---- clients ----------------------------------------------------------------------------- */

static inline gearman_return_t on_completion(gearman_task_st *task)
{
  (void)task;
  ++seen->done;
  return GEARMAN_SUCCESS;
}

static inline void add_task(void)
{
  gearman_return_t rc;
  gearman_client_add_task(client, NULL, NULL, "f", NULL, "w", 1, &rc);
}

/* Runs, waits when told so, sleeps on any other code. */
static inline void run_and_wait(void)
{
  gearman_client_set_timeout(client, 60);
  for (add_task(); turn();)
  {
    gearman_return_t rc = gearman_client_run_tasks(client);
    if (rc == GEARMAN_SUCCESS) add_task();
    if (rc != GEARMAN_IO_WAIT) nap();
    else if (gearman_client_wait(client) == GEARMAN_NO_ACTIVE_FDS) nap();
  }
}

/* Takes a failing wait for the end. */
static inline void wait_must_succeed(void)
{
  for (add_task(); turn(); add_task(), nap())
  {
    gearman_return_t rc;
    while ((rc = gearman_client_run_tasks(client)) == GEARMAN_IO_WAIT && turn())
      if (gearman_client_wait(client) != GEARMAN_SUCCESS) break;
    if (rc != GEARMAN_SUCCESS) gearman_client_task_free_all(client);
  }
}

/* Runs without waiting. */
static inline void run_and_sleep(void)
{
  for (add_task(); turn(); nap())
    if (gearman_client_run_tasks(client) == GEARMAN_SUCCESS) add_task();
}

/* A monitoring check: one do, and a wait if it says so. */
static inline void check(void)
{
  gearman_client_set_timeout(client, 60);
  for (; turn(); nap())
  {
    size_t size;
    gearman_return_t rc;
    free(gearman_client_do(client, "f", NULL, "w", 1, &size, &rc));
    if (rc == GEARMAN_IO_WAIT) rc = gearman_client_wait(client);
    if (rc == GEARMAN_SUCCESS) ++seen->done;
  }
}

#endif
