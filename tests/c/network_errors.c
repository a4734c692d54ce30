/* Unreachable servers, none at all, hosts that do not resolve, servers that close the connection,
 * timeouts: code and error text of every kind of call. */
#include "common.h"

static void tell(gearman_client_st *client, const char *what, gearman_return_t rc)
{
  show(what, rc);
  if (rc != GEARMAN_SUCCESS) show_client_error(client);
}

static gearman_client_st *fresh(in_port_t port, int timeout)
{
  gearman_client_st *client = gearman_client_create(NULL);
  if (port != 0) gearman_client_add_server(client, "127.0.0.1", port);
  gearman_client_set_timeout(client, timeout);
  return client;
}

/* Each call on a client of its own: a status query that failed leaves the original unable to go
 * on (see failed_status_then_submit). What becomes of a task that was sent and is lost or refused
 * differs (see task_lost_or_refused). */
static void every_call(const char *label, in_port_t port, int timeout, bool task_survives)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  size_t size = 4711;
  printf("== %s\n", label);

  gearman_client_st *client = fresh(port, timeout);
  void *result = gearman_client_do(client, "echo", NULL, "x", 1, &size, &rc);
  printf("result %s\n", bytes(result, size));
  tell(client, "do", rc);
  free(gearman_client_do_low(client, "echo", NULL, "x", 1, &size, &rc));
  tell(client, "do_low after it", rc);
  gearman_client_free(client);

  client = fresh(port, timeout);
  tell(client, "do_background",
       gearman_client_do_background(client, "echo", NULL, "x", 1, handle));
  tell(client, "do_background again",
       gearman_client_do_background(client, "echo", NULL, "x", 1, handle));
  gearman_client_free(client);

  client = fresh(port, timeout);
  bool known, running;
  uint32_t numerator, denominator;
  strcpy(handle, "H:nowhere:1");
  tell(client, "job_status",
       gearman_client_job_status(client, handle, &known, &running, &numerator, &denominator));
  gearman_client_free(client);

  client = fresh(port, timeout);
  tell(client, "unique_status",
       gearman_status_return(gearman_client_unique_status(client, "u", 1)));
  gearman_client_free(client);

  client = fresh(port, timeout);
  tell(client, "echo", gearman_client_echo(client, "x", 1));
  gearman_client_free(client);

  client = fresh(port, timeout);
  bool accepted = gearman_client_set_server_option(client, "exceptions", 10);
  printf("set_server_option: %s\n", yes(accepted));
  if (!accepted) show_client_error(client);
  gearman_client_free(client);

  client = fresh(port, timeout);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  tell(client, "add_task", rc);
  tell(client, "run_tasks", gearman_client_run_tasks(client));
  if (task_survives)
  {
    show_task("task", task);
    tell(client, "run_tasks again", gearman_client_run_tasks(client));
  }
  gearman_client_free(client);

  client = fresh(port, timeout);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "x", 1);
  task = gearman_execute(client, "echo", 4, NULL, 0, NULL, &argument, NULL);
  if (task_survives)
    printf("execute: %s\n", task == NULL ? "no task" : rc_name(gearman_task_return(task)));
  show_client_error(client);
  gearman_client_free(client);
}

static void close_after_request(int fd, int connection)
{
  (void)connection;
  packet_recv(fd);
}

static void stay_silent(int fd, int connection)
{
  (void)connection;
  while (packet_recv(fd) >= 0) {}
}

static void refuse(int fd, int connection)
{
  (void)connection;
  for (int type; (type = packet_recv(fd)) >= 0;)
    if (type == ECHO_REQ)
      packet_send(fd, ECHO_RES, packet_body, packet_size);
    else if (type == OPTION_REQ)
      packet_send(fd, OPTION_RES, packet_body, packet_size);
    else
      packet_send(fd, SERVER_ERROR, "QUEUE_ERROR\0the queue is full", 29);
}

static void scripted(const char *label, void (*play)(int, int), int timeout, bool task_survives)
{
  in_port_t port;
  pid_t server = scripted_server(&port, play);
  every_call(label, port, timeout, task_survives);
  end_process(server);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  every_call("no servers", 0, -1, true);
  every_call("no listener", dead_port(), -1, true);
  scripted("closes after the request", close_after_request, 5000, false);
  scripted("stays silent", stay_silent, 100, true);
  scripted("answers ERROR to a job", refuse, 5000, false);

  printf("== hosts\n");
  gearman_client_st *client = gearman_client_create(NULL);
  tell(client, "add_server of a bad name",
       gearman_client_add_server(client, "no-such-host.invalid", 4730));
  tell(client, "add_servers with a bad name",
       gearman_client_add_servers(client, "127.0.0.1:1,no-such-host.invalid"));
  gearman_client_free(client);
  return 0;
}
