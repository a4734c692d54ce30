/* Jobs that a statement of a database submits: adding them, waiting for them, and what
 * became of each.
 *
 * Must not: know a database, or keep anything between statements. */
#ifndef GMAN_CALLS_H
#define GMAN_CALLS_H

#include <libgearman/gearman.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the reason why a job failed, with the NUL. Longer reasons are cut. */
#define GMAN_PROBLEM_SIZE 512

typedef enum
{
  GMAN_DO,
  GMAN_DO_HIGH,
  GMAN_DO_LOW,
  GMAN_BACKGROUND,
  GMAN_BACKGROUND_HIGH,
  GMAN_BACKGROUND_LOW,
  /* No job: asks for the state of the one whose handle is in `function`. */
  GMAN_STATE
} gman_kind;

/* The state of a background job. The two numbers are its progress as its worker reported it. */
typedef struct
{
  bool known;
  bool running;
  unsigned int numerator;
  unsigned int denominator;
} gman_state;

/* One job. */
typedef struct gman_call gman_call;
struct gman_call
{
  /* What the caller sets. It must not change, and its pointers must stay valid, until the job
   * has ended. `unique` may be NULL. */
  gman_kind kind;
  const char *function;
  const char *unique;
  const char *workload;
  size_t workload_size;

  /* What is known once the job has ended: the result of a job, or the handle of a background
   * job. The memory is from malloc() and belongs to the caller; NULL if nothing arrived. */
  bool ended;
  char *result;
  size_t result_size;
  /* The answer to GMAN_STATE. */
  gman_state state;
  /* Why there is no result; empty for a job that succeeded. */
  char problem[GMAN_PROBLEM_SIZE];

  /* The run's own. */
  struct gman_run *run;
  gman_call *previous;
  gman_call *next;
};

/* Waits until `descriptor` is readable or `timeout` milliseconds are over (-1: without limit).
 * Returns false if the statement was cancelled. It is called where the library is not at
 * work, so it may leave by longjmp(). */
typedef bool gman_wait_fn(void *context, int descriptor, int timeout);

/* The jobs of one statement. */
typedef struct gman_run gman_run;
struct gman_run
{
  gearman_client_st *client;
  gman_wait_fn *wait;
  void *context;
  /* When to give up, on the monotonic clock in milliseconds; 0 for never. */
  int64_t deadline;
  /* The jobs that have not ended, oldest first, and their number. */
  gman_call *oldest;
  gman_call *newest;
  size_t running;
  /* The jobs that have ended and were not taken, in the order of their ends. */
  gman_call *first_ended;
  gman_call *last_ended;
  /* Whether the client may serve another run. It may not while it knows unfinished jobs. */
  bool reusable;
  bool cancelled;
};

/* Makes a client for gman_run: it does not wait by itself, and gets the text of exceptions.
 * `servers` is a list as gearman_client_add_servers() takes it, or NULL for the default.
 *
 * Returns the client, which gearman_client_free() frees; NULL after an error, whose text
 * is in `problem` then. */
gearman_client_st *gman_client(const char *servers, char problem[GMAN_PROBLEM_SIZE]);

/* Begins a run. `timeout` is the longest time of all its jobs together in milliseconds, 0
 * for no limit. */
void gman_begin(gman_run *run, gearman_client_st *client, unsigned int timeout,
                gman_wait_fn *wait, void *context);

/* Adds a job, whose fields below `ended` need not be set. A job that cannot be submitted has
 * ended when this returns. */
void gman_add(gman_run *run, gman_call *call);

/* Sends and receives until at most `running` jobs have not ended. If the statement is cancelled or
 * the time is over, all jobs have ended, with that as their problem. */
void gman_go_on(gman_run *run, size_t running);

/* Takes the job that ended first of those that were not taken; NULL without one. */
gman_call *gman_take(gman_run *run);

#endif
