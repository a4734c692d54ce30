/* For programs that do something inside every kind of callback of a task: `outer` is the task whose
 * callbacks are meant, `action` is called once, in its callback of the kind `where`. */
#ifndef GEARMAN_TESTS_EVERY_CALLBACK_H
#define GEARMAN_TESTS_EVERY_CALLBACK_H

#include "common.h"

enum kind { CREATED, DATA, WARNING, STATUS, COMPLETE, EXCEPTION, FAIL, KINDS };

static const struct
{
  const char *name;
  const char *function; /* a job that calls it */
} kinds[KINDS] = {
    {"created", "everything"},  {"data", "everything"},     {"warning", "everything"},
    {"status", "everything"},   {"complete", "everything"}, {"exception", "exception"},
    {"fail", "fail"},
};

static enum kind where;
static void (*action)(gearman_task_st *task);
static gearman_client_st *client;
static gearman_task_st *outer;
/* Callbacks of `outer`, and of other tasks those that say that something was answered. */
static int calls, others;

static gearman_return_t call(enum kind kind, gearman_task_st *task)
{
  if (task != outer)
  {
    if (kind == COMPLETE || kind == STATUS) ++others;
    return GEARMAN_SUCCESS;
  }
  ++calls;
  if (kind == where && action != NULL)
  {
    void (*once)(gearman_task_st *) = action;
    action = NULL;
    once(task);
  }
  return GEARMAN_SUCCESS;
}

#define CALLBACK(name, kind) \
  static gearman_return_t name(gearman_task_st *task) { return call(kind, task); }
CALLBACK(at_created, CREATED)
CALLBACK(at_data, DATA)
CALLBACK(at_warning, WARNING)
CALLBACK(at_status, STATUS)
CALLBACK(at_complete, COMPLETE)
CALLBACK(at_exception, EXCEPTION)
CALLBACK(at_fail, FAIL)

/* A client with all of these callbacks. */
static void make_client(void)
{
  calls = others = 0;
  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);
  gearman_client_set_created_fn(client, at_created);
  gearman_client_set_data_fn(client, at_data);
  gearman_client_set_warning_fn(client, at_warning);
  gearman_client_set_status_fn(client, at_status);
  gearman_client_set_complete_fn(client, at_complete);
  gearman_client_set_exception_fn(client, at_exception);
  gearman_client_set_fail_fn(client, at_fail);
}

#endif
