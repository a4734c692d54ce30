/* The lines that the log function gets at each verbosity: normal operation and errors, client
 * and worker. */
#include "common.h"

static void log_line(const char *line, gearman_verbose_t verbose, void *context)
{
  printf("    [%s] %s: %s\n", (const char *)context, gearman_verbose_name(verbose), line);
}

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  *size = 0;
  *ret = *(gearman_return_t *)context;
  return NULL;
}

static void client_at(gearman_verbose_t verbose)
{
  char context[] = "client";
  gearman_return_t rc;
  gearman_client_st *client = gearman_client_create(NULL);
  gearman_client_set_log_fn(client, log_line, context, verbose);
  printf("  add_server\n");
  gearman_client_add_server(client, "127.0.0.1", server_port);
  printf("  do\n");
  free(gearman_client_do(client, "echo", NULL, "x", 1, NULL, &rc));
  printf("  failing do\n");
  free(gearman_client_do(client, "fail", NULL, "x", 1, NULL, &rc));
  printf("  echo\n");
  gearman_client_echo(client, "x", 1);
  printf("  invalid arguments\n");
  free(gearman_client_do(client, "", NULL, "x", 1, NULL, &rc));
  gearman_client_echo(client, NULL, 0);
  printf("  no server\n");
  gearman_client_remove_servers(client);
  free(gearman_client_do(client, "echo", NULL, "x", 1, NULL, &rc));
  printf("  unreachable server\n");
  gearman_client_add_server(client, "127.0.0.1", dead_port());
  free(gearman_client_do(client, "echo", NULL, "x", 1, NULL, &rc));
  printf("  bad host\n");
  gearman_client_add_server(client, "no-such-host.invalid", 1);
  printf("  free\n");
  gearman_client_free(client);
}

static void worker_at(gearman_verbose_t verbose)
{
  char context[] = "worker";
  gearman_return_t verdict = GEARMAN_SUCCESS;
  gearman_job_handle_t handle;
  gearman_client_st *client = client_for(server_port);
  gearman_worker_st *worker = gearman_worker_create(NULL);
  gearman_worker_set_log_fn(worker, log_line, context, verbose);
  printf("  add_server\n");
  gearman_worker_add_server(worker, "127.0.0.1", server_port);
  printf("  work without functions\n");
  show("    work", gearman_worker_work(worker));
  printf("  add_function\n");
  gearman_worker_add_function(worker, "logged", 0, work, &verdict);
  printf("  work\n");
  gearman_client_do_background(client, "logged", NULL, "x", 1, handle);
  show("    work", gearman_worker_work(worker));
  printf("  work that fails\n");
  verdict = GEARMAN_WORK_FAIL;
  gearman_client_do_background(client, "logged", NULL, "x", 1, handle);
  show("    work", gearman_worker_work(worker));
  printf("  unregister of an unknown function\n");
  show("    unregister", gearman_worker_unregister(worker, "unheard of"));
  printf("  echo of nothing\n");
  show("    echo", gearman_worker_echo(worker, NULL, 0));
  printf("  free\n");
  gearman_worker_free(worker);
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  for (int verbose = GEARMAN_VERBOSE_NEVER; verbose <= GEARMAN_VERBOSE_MAX; ++verbose)
  {
    printf("== %s\n", gearman_verbose_name((gearman_verbose_t)verbose));
    client_at((gearman_verbose_t)verbose);
    worker_at((gearman_verbose_t)verbose);
  }
  worker_stop(&worker);
  return 0;
}
