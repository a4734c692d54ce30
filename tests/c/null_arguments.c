/* Every function with a NULL handle, and with NULL out-pointers and sizes without pointers: an
 * error or nothing, never a crash. With GEARMAN_TEST_APART set each call runs in a process of its
 * own, so that a library that crashes can be looked at too. */
#include "common.h"

static bool apart;

static bool begin(const char *call)
{
  printf("%s: ", call);
  fflush(stdout);
  if (!apart) return true;
  pid_t pid = fork();
  if (pid == 0)
  {
    alarm(3);
    return true;
  }
  int status;
  waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) printf("signal %d\n", WTERMSIG(status));
  return false;
}

static void end(void)
{
  fflush(stdout);
  if (apart) _exit(0);
}

/* One macro for each kind of result: code, pointer, bool, number, text, nothing. */
#define CODE(call) \
  if (begin(#call)) { printf("%s\n", rc_name(call)); end(); }
#define POINTER(call) \
  if (begin(#call)) { printf("%s\n", (call) == NULL ? "NULL" : "set"); end(); }
#define BOOL(call) \
  if (begin(#call)) { printf("%s\n", yes(call)); end(); }
#define NUMBER(call) \
  if (begin(#call)) { printf("%lld\n", (long long)(call)); end(); }
#define TEXT(call) \
  if (begin(#call)) { printf("%s\n", text(call)); end(); }
#define NOTHING(call) \
  if (begin(#call)) { call; printf("came back\n"); end(); }

static gearman_return_t task_fn(gearman_task_st *task)
{
  (void)task;
  return GEARMAN_SUCCESS;
}

static void context_fn(gearman_task_st *task, void *context)
{
  (void)task;
  (void)context;
}

static gearman_return_t function_fn(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  return GEARMAN_SUCCESS;
}

static void log_fn(const char *line, gearman_verbose_t verbose, void *context)
{
  (void)line;
  (void)verbose;
  (void)context;
}

static void *malloc_fn(size_t size, void *context)
{
  (void)context;
  return malloc(size);
}

static void free_fn(void *pointer, void *context)
{
  (void)context;
  free(pointer);
}

static void client_without_handle(void)
{
  size_t size = 0;
  gearman_return_t rc = GEARMAN_SUCCESS;
  gearman_job_handle_t handle = "H:nowhere:1";
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "x", 1);
  uint32_t number = 0;
  bool flag = false;
  gearman_client_st *const none = NULL;

  NOTHING(gearman_client_free(none));
  TEXT(gearman_client_error(none));
  CODE(gearman_client_error_code(none));
  NUMBER(gearman_client_errno(none));
  NUMBER(gearman_client_options(none));
  NOTHING(gearman_client_set_options(none, GEARMAN_CLIENT_NON_BLOCKING));
  NOTHING(gearman_client_add_options(none, GEARMAN_CLIENT_NON_BLOCKING));
  NOTHING(gearman_client_remove_options(none, GEARMAN_CLIENT_NON_BLOCKING));
  BOOL(gearman_client_has_option(none, GEARMAN_CLIENT_NON_BLOCKING));
  NUMBER(gearman_client_timeout(none));
  NOTHING(gearman_client_set_timeout(none, 1));
  NOTHING(gearman_client_set_ssl(none, true, NULL, NULL, NULL));
  POINTER(gearman_client_context(none));
  NOTHING(gearman_client_set_context(none, &rc));
  NOTHING(gearman_client_set_log_fn(none, log_fn, NULL, GEARMAN_VERBOSE_MAX));
  NOTHING(gearman_client_set_workload_malloc_fn(none, malloc_fn, NULL));
  NOTHING(gearman_client_set_workload_free_fn(none, free_fn, NULL));
  CODE(gearman_client_set_memory_allocators(none, NULL, NULL, NULL, NULL, NULL));
  CODE(gearman_client_add_server(none, "127.0.0.1", 1));
  CODE(gearman_client_add_servers(none, "127.0.0.1"));
  NOTHING(gearman_client_remove_servers(none));
  CODE(gearman_client_wait(none));
  POINTER(gearman_client_do(none, "f", NULL, "x", 1, &size, &rc));
  POINTER(gearman_client_do_high(none, "f", NULL, "x", 1, &size, &rc));
  POINTER(gearman_client_do_low(none, "f", NULL, "x", 1, &size, &rc));
  CODE((gearman_client_do(none, "f", NULL, "x", 1, &size, &rc), rc));
  POINTER(gearman_client_do(none, NULL, NULL, NULL, 1, NULL, NULL));
  TEXT(gearman_client_do_job_handle(none));
  NOTHING(gearman_client_do_status(none, &number, &number));
  NOTHING(gearman_client_do_status(none, NULL, NULL));
  CODE(gearman_client_do_background(none, "f", NULL, "x", 1, handle));
  CODE(gearman_client_do_high_background(none, "f", NULL, "x", 1, handle));
  CODE(gearman_client_do_low_background(none, "f", NULL, "x", 1, NULL));
  CODE(gearman_client_job_status(none, handle, &flag, &flag, &number, &number));
  CODE(gearman_status_return(gearman_client_unique_status(none, "u", 1)));
  CODE(gearman_client_cancel_job(none, handle));
  CODE(gearman_client_echo(none, "x", 1));
  NOTHING(gearman_client_task_free_all(none));
  NOTHING(gearman_client_set_task_context_free_fn(none, context_fn));
  POINTER(gearman_client_add_task(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  CODE((gearman_client_add_task(none, NULL, NULL, "f", NULL, "x", 1, &rc), rc));
  POINTER(gearman_client_add_task(none, NULL, NULL, "f", NULL, "x", 1, NULL));
  POINTER(gearman_client_add_task_high(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  POINTER(gearman_client_add_task_low(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  POINTER(gearman_client_add_task_background(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  POINTER(gearman_client_add_task_high_background(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  POINTER(gearman_client_add_task_low_background(none, NULL, NULL, "f", NULL, "x", 1, &rc));
  POINTER(gearman_client_add_task_status(none, NULL, NULL, "H:nowhere:1", &rc));
  POINTER(gearman_client_add_task_status_by_unique(none, NULL, "u", &rc));
  NOTHING(gearman_client_set_workload_fn(none, task_fn));
  NOTHING(gearman_client_set_created_fn(none, task_fn));
  NOTHING(gearman_client_set_data_fn(none, task_fn));
  NOTHING(gearman_client_set_warning_fn(none, task_fn));
  NOTHING(gearman_client_set_status_fn(none, task_fn));
  NOTHING(gearman_client_set_complete_fn(none, task_fn));
  NOTHING(gearman_client_set_exception_fn(none, task_fn));
  NOTHING(gearman_client_set_fail_fn(none, task_fn));
  NOTHING(gearman_client_clear_fn(none));
  CODE(gearman_client_run_tasks(none));
  BOOL(gearman_client_compare(none, none));
  BOOL(gearman_client_set_server_option(none, "exceptions", 10));
  NOTHING(gearman_client_set_namespace(none, "n", 1));
  CODE(gearman_client_set_identifier(none, "i", 1));
  BOOL(gearman_client_has_tasks(none));
  BOOL(gearman_client_has_active_tasks(none));
  POINTER(gearman_execute(none, "f", 1, NULL, 0, NULL, &argument, NULL));
  POINTER(gearman_execute_by_partition(none, "p", 1, "f", 1, NULL, 0, NULL, &argument, NULL));
}

static void task_without_handle(void)
{
  size_t size = 0;
  gearman_return_t rc = GEARMAN_SUCCESS;
  char buffer[8];
  gearman_task_st *const none = NULL;

  NOTHING(gearman_task_free(none));
  POINTER(gearman_task_context(none));
  NOTHING(gearman_task_set_context(none, &rc));
  TEXT(gearman_task_function_name(none));
  TEXT(gearman_task_unique(none));
  TEXT(gearman_task_job_handle(none));
  BOOL(gearman_task_is_known(none));
  BOOL(gearman_task_is_running(none));
  NUMBER(gearman_task_numerator(none));
  NUMBER(gearman_task_denominator(none));
  NOTHING(gearman_task_give_workload(none, NULL, 0));
  NUMBER(gearman_task_send_workload(none, "x", 1, &rc));
  NUMBER(gearman_task_send_workload(none, "x", 1, NULL));
  POINTER(gearman_task_data(none));
  NUMBER(gearman_task_data_size(none));
  POINTER(gearman_task_take_data(none, &size));
  POINTER(gearman_task_take_data(none, NULL));
  NUMBER(gearman_task_recv_data(none, buffer, sizeof(buffer), &rc));
  NUMBER(gearman_task_recv_data(none, NULL, 0, NULL));
  TEXT(gearman_task_error(none));
  POINTER(gearman_task_result(none));
  CODE(gearman_task_return(none));
  TEXT(gearman_task_strstate(none));
  BOOL(gearman_task_has_exception(none));
  POINTER(gearman_task_exception(none).c_str);
  BOOL(gearman_task_is_finished(none));
  POINTER(gearman_next(none));
}

static void worker_without_handle(void)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  gearman_worker_st *const none = NULL;

  NOTHING(gearman_worker_free(none));
  TEXT(gearman_worker_error(none));
  NUMBER(gearman_worker_errno(none));
  NUMBER(gearman_worker_options(none));
  NOTHING(gearman_worker_set_options(none, GEARMAN_WORKER_NON_BLOCKING));
  NOTHING(gearman_worker_add_options(none, GEARMAN_WORKER_NON_BLOCKING));
  NOTHING(gearman_worker_remove_options(none, GEARMAN_WORKER_NON_BLOCKING));
  NUMBER(gearman_worker_timeout(none));
  NOTHING(gearman_worker_set_timeout(none, 1));
  POINTER(gearman_worker_context(none));
  NOTHING(gearman_worker_set_context(none, &rc));
  NOTHING(gearman_worker_set_log_fn(none, log_fn, NULL, GEARMAN_VERBOSE_MAX));
  NOTHING(gearman_worker_set_workload_malloc_fn(none, malloc_fn, NULL));
  NOTHING(gearman_worker_set_workload_free_fn(none, free_fn, NULL));
  CODE(gearman_worker_set_memory_allocators(none, NULL, NULL, NULL, NULL, NULL));
  CODE(gearman_worker_add_server(none, "127.0.0.1", 1));
  CODE(gearman_worker_add_servers(none, "127.0.0.1"));
  NOTHING(gearman_worker_remove_servers(none));
  CODE(gearman_worker_wait(none));
  CODE(gearman_worker_register(none, "f", 0));
  CODE(gearman_worker_unregister(none, "f"));
  CODE(gearman_worker_unregister_all(none));
  POINTER(gearman_worker_grab_job(none, NULL, &rc));
  CODE((gearman_worker_grab_job(none, NULL, &rc), rc));
  POINTER(gearman_worker_grab_job(none, NULL, NULL));
  NOTHING(gearman_job_free_all(none));
  BOOL(gearman_worker_function_exist(none, "f", 1));
  CODE(gearman_worker_add_function(none, "f", 0, job_echo, NULL));
  CODE(gearman_worker_define_function(none, "f", 1, gearman_function_create(function_fn), 0, NULL));
  CODE(gearman_worker_work(none));
  CODE(gearman_worker_echo(none, "x", 1));
  BOOL(gearman_worker_set_server_option(none, "exceptions", 10));
  NOTHING(gearman_worker_set_namespace(none, "n", 1));
  TEXT(gearman_worker_namespace(none));
  BOOL(gearman_id_valid(gearman_worker_id(none)));
  CODE(gearman_worker_set_identifier(none, "i", 1));
}

static void job_without_handle(void)
{
  size_t size = 0;
  gearman_job_st *const none = NULL;

  NOTHING(gearman_job_free(none));
  CODE(gearman_job_send_data(none, "x", 1));
  CODE(gearman_job_send_warning(none, "x", 1));
  CODE(gearman_job_send_status(none, 1, 2));
  CODE(gearman_job_send_complete(none, "x", 1));
  CODE(gearman_job_send_exception(none, "x", 1));
  CODE(gearman_job_send_fail(none));
  TEXT(gearman_job_handle(none));
  TEXT(gearman_job_function_name(none));
  TEXT(gearman_job_unique(none));
  POINTER(gearman_job_workload(none));
  NUMBER(gearman_job_workload_size(none));
  POINTER(gearman_job_take_workload(none, &size));
  POINTER(gearman_job_take_workload(none, NULL));
  POINTER(gearman_job_clone_worker(none));
  POINTER(gearman_job_use_client(none));
  TEXT(gearman_job_error(none));
}

static void results_without_handle(void)
{
  gearman_string_t string = {"x", 1};
  gearman_result_st *const none = NULL;

  NUMBER(gearman_result_integer(none));
  BOOL(gearman_result_boolean(none));
  POINTER(gearman_result_string(none).c_str);
  CODE(gearman_result_store_string(none, string));
  NOTHING(gearman_result_store_integer(none, 1));
  CODE(gearman_result_store_value(none, "x", 1));
  NUMBER(gearman_result_size(none));
  TEXT(gearman_result_value(none));
  BOOL(gearman_result_is_null(none));
  POINTER(gearman_aggegator_context(NULL));
  CODE(gearman_parse_servers("a", NULL, NULL));
}

static void pieces_missing(void)
{
  gearman_return_t rc = GEARMAN_SUCCESS;
  gearman_job_handle_t handle = "H:nowhere:1";
  uint32_t number = 0;
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = worker_for(server_port);
  gearman_client_set_timeout(client, 1000);
  gearman_worker_set_timeout(worker, 50);

  POINTER(gearman_client_do(client, NULL, NULL, NULL, 0, NULL, NULL));
  POINTER(gearman_client_do(client, "f", NULL, NULL, 7, NULL, NULL));
  CODE(gearman_client_do_background(client, NULL, NULL, NULL, 0, NULL));
  CODE(gearman_client_job_status(client, NULL, NULL, NULL, NULL, NULL));
  CODE(gearman_client_job_status(client, handle, NULL, NULL, NULL, &number));
  CODE(gearman_status_return(gearman_client_unique_status(client, NULL, 0)));
  CODE(gearman_status_return(gearman_client_unique_status(client, NULL, 5)));
  CODE(gearman_client_cancel_job(client, NULL));
  POINTER(gearman_client_add_task(client, NULL, NULL, NULL, NULL, NULL, 0, NULL));
  POINTER(gearman_client_add_task_status(client, NULL, NULL, NULL, &rc));
  POINTER(gearman_client_add_task_status(client, NULL, NULL, NULL, NULL));
  POINTER(gearman_client_add_task_status_by_unique(client, NULL, NULL, &rc));
  POINTER(gearman_client_add_task_status_by_unique(client, NULL, NULL, NULL));
  NOTHING(gearman_client_do_status(client, NULL, NULL));
  NOTHING(gearman_client_set_log_fn(client, NULL, NULL, GEARMAN_VERBOSE_MAX));
  NOTHING(gearman_client_set_workload_malloc_fn(client, NULL, NULL));
  NOTHING(gearman_client_set_workload_free_fn(client, NULL, NULL));
  NOTHING(gearman_client_set_task_context_free_fn(client, NULL));
  BOOL(gearman_client_set_server_option(client, NULL, 10));
  NOTHING(gearman_client_set_namespace(client, NULL, 5));
  CODE(gearman_client_set_identifier(client, NULL, 5));
  BOOL(gearman_client_compare(client, NULL));
  BOOL(gearman_client_compare(NULL, client));
  POINTER(gearman_execute(client, "f", 0, NULL, 0, NULL, NULL, NULL));
  POINTER(gearman_execute(client, NULL, 3, NULL, 3, NULL, NULL, NULL));
  POINTER(gearman_execute_by_partition(client, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, NULL));
  CODE(gearman_worker_register(worker, NULL, 0));
  CODE(gearman_worker_unregister(worker, NULL));
  BOOL(gearman_worker_function_exist(worker, NULL, 0));
  BOOL(gearman_worker_function_exist(worker, NULL, 3));
  CODE(gearman_worker_add_function(worker, NULL, 0, NULL, NULL));
  CODE(gearman_worker_define_function(worker, NULL, 0, gearman_function_create(function_fn), 0, NULL));
  CODE(gearman_worker_define_function(worker, "f", 1, gearman_function_create(NULL), 0, NULL));
  CODE(gearman_worker_echo(worker, NULL, 3));
  BOOL(gearman_worker_set_server_option(worker, NULL, 3));
  NOTHING(gearman_worker_set_namespace(worker, NULL, 3));
  CODE(gearman_worker_set_identifier(worker, NULL, 3));
  POINTER(gearman_worker_grab_job(worker, NULL, NULL));
  gearman_client_free(client);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  apart = getenv("GEARMAN_TEST_APART") != NULL;
  client_without_handle();
  task_without_handle();
  worker_without_handle();
  job_without_handle();
  results_without_handle();
  pieces_missing();
  return 0;
}
