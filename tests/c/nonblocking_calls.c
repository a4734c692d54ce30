/* The calls that have an outcome to return, on a non-blocking client and worker, in every state
 * of the server: what they return, called again and again with a wait in between. */
#include "stepped_server.h"

static stepped_server one;
static gearman_client_st *client;
static gearman_worker_st *worker;
static gearman_job_handle_t handle = "H:stepped:1";
static gearman_return_t rc;
static size_t size;

static gearman_return_t c_do(void)
{
  free(gearman_client_do(client, "f", NULL, "w", 1, &size, &rc));
  return rc;
}

static gearman_return_t c_background(void)
{
  return gearman_client_do_background(client, "f", NULL, "w", 1, NULL);
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

static gearman_return_t c_cancel(void) { return gearman_client_cancel_job(client, handle); }

static gearman_return_t w_echo(void) { return gearman_worker_echo(worker, "w", 1); }

static gearman_return_t w_option(void)
{
  return gearman_worker_set_server_option(worker, "exceptions", 10) ? GEARMAN_SUCCESS
                                                                    : GEARMAN_FAIL;
}

static const struct
{
  const char *name;
  bool is_worker;
  gearman_return_t (*call)(void);
} calls[] = {{"do", false, c_do},
             {"do_background", false, c_background},
             {"job_status", false, c_job_status},
             {"unique_status", false, c_unique_status},
             {"echo", false, c_echo},
             {"set_server_option", false, c_option},
             {"execute", false, c_execute},
             {"cancel_job", false, c_cancel},
             {"worker's echo", true, w_echo},
             {"worker's set_server_option", true, w_option}};

static const struct
{
  const char *name;
  /* Before the handle is made; after it was used for an echo, which happens only if this is
   * not empty: '-' is no request. */
  char before[3], after[3];
} states[] = {{"down", "r", ""},           {"up", "lf", ""},
              {"silent", "lm", ""},        {"idle", "lf", "-"},
              {"lost while idle", "lf", "xr"}, {"lost while idle, up again", "lf", "xf"}};

static size_t which, state;

static gearman_return_t wait_once(void)
{
  return calls[which].is_worker ? gearman_worker_wait(worker) : gearman_client_wait(client);
}

static void body(const void *argument)
{
  folded codes = {"", 0};
  (void)argument;
  printf("%s: %s:", states[state].name, calls[which].name);
  fflush(stdout);
  for (const char *request = states[state].before; *request != 0; ++request) server(&one, *request);
  if (calls[which].is_worker)
  {
    worker = worker_for(one.port);
    gearman_worker_set_timeout(worker, 200);
    if (states[state].after[0] != 0) gearman_worker_echo(worker, "w", 1);
    gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  }
  else
  {
    client = client_for(one.port);
    gearman_client_set_timeout(client, 200);
    if (states[state].after[0] != 0) gearman_client_echo(client, "w", 1);
    gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  }
  for (const char *request = states[state].after; *request != 0; ++request)
    if (*request != '-') server(&one, *request);
  /* Longer than an idle connection is trusted. */
  if (states[state].after[0] != 0) poll(NULL, 0, 20);
  /* It does not wait: its server moves between the calls. */
  bool steps = calls[which].call == c_execute;
  if (steps) server(&one, STEP);
  for (int x = 0; x < 4; ++x)
  {
    rc = calls[which].call();
    if (steps) server(&one, STEP);
    fold(&codes, "%s-%s", brief(rc), brief(wait_once()));
  }
  fold_end(&codes);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  for (state = 0; state < sizeof(states) / sizeof(*states); ++state)
    for (which = 0; which < sizeof(calls) / sizeof(*calls); ++which)
    {
      one = stepped_start();
      row(body, NULL);
      stepped_stop(&one);
    }
  return 0;
}
