/* In which order a clone of a client, and of a worker, tries its source's servers. */
#include "common.h"

static void submit(const char *what, gearman_client_st *client)
{
  int total, running, workers;
  gearman_job_handle_t handle;
  show(what, gearman_client_do_background(client, what, NULL, "x", 1, handle));
  printf("  first server %s, second server %s\n",
         yes(admin_status(server_port, what, &total, &running, &workers) && total == 1),
         yes(admin_status(second_port, what, &total, &running, &workers) && total == 1));
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_client_st *source = gearman_client_create(NULL);
  gearman_client_add_server(source, "127.0.0.1", server_port);
  gearman_client_add_server(source, "127.0.0.1", second_port);
  gearman_client_st *copy = gearman_client_clone(NULL, source);
  gearman_client_st *again = gearman_client_clone(NULL, copy);
  submit("source", source);
  submit("clone", copy);
  submit("clone of the clone", again);
  gearman_client_free(source);
  gearman_client_free(copy);
  gearman_client_free(again);
  return 0;
}
