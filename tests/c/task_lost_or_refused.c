/* What becomes of a task that was sent when its connection ends, and of one that the server answers
 * with ERROR: it is finished with that code, and the client goes on. */
#include "common.h"

static void close_after_request(int fd, int connection)
{
  (void)connection;
  packet_recv(fd);
}

static void refuse(int fd, int connection)
{
  (void)connection;
  while (packet_recv(fd) >= 0) packet_send(fd, SERVER_ERROR, "QUEUE_ERROR\0the queue is full", 29);
}

static void play(const char *label, void (*script)(int, int))
{
  in_port_t port;
  gearman_return_t rc;
  pid_t server = scripted_server(&port, script);
  printf("== %s\n", label);

  gearman_client_st *client = client_for(port);
  gearman_client_set_timeout(client, 5000);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "x", 1, &rc);
  show("run_tasks", gearman_client_run_tasks(client));
  show_task("task", task);
  show("run_tasks again", gearman_client_run_tasks(client));
  gearman_client_free(client);

  client = client_for(port);
  gearman_client_set_timeout(client, 5000);
  gearman_argument_t argument = gearman_argument_make(NULL, 0, "x", 1);
  task = gearman_execute(client, "echo", 4, NULL, 0, NULL, &argument, NULL);
  printf("execute: %s\n", task == NULL ? "no task" : rc_name(gearman_task_return(task)));
  gearman_client_free(client);
  end_process(server);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  play("the connection ends", close_after_request);
  play("the server refuses", refuse);
  return 0;
}
