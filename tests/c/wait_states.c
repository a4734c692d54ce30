/* gearman_client_wait() and gearman_worker_wait() after every call that can leave a connection
 * open, on blocking and non-blocking handles: which servers do they wait for? Each is called
 * three times, and the server moves before the second. */
#include "stepped_server.h"

static stepped_server one;
static gearman_client_st *client;
static gearman_worker_st *worker;
static gearman_job_handle_t handle = "H:stepped:1";
static gearman_return_t rc;
static size_t size;

static void *offered(gearman_job_st *job, void *context, size_t *result_size, gearman_return_t *ret)
{
  return job_empty(job, context, result_size, ret);
}

static gearman_return_t no_call(void) { return GEARMAN_SUCCESS; }

/* ---- calls of a client ---- */

static gearman_return_t c_do(void)
{
  free(gearman_client_do(client, "f", NULL, "w", 1, &size, &rc));
  return rc;
}

static gearman_return_t c_background(void)
{
  return gearman_client_do_background(client, "f", NULL, "w", 1, handle);
}

static gearman_return_t c_job_status(void)
{
  return gearman_client_job_status(client, handle, NULL, NULL, NULL, NULL);
}

static gearman_return_t c_unique_status(void)
{
  return gearman_status_return(gearman_client_unique_status(client, "u", 1));
}

static gearman_return_t c_echo(void) { return gearman_client_echo(client, "w", 1); }

static gearman_return_t c_option(void)
{
  return gearman_client_set_server_option(client, "exceptions", 10) ? GEARMAN_SUCCESS
                                                                    : GEARMAN_FAIL;
}

static gearman_return_t c_execute(void)
{
  gearman_argument_t value = gearman_argument_make(0, 0, "w", 1);
  gearman_task_st *task = gearman_execute(client, "f", 1, NULL, 0, NULL, &value, NULL);
  return task == NULL ? gearman_client_error_code(client) : gearman_task_return(task);
}

static gearman_return_t c_add(void)
{
  gearman_client_add_task(client, NULL, NULL, "f", NULL, "w", 1, &rc);
  return rc;
}

static gearman_return_t c_run_nothing(void) { return gearman_client_run_tasks(client); }

static gearman_return_t c_run(void)
{
  c_add();
  return gearman_client_run_tasks(client);
}

static gearman_return_t c_run_two(void)
{
  c_add();
  return c_run();
}

static gearman_return_t c_run_background(void)
{
  gearman_client_add_task_background(client, NULL, NULL, "f", NULL, "w", 1, &rc);
  return gearman_client_run_tasks(client);
}

static gearman_return_t c_run_status(void)
{
  gearman_client_add_task_status(client, NULL, NULL, "H:stepped:1", &rc);
  return gearman_client_run_tasks(client);
}

static gearman_return_t c_run_and_free(void)
{
  rc = c_run();
  gearman_client_task_free_all(client);
  return rc;
}

static gearman_return_t c_remove(void)
{
  rc = c_echo();
  gearman_client_remove_servers(client);
  return rc;
}

/* ---- calls of a worker ---- */

static gearman_return_t w_work(void) { return gearman_worker_work(worker); }

static gearman_return_t w_work_job(void)
{
  server(&one, ADD_JOB);
  server(&one, RUN);
  return gearman_worker_work(worker);
}

static gearman_return_t w_grab(void)
{
  gearman_worker_grab_job(worker, NULL, &rc);
  return rc;
}

static gearman_return_t w_grab_job(void)
{
  server(&one, ADD_JOB);
  server(&one, RUN);
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  if (job != NULL) rc = gearman_job_send_complete(job, NULL, 0);
  return rc;
}

static gearman_return_t w_grab_and_hold(void)
{
  server(&one, ADD_JOB);
  server(&one, RUN);
  gearman_worker_grab_job(worker, NULL, &rc);
  return rc;
}

static gearman_return_t w_echo(void) { return gearman_worker_echo(worker, "w", 1); }

static gearman_return_t w_option(void)
{
  return gearman_worker_set_server_option(worker, "exceptions", 10) ? GEARMAN_SUCCESS
                                                                    : GEARMAN_FAIL;
}

static gearman_return_t w_work_timeout(void)
{
  gearman_worker_add_options(worker, GEARMAN_WORKER_TIMEOUT_RETURN);
  return gearman_worker_work(worker);
}

static gearman_return_t w_register(void) { return gearman_worker_register(worker, "g", 0); }

typedef struct
{
  const char *name;
  bool is_worker;
  gearman_return_t (*call)(void);
} action;

static const action actions[] = {
    {"client: nothing", false, no_call},
    {"client: do", false, c_do},
    {"client: do_background", false, c_background},
    {"client: job_status", false, c_job_status},
    {"client: unique_status", false, c_unique_status},
    {"client: echo", false, c_echo},
    {"client: set_server_option", false, c_option},
    {"client: execute", false, c_execute},
    {"client: add_task", false, c_add},
    {"client: run_tasks without tasks", false, c_run_nothing},
    {"client: run_tasks", false, c_run},
    {"client: run_tasks with two", false, c_run_two},
    {"client: run_tasks in the background", false, c_run_background},
    {"client: run_tasks for a status", false, c_run_status},
    {"client: run_tasks, task_free_all", false, c_run_and_free},
    {"client: echo, remove_servers", false, c_remove},
    {"worker: nothing", true, no_call},
    {"worker: register", true, w_register},
    {"worker: work with a job", true, w_work_job},
    {"worker: work until its time is over", true, w_work_timeout},
    {"worker: grab_job without a job", true, w_grab},
    {"worker: grab_job, complete", true, w_grab_job},
    {"worker: grab_job", true, w_grab_and_hold},
    {"worker: echo", true, w_echo},
    {"worker: set_server_option", true, w_option}};

static const action unfinished[] = {
    {"worker, not blocking: work", true, w_work},
    {"client, not blocking: run_tasks", false, c_run},
    {"client, not blocking: run_tasks in the background", false, c_run_background}};

static bool blocking, up;

static void wait_once(bool is_worker, folded *codes)
{
  gearman_return_t waited = is_worker ? gearman_worker_wait(worker) : gearman_client_wait(client);
  fold(codes, "%s", brief(waited));
}

static void body(const void *argument)
{
  const action *now = argument;
  folded codes = {"", 0};
  printf("%s, %s:", now->name, up ? "up" : "down");
  fflush(stdout);
  server(&one, up ? LISTEN : REFUSE);
  if (blocking) server(&one, RUN);
  if (now->is_worker)
  {
    worker = worker_for(one.port);
    gearman_worker_set_timeout(worker, 100);
    gearman_worker_add_function(worker, "offered", 0, offered, NULL);
    if (!blocking) gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  }
  else
  {
    client = client_for(one.port);
    gearman_client_set_timeout(client, 100);
    if (!blocking) gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  }
  printf(" %s:", brief(now->call()));
  wait_once(now->is_worker, &codes);
  server(&one, STEP);
  wait_once(now->is_worker, &codes);
  wait_once(now->is_worker, &codes);
  fold_end(&codes);
  if (now->is_worker)
    gearman_worker_free(worker);
  else
    gearman_client_free(client);
}

static void each(const action *list, size_t count)
{
  for (int x = 0; x < 2; ++x)
    for (size_t y = 0; y < count; ++y)
    {
      up = x == 0;
      if (list[y].is_worker && !up && blocking && list[y].call != w_echo && list[y].call != no_call)
        continue;
      one = stepped_start();
      row(body, &list[y]);
      stepped_stop(&one);
    }
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  blocking = true;
  each(actions, sizeof(actions) / sizeof(*actions));
  blocking = false;
  each(unfinished, sizeof(unfinished) / sizeof(*unfinished));
  return 0;
}
