/* The calls that `limits.c` makes: each takes a value and says where the server is. */
#ifndef GEARMAN_TESTS_LIMITS_H
#define GEARMAN_TESTS_LIMITS_H

#include "tables.h"

enum { NOWHERE, DEAD, LIVE, PLACES };
static const char *const places[] = {"no server", "a dead server", "a server"};
static in_port_t dead;

static gearman_client_st *client_at(int place)
{
  gearman_client_st *client = gearman_client_create(NULL);
  if (place != NOWHERE) gearman_client_add_server(client, "127.0.0.1", place == DEAD ? dead : server_port);
  return client;
}

static gearman_worker_st *worker_at(int place)
{
  gearman_worker_st *worker = gearman_worker_create(NULL);
  if (place != NOWHERE) gearman_worker_add_server(worker, "127.0.0.1", place == DEAD ? dead : server_port);
  gearman_worker_set_timeout(worker, 500);
  return worker;
}

/* One entry: a call with a value. */
typedef struct
{
  const char *name;
  void (*call)(size_t n, int place);
  size_t limit;
  bool at_each_place;
  /* Not below the limit and at it, where all the bytes would have to be there. */
  bool only_beyond;
  /* Which entries are meant to differ from the original. */
  enum { NONE, ALL, TOO_LONG, AT_A_SERVER, FROM_IT_AT_A_SERVER } differs;
} row;

static void code(gearman_return_t rc) { printf(" %s", rc_name(rc)); }

static void client_code(gearman_client_st *client)
{
  printf(" (%s)", rc_name(gearman_client_error_code(client)));
}

/* What became of a task of gearman_execute: how it ended, or why there is none. After a run that
 * succeeded the code in the client is left over from what the run did inside. */
static void executed(gearman_client_st *client, gearman_task_st *task)
{
  printf(" %s", task == NULL ? "none" : "a task");
  if (task == NULL || gearman_task_return(task) == GEARMAN_UNKNOWN_STATE)
    client_code(client);
  else
    code(gearman_task_return(task));
}

/* So many bytes, or the first of them. */
static const char *bytes_of(size_t n) { return n < 4096 ? string_of(n) : readable(64); }

/* ---- functions ------------------------------------------------------------------------- */

static void fn_do(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t size = 7;
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, 100);
  void *result = gearman_client_do(client, string_of(n), NULL, "abc", 3, &size, &rc);
  code(rc);
  printf(" %s", bytes(result, size));
}

static void fn_background(size_t n, int place)
{
  gearman_job_handle_t handle = "";
  code(gearman_client_do_background(client_at(place), string_of(n), NULL, "abc", 3, handle));
}

static void fn_task(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_task_st *task = gearman_client_add_task_background(client, NULL, NULL, string_of(n), NULL, "abc", 3, &rc);
  code(rc);
  if (task != NULL) printf(" name of %zu", strlen(gearman_task_function_name(task)));
  code(gearman_client_run_tasks(client));
}

static void fn_execute(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_task_attr_t attributes = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_task_st *task = gearman_execute(client, string_of(n), n, NULL, 0, &attributes, NULL, NULL);
  executed(client, task);
}

static void fn_partition(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_task_attr_t attributes = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task = gearman_execute_by_partition(client, string_of(n), n, "r", 1, NULL, 0, &attributes, &argument, NULL);
  executed(client, task);
}

static void fn_reducer(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_task_attr_t attributes = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "abc", 3);
  gearman_task_st *task = gearman_execute_by_partition(client, "split", 5, string_of(n), n, NULL, 0, &attributes, &argument, NULL);
  executed(client, task);
}

static void *nothing(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  return job_empty(job, context, size, ret);
}

static gearman_return_t nothing2(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  return GEARMAN_SUCCESS;
}

static void fn_register(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  char *name = string_of(n);
  code(gearman_worker_register(worker, name, 0));
  printf(" exists %s", yes(gearman_worker_function_exist(worker, name, n)));
  code(gearman_worker_unregister(worker, name));
}

static void fn_add(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  char *name = string_of(n);
  code(gearman_worker_add_function(worker, name, 0, nothing, NULL));
  printf(" exists %s", yes(gearman_worker_function_exist(worker, name, n)));
}

static void fn_define(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  char *name = string_of(n);
  code(gearman_worker_define_function(worker, name, n, gearman_function_create(nothing2), 0, NULL));
  printf(" exists %s", yes(gearman_worker_function_exist(worker, name, n)));
}

static void fn_prefixed(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_client_set_namespace(client, readable(n), n);
  gearman_task_st *task = gearman_client_add_task_background(client, NULL, NULL, "f", NULL, "abc", 3, &rc);
  code(rc);
  if (task != NULL) printf(" name of %zu", strlen(gearman_task_function_name(task)));
  code(gearman_client_run_tasks(client));
}

static void fn_prefixed_worker(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  gearman_worker_set_namespace(worker, readable(n), n);
  const char *space = gearman_worker_namespace(worker);
  printf(" namespace of %zu", space == NULL ? 0 : strlen(space));
  code(gearman_worker_register(worker, "f", 0));
}

/* ---- unique ids ------------------------------------------------------------------------ */

static void un_do(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t size = 7;
  gearman_client_st *client = client_at(place);
  void *result = gearman_client_do(client, "unique", string_of(n), "abc", 3, &size, &rc);
  code(rc);
  printf(" of %zu", size);
  free(result);
}

static void un_background(size_t n, int place)
{
  gearman_job_handle_t handle = "";
  code(gearman_client_do_background(client_at(place), "absent", string_of(n), "abc", 3, handle));
}

static void un_task(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "unique", string_of(n), "abc", 3, &rc);
  code(rc);
  if (task != NULL) printf(" of %zu", strlen(gearman_task_unique(task)));
  code(gearman_client_run_tasks(client));
}

static void un_execute(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_task_st *task = gearman_execute(client, "unique", 6, string_of(n), n, NULL, NULL, NULL);
  executed(client, task);
  if (task != NULL) printf(" of %zu", strlen(gearman_task_unique(task)));
}

static void un_status(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, 5000);
  gearman_status_t status = gearman_client_unique_status(client, string_of(n), n);
  code(gearman_status_return(status));
  printf(" known %s", yes(gearman_status_is_known(status)));
}

static void un_status_task(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, 5000);
  gearman_task_st *task = gearman_client_add_task_status_by_unique(client, NULL, string_of(n), &rc);
  printf(" %s", task == NULL ? "none" : "a task");
  code(rc);
  code(gearman_client_run_tasks(client));
}

/* ---- handles --------------------------------------------------------------------------- */

static void ha_status(size_t n, int place)
{
  bool known = true, running = true;
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, 5000);
  code(gearman_client_job_status(client, string_of(n), &known, &running, NULL, NULL));
  printf(" known %s", yes(known));
}

static void ha_status_task(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, 5000);
  gearman_task_st *task = gearman_client_add_task_status(client, NULL, NULL, string_of(n), &rc);
  printf(" %s", task == NULL ? "none" : "a task");
  code(rc);
  if (task != NULL) printf(" handle of %zu", strlen(gearman_task_job_handle(task)));
  code(gearman_client_run_tasks(client));
}

/* ---- identifiers, options, echoes ------------------------------------------------------ */

static void id_client(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  code(gearman_client_set_identifier(client, readable(n), n));
  code(gearman_client_echo(client, "abc", 3));
}

static void id_worker(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  code(gearman_worker_set_identifier(worker, readable(n), n));
  code(gearman_worker_echo(worker, "abc", 3));
}

static void option_client(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  printf(" %s", yes(gearman_client_set_server_option(client, bytes_of(n), n)));
  client_code(client);
}

static void option_worker(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  printf(" %s", yes(gearman_worker_set_server_option(worker, bytes_of(n), n)));
}

static void echo_client(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_return_t rc = gearman_client_echo(client, bytes_of(n), n);
  code(rc);
  if (rc != GEARMAN_SUCCESS) client_code(client);
}

static void echo_client_null(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  code(gearman_client_echo(client, NULL, n));
  client_code(client);
}

static void echo_worker(size_t n, int place)
{
  code(gearman_worker_echo(worker_at(place), bytes_of(n), n));
}

static void echo_worker_null(size_t n, int place)
{
  code(gearman_worker_echo(worker_at(place), NULL, n));
}

/* ---- names that are shorter than their size, and what is sent ---------------------------- */

static void short_execute(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  executed(client, gearman_execute(client, string_of(5), n, NULL, 0, NULL, NULL, NULL));
}

static void short_unique(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  executed(client, gearman_execute(client, "unique", 6, string_of(5), n, NULL, NULL, NULL));
}

static void short_define(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  code(gearman_worker_define_function(worker, string_of(5), n, gearman_function_create(nothing2), 0, NULL));
}

static void sent_do(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  size_t size = 7;
  void *result = gearman_client_do(client_at(place), "size", NULL, readable(64), n, &size, &rc);
  code(rc);
  printf(" %s", bytes(result, size));
}

static void sent_background(size_t n, int place)
{
  code(gearman_client_do_background(client_at(place), "absent", NULL, readable(64), n, NULL));
}

static void sent_task(size_t n, int place)
{
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  gearman_client_st *client = client_at(place);
  gearman_client_add_task(client, NULL, NULL, "size", NULL, readable(64), n, &rc);
  code(rc);
  code(gearman_client_run_tasks(client));
}

static void sent_execute(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, readable(64), n);
  executed(client, gearman_execute(client, "size", 4, NULL, 0, NULL, &argument, NULL));
}

typedef gearman_return_t (*send_fn)(gearman_job_st *, const void *, size_t);

static void sent_for_job(size_t n, send_fn send)
{
  gearman_return_t rc;
  gearman_client_do_background(client_at(LIVE), "sent", NULL, "abc", 3, NULL);
  gearman_worker_st *worker = worker_at(LIVE);
  gearman_worker_register(worker, "sent", 0);
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  code(rc);
  if (job != NULL)
  {
    code(send(job, readable(64), n));
    code(gearman_job_send_complete(job, "abc", 3));
  }
}

static void sent_data(size_t n, int place) { (void)place; sent_for_job(n, gearman_job_send_data); }
static void sent_warning(size_t n, int place) { (void)place; sent_for_job(n, gearman_job_send_warning); }
static void sent_complete(size_t n, int place) { (void)place; sent_for_job(n, gearman_job_send_complete); }
static void sent_exception(size_t n, int place) { (void)place; sent_for_job(n, gearman_job_send_exception); }

/* ---- the rest -------------------------------------------------------------------------- */

static void host_client(size_t n, int place)
{
  char *host = string_of(n);
  (void)place;
  gearman_client_st *client = gearman_client_create(NULL);
  code(gearman_client_add_server(client, host, 4730));
  printf(" text of %s", strlen(gearman_client_error(client)) < GEARMAN_MAX_ERROR_SIZE ? "less" : "too much");
}

static void timeout_worker(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  gearman_worker_set_timeout(worker, (int)n);
  printf(" %d", gearman_worker_timeout(worker));
  gearman_worker_remove_options(worker, GEARMAN_WORKER_TIMEOUT_RETURN);
  printf(" %d", gearman_worker_timeout(worker));
}

static void timeout_client(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_client_set_timeout(client, (int)n);
  printf(" %d", gearman_client_timeout(client));
}

static void strerror_of(size_t n, int place)
{
  (void)place;
  printf(" %s", gearman_strerror((gearman_return_t)n));
}

static void verbose_of(size_t n, int place)
{
  (void)place;
  printf(" %s", gearman_verbose_name((gearman_verbose_t)n));
}

static void priority_of(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_task_attr_t attributes = gearman_task_attr_init_background((gearman_job_priority_t)n);
  gearman_task_st *task = gearman_execute(client, "absent", 6, NULL, 0, &attributes, NULL, NULL);
  executed(client, task);
}

static void client_option(size_t n, int place)
{
  gearman_client_st *client = client_at(place);
  gearman_client_set_options(client, (gearman_client_options_t)n);
  printf(" %x", gearman_client_options(client));
}

static void worker_option(size_t n, int place)
{
  gearman_worker_st *worker = worker_at(place);
  gearman_worker_set_options(worker, (gearman_worker_options_t)n);
  printf(" %x", gearman_worker_options(worker));
}

#endif
