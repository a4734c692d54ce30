/* See calls.h. */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"

#include <libgearman-1.0/extension.h>

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now(void)
{
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Writes the client's last error for people: "FUNCTION(CODE) text -> place" without what only a
 * developer of the library needs. Returns `reason`. */
static const char *describe(char *reason, size_t reason_size, gearman_client_st *client,
                            gearman_return_t code)
{
  const char *error= gearman_client_error(client);
  const char *text= error != NULL ? strstr(error, ") ") : NULL;
  if (text == NULL)
  {
    snprintf(reason, reason_size, "%s", gearman_strerror(code));
    return reason;
  }
  text+= strlen(") ");
  const char *end= strstr(text, " -> ");
  size_t size= end != NULL ? (size_t)(end - text) : strlen(text);
  snprintf(reason, reason_size, "%.*s", (int)(size < INT_MAX ? size : INT_MAX), text);
  return reason;
}

static void unlink_call(gman_run *run, gman_call *call)
{
  *(call->previous != NULL ? &call->previous->next : &run->oldest)= call->next;
  *(call->next != NULL ? &call->next->previous : &run->newest)= call->previous;
  run->running--;
}

/* Moves a job that has not ended to the ended ones. */
static void end_call(gman_call *call)
{
  gman_run *run= call->run;
  unlink_call(run, call);
  call->ended= true;
  call->previous= run->last_ended;
  call->next= NULL;
  *(run->last_ended != NULL ? &run->last_ended->next : &run->first_ended)= call;
  run->last_ended= call;
}

__attribute__((format(printf, 2, 3)))
static void end_with_problem(gman_call *call, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(call->problem, sizeof call->problem, format, arguments);
  va_end(arguments);
  end_call(call);
}

static bool keep(gman_call *call, const void *data, size_t size)
{
  if (size == 0 && call->result != NULL)
  {
    return true;
  }
  /* One byte more than needed: an empty result is memory, too. */
  char *grown= realloc(call->result, call->result_size + size + 1);
  if (grown == NULL)
  {
    return false;
  }
  if (size > 0)
  {
    memcpy(grown + call->result_size, data, size);
  }
  call->result= grown;
  call->result_size+= size;
  call->result[call->result_size]= '\0';
  return true;
}

/* The library's callbacks. They run inside the library, so they neither raise an error of the
 * database nor end the run: they note what happened. */

static gearman_return_t on_created(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  if (call->ended || call->kind < GMAN_BACKGROUND || call->kind > GMAN_BACKGROUND_LOW)
  {
    return GEARMAN_SUCCESS;
  }
  const char *handle= gearman_task_job_handle(task);
  if (keep(call, handle, strlen(handle)))
  {
    end_call(call);
  }
  else
  {
    end_with_problem(call, "out of memory");
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_data(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  if (call->ended)
  {
    return GEARMAN_SUCCESS;
  }
  if (!keep(call, gearman_task_data(task), gearman_task_data_size(task)))
  {
    end_with_problem(call, "out of memory for %zu bytes of result",
                     call->result_size + gearman_task_data_size(task));
  }
  return GEARMAN_SUCCESS;
}

/* The progress of a job, or the answer to a question for its state. */
static gearman_return_t on_status(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  if (!call->ended && call->kind == GMAN_STATE)
  {
    call->state.known= gearman_task_is_known(task);
    call->state.running= gearman_task_is_running(task);
    call->state.numerator= gearman_task_numerator(task);
    call->state.denominator= gearman_task_denominator(task);
    end_call(call);
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_complete(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  on_data(task);
  if (!call->ended)
  {
    end_call(call);
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_exception(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  size_t size= gearman_task_data_size(task);
  if (!call->ended)
  {
    /* The end of the job follows. */
    snprintf(call->problem, sizeof call->problem, "the worker reported: %.*s",
             (int)(size < GMAN_PROBLEM_SIZE ? size : GMAN_PROBLEM_SIZE),
             (const char *)gearman_task_data(task));
  }
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_fail(gearman_task_st *task)
{
  gman_call *call= gearman_task_context(task);
  if (call->ended)
  {
    return GEARMAN_SUCCESS;
  }
  gearman_return_t code= gearman_task_return(task);
  if (call->problem[0] != '\0')
  {
    end_call(call);
  }
  else if (code == GEARMAN_WORK_FAIL || code == GEARMAN_SUCCESS)
  {
    end_with_problem(call, "the worker reported a failure");
  }
  else
  {
    end_with_problem(call, "%s", gearman_strerror(code));
  }
  return GEARMAN_SUCCESS;
}

gearman_client_st *gman_client(const char *servers, char problem[GMAN_PROBLEM_SIZE])
{
  static const char exceptions[]= "exceptions";

  gearman_client_st *client= gearman_client_create(NULL);
  if (client == NULL)
  {
    snprintf(problem, GMAN_PROBLEM_SIZE, "out of memory");
    return NULL;
  }
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING | GEARMAN_CLIENT_FREE_TASKS);
  gearman_client_greet_with_option(client, exceptions, sizeof exceptions - 1);
  gearman_client_set_created_fn(client, on_created);
  gearman_client_set_data_fn(client, on_data);
  gearman_client_set_status_fn(client, on_status);
  gearman_client_set_complete_fn(client, on_complete);
  gearman_client_set_exception_fn(client, on_exception);
  gearman_client_set_fail_fn(client, on_fail);
  gearman_return_t code= servers != NULL ? gearman_client_add_servers(client, servers)
                                         : gearman_client_add_server(client, NULL, 0);
  if (gearman_failed(code))
  {
    char reason[GMAN_PROBLEM_SIZE / 2];
    snprintf(problem, GMAN_PROBLEM_SIZE, "'%.200s' is no list of servers HOST[:PORT],...: %s",
             servers != NULL ? servers : "", describe(reason, sizeof reason, client, code));
    gearman_client_free(client);
    return NULL;
  }
  return client;
}

void gman_begin(gman_run *run, gearman_client_st *client, unsigned int timeout,
                gman_wait_fn *wait, void *context)
{
  memset(run, 0, sizeof *run);
  run->client= client;
  run->wait= wait;
  run->context= context;
  run->deadline= timeout > 0 ? now() + timeout : 0;
  run->reusable= true;
}

typedef gearman_task_st *add_fn(gearman_client_st *, gearman_task_st *, void *, const char *,
                                const char *, const void *, size_t, gearman_return_t *);

/* Gives the client the task of a job; NULL after an error. */
static gearman_task_st *add_task(gearman_client_st *client, gman_call *call,
                                 gearman_return_t *code)
{
  static add_fn *const add[]= {
    [GMAN_DO]= gearman_client_add_task,
    [GMAN_DO_HIGH]= gearman_client_add_task_high,
    [GMAN_DO_LOW]= gearman_client_add_task_low,
    [GMAN_BACKGROUND]= gearman_client_add_task_background,
    [GMAN_BACKGROUND_HIGH]= gearman_client_add_task_high_background,
    [GMAN_BACKGROUND_LOW]= gearman_client_add_task_low_background,
  };

  if (call->kind == GMAN_STATE)
  {
    return gearman_client_add_task_status(client, NULL, call, call->function, code);
  }
  return add[call->kind](client, NULL, call, call->function, call->unique, call->workload,
                         call->workload_size, code);
}

void gman_add(gman_run *run, gman_call *call)
{
  call->ended= false;
  call->result= NULL;
  call->result_size= 0;
  call->problem[0]= '\0';
  call->run= run;
  call->previous= run->newest;
  call->next= NULL;
  *(run->newest != NULL ? &run->newest->next : &run->oldest)= call;
  run->newest= call;
  run->running++;

  gearman_return_t code;
  if (add_task(run->client, call, &code) == NULL)
  {
    describe(call->problem, sizeof call->problem, run->client, code);
    end_call(call);
  }
}

/* Ends all jobs that have not ended, for one reason. The client still knows their tasks. */
static void give_up(gman_run *run, const char *reason)
{
  run->reusable= false;
  while (run->oldest != NULL)
  {
    end_with_problem(run->oldest, "%s", reason);
  }
}

/* Waits until the client can go on. */
static void wait_once(gman_run *run)
{
  if (gearman_client_has_buffered_work(run->client))
  {
    return;
  }
  int timeout= gearman_client_next_timeout(run->client);
  if (run->deadline != 0)
  {
    int64_t left= run->deadline - now();
    if (left <= 0)
    {
      give_up(run, "no result within the time limit");
      return;
    }
    if (timeout < 0 || left < timeout)
    {
      timeout= left < INT_MAX ? (int)left : INT_MAX;
    }
  }
  if (!run->wait(run->context, gearman_client_poll_fd(run->client), timeout))
  {
    run->cancelled= true;
    give_up(run, "cancelled");
  }
}

void gman_go_on(gman_run *run, size_t running)
{
  while (run->running > running)
  {
    size_t before= run->running;
    gearman_return_t code= gearman_client_run_tasks(run->client);
    if (run->running <= running)
    {
      break;
    }
    if (code == GEARMAN_IO_WAIT)
    {
      wait_once(run);
    }
    else if (run->running == before)
    {
      /* An error that ended no job concerns all. */
      char reason[GMAN_PROBLEM_SIZE];
      give_up(run, describe(reason, sizeof reason, run->client, code));
    }
  }
  if (run->running > 0)
  {
    return;
  }
  /* The tasks of ended jobs are freed when the client has seen the end of all. */
  while (run->reusable && gearman_client_run_tasks(run->client) == GEARMAN_IO_WAIT)
  {
    wait_once(run);
  }
}

gman_call *gman_take(gman_run *run)
{
  gman_call *call= run->first_ended;
  if (call != NULL)
  {
    run->first_ended= call->next;
    if (run->first_ended == NULL)
    {
      run->last_ended= NULL;
    }
  }
  return call;
}
