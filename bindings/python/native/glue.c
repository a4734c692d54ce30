/* The part of the Python binding that is written in C: callbacks that pass an event to
 * Python in one call, calls with structs by value, and the signal handler of
 * Worker.run(stop_on=...).
 *
 * Must not: use Python's C API, so that one build is for every version. */
#include <libgearman/gearman.h>
#include <libgearman-1.0/extension.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The kinds of events of a task, with the numbers of Python's EventKind. */
enum
{
  EVENT_CREATED,
  EVENT_DATA,
  EVENT_WARNING,
  EVENT_STATUS,
  EVENT_COMPLETE,
  EVENT_EXCEPTION,
  EVENT_FAIL
};

/* Defined in Python. */
int py_task_event(uintptr_t key, int kind, gearman_task_st *task, const void *data, size_t size);
void py_task_freed(uintptr_t key, gearman_task_st *task);
int py_function(uintptr_t key, gearman_job_st *job);
int py_combine(uintptr_t key, gearman_task_st *first, gearman_result_st *result);
void py_log(const char *line, int verbose, int is_worker);

static gearman_return_t task_event(gearman_task_st *task, int kind)
{
  return (gearman_return_t)py_task_event((uintptr_t)gearman_task_context(task), kind, task,
                                         gearman_task_data(task), gearman_task_data_size(task));
}

static gearman_return_t on_created(gearman_task_st *task)
{
  return task_event(task, EVENT_CREATED);
}

static gearman_return_t on_data(gearman_task_st *task)
{
  return task_event(task, EVENT_DATA);
}

static gearman_return_t on_warning(gearman_task_st *task)
{
  return task_event(task, EVENT_WARNING);
}

static gearman_return_t on_status(gearman_task_st *task)
{
  return task_event(task, EVENT_STATUS);
}

static gearman_return_t on_complete(gearman_task_st *task)
{
  return task_event(task, EVENT_COMPLETE);
}

static gearman_return_t on_exception(gearman_task_st *task)
{
  return task_event(task, EVENT_EXCEPTION);
}

static gearman_return_t on_fail(gearman_task_st *task)
{
  return task_event(task, EVENT_FAIL);
}


static void on_freed(gearman_task_st *task, void *context)
{
  py_task_freed((uintptr_t)context, task);
}

static void on_log(const char *line, gearman_verbose_t verbose, void *context)
{
  py_log(line, verbose, context != NULL);
}

static gearman_return_t on_job(gearman_job_st *job, void *context)
{
  return (gearman_return_t)py_function((uintptr_t)context, job);
}

static gearman_return_t on_parts(gearman_aggregator_st *aggregator, gearman_task_st *first,
                                 gearman_result_st *result)
{
  uintptr_t key= (uintptr_t)gearman_aggegator_context(aggregator);
  return (gearman_return_t)py_combine(key, first, result);
}

/* Sets the callbacks. No exception passes through C, so every callback returns, also one
 * whose stack greenlet has copied away meanwhile. */
static void client_listen(gearman_client_st *client)
{
  gearman_client_set_callbacks_return(client, true);
  gearman_client_set_created_fn(client, on_created);
  gearman_client_set_data_fn(client, on_data);
  gearman_client_set_warning_fn(client, on_warning);
  gearman_client_set_status_fn(client, on_status);
  gearman_client_set_complete_fn(client, on_complete);
  gearman_client_set_exception_fn(client, on_exception);
  gearman_client_set_fail_fn(client, on_fail);
  gearman_client_set_task_context_free_fn(client, on_freed);
  gearman_client_set_log_fn(client, on_log, NULL, GEARMAN_VERBOSE_INFO);
}

static void worker_listen(gearman_worker_st *worker)
{
  static char is_worker;
  gearman_worker_set_functions_return(worker, true);
  gearman_worker_set_log_fn(worker, on_log, &is_worker, GEARMAN_VERBOSE_INFO);
}

/* Frees a client whose Python object was freed: no callback is called. */
static void client_destroy(gearman_client_st *client)
{
  gearman_client_set_log_fn(client, NULL, NULL, GEARMAN_VERBOSE_NEVER);
  gearman_client_set_task_context_free_fn(client, NULL);
  gearman_client_free(client);
}

static void worker_destroy(gearman_worker_st *worker)
{
  gearman_worker_set_log_fn(worker, NULL, NULL, GEARMAN_VERBOSE_NEVER);
  gearman_worker_free(worker);
}

static gearman_task_st *add_task(gearman_client_st *client, uintptr_t key, const char *function,
                                 const char *unique, const void *workload, size_t size,
                                 int priority, bool background, gearman_return_t *code)
{
  typedef gearman_task_st *adder(gearman_client_st *, gearman_task_st *, void *, const char *,
                                 const char *, const void *, size_t, gearman_return_t *);
  static adder *const adders[2][3]= {
    {gearman_client_add_task_high, gearman_client_add_task, gearman_client_add_task_low},
    {gearman_client_add_task_high_background, gearman_client_add_task_background,
     gearman_client_add_task_low_background},
  };
  return adders[background][priority](client, NULL, (void *)key, function, unique, workload, size,
                                      code);
}

/* Adds a task that does not start before a given time. The client must be in
 * non-blocking mode; the task calls no callbacks. */
static gearman_task_st *add_epoch_task(gearman_client_st *client, uintptr_t key,
                                       const char *function, const char *unique,
                                       const void *workload, size_t size, int64_t epoch)
{
  gearman_task_attr_t attributes= gearman_task_attr_init_epoch((time_t)epoch,
                                                               GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t argument= gearman_argument_make(NULL, 0, (const char *)workload, size);
  return gearman_execute(client, function, strlen(function), unique,
                         unique == NULL ? 0 : strlen(unique), &attributes, &argument,
                         (void *)key);
}

/* Adds a task that a splitter divides into jobs of a function. The client must be in
 * non-blocking mode; the task calls no callbacks. */
static gearman_task_st *add_partition_task(gearman_client_st *client, uintptr_t key,
                                           const char *splitter, const char *function,
                                           const char *unique, const void *workload, size_t size)
{
  gearman_argument_t argument= gearman_argument_make(NULL, 0, (const char *)workload, size);
  return gearman_execute_by_partition(client, splitter, strlen(splitter), function,
                                      strlen(function), unique,
                                      unique == NULL ? 0 : strlen(unique), NULL, &argument,
                                      (void *)key);
}

static gearman_task_st *add_unique_status_task(gearman_client_st *client, uintptr_t key,
                                               const char *unique, gearman_return_t *code)
{
  gearman_task_st *task= gearman_client_add_task_status_by_unique(client, NULL, unique, code);
  gearman_task_set_context(task, (void *)key);
  return task;
}

static gearman_return_t unique_status(gearman_client_st *client, const char *unique, bool *known,
                                      bool *running, uint32_t *numerator, uint32_t *denominator,
                                      uint32_t *clients)
{
  gearman_status_t status= gearman_client_unique_status(client, unique, strlen(unique));
  *known= gearman_status_is_known(status);
  *running= gearman_status_is_running(status);
  *numerator= gearman_status_numerator(status);
  *denominator= gearman_status_denominator(status);
  *clients= status.status_.mesg_.client_count;
  return gearman_status_return(status);
}

static gearman_return_t define_function(gearman_worker_st *worker, const char *name,
                                        uint32_t timeout, uintptr_t key)
{
  return gearman_worker_define_function(worker, name, strlen(name),
                                        gearman_function_create_v2(on_job), timeout, (void *)key);
}

static const char *task_exception(const gearman_task_st *task, size_t *size)
{
  gearman_string_t exception= gearman_task_exception(task);
  *size= exception.size;
  return exception.c_str;
}

static gearman_return_t define_splitter(gearman_worker_st *worker, const char *name,
                                        uint32_t timeout, uintptr_t key)
{
  return gearman_worker_define_function(worker, name, strlen(name),
                                        gearman_function_create_partition(on_job, on_parts),
                                        timeout, (void *)key);
}

/* Signals that stop a worker. The handler is in C, not in Python, so that it requests the
 * stop when the signal arrives, whatever Python is doing, also just before the worker
 * sleeps. */
static gearman_id_t stop_id;
static pid_t stop_process;
static struct sigaction stopped_before[NSIG];

static void on_stop_signal(int number)
{
  int saved= errno;
  if (getpid() == stop_process)
  {
    gearman_kill(stop_id, GEARMAN_INTERRUPT);
  }
  else
  {
    /* A forked child does not stop its parent's worker. */
    signal(number, SIG_DFL);
    raise(number);
  }
  errno= saved;
}

static void stop_signals_for(gearman_id_t id)
{
  stop_id= id;
  stop_process= getpid();
}

static int stop_signal_on(int number)
{
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler= on_stop_signal;
  sigemptyset(&action.sa_mask);
  return sigaction(number, &action, &stopped_before[number]);
}

static int stop_signal_off(int number)
{
  return sigaction(number, &stopped_before[number], NULL);
}
