/* gearman_client_cancel_job: a waiting job, a running one, one that is not known. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_job_handle_t waiting, running, unknown = "H:nowhere:12345";
  setup(argc, argv);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 5000);
  show("do_background", gearman_client_do_background(client, "cancelled", NULL, "x", 1, waiting));
  show("cancel a waiting job", gearman_client_cancel_job(client, waiting));
  show("cancel an unknown job", gearman_client_cancel_job(client, unknown));
  show("echo on the same connection", gearman_client_echo(client, "x", 1));

  worker_process worker = worker_start(server_port);
  gearman_client_do_background(client, "wait", NULL, "x", 1, running);
  wait_for_status(server_port, running);
  show("cancel a running job", gearman_client_cancel_job(client, running));
  worker_release(&worker);
  wait_for_jobs(server_port, "wait", 0, 0);

  show("do_background", gearman_client_do_background(client, "echo", NULL, "x", 1, waiting));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
