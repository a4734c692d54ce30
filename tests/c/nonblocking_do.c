/* The calls that have a result to return - do, do_background, job_status, unique_status, echo,
 * set_server_option, execute - on a non-blocking client. */
#include "common.h"

int main(int argc, char **argv)
{
  gearman_return_t rc;
  size_t size;
  gearman_job_handle_t handle = "";
  bool known, running;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_timeout(client, 5000);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  show("do_background", gearman_client_do_background(client, "name", "u", "x", 1, handle));
  printf("handle %s\n", handle);
  strcpy(handle, "H:nowhere:1");
  show("job_status", gearman_client_job_status(client, handle, &known, &running, NULL, NULL));
  printf("unique_status: %s\n",
         rc_name(gearman_status_return(gearman_client_unique_status(client, "absent", 6))));
  show("echo", gearman_client_echo(client, "x", 1));
  printf("set_server_option: %s\n",
         yes(gearman_client_set_server_option(client, "exceptions", 10)));
  printf("still non-blocking %s\n",
         yes(gearman_client_has_option(client, GEARMAN_CLIENT_NON_BLOCKING)));
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
