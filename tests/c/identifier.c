/* set_identifier of client and worker: what the server lists, which identifiers are refused. */
#include "common.h"

/* Whether `workers` lists a connection with this identifier and the functions. */
static bool listed(const char *id_and_functions)
{
  char wanted[512];
  snprintf(wanted, sizeof(wanted), " 127.0.0.1 %s\n", id_and_functions);
  return strstr(admin(server_port, "workers", true), wanted) != NULL;
}

int main(int argc, char **argv)
{
  char longest[300];
  setup(argc, argv);
  memset(longest, 'i', sizeof(longest));

  gearman_client_st *client = client_for(server_port);
  show("client", gearman_client_set_identifier(client, "a-client", 8));
  show("echo", gearman_client_echo(client, "x", 1));
  printf("known after it %s\n", yes(listed("a-client :")));
  show("another while connected", gearman_client_set_identifier(client, "renamed", 7));
  show("echo", gearman_client_echo(client, "x", 1));
  printf("a-client %s renamed %s\n", yes(listed("a-client :")), yes(listed("renamed :")));
  show("length counts", gearman_client_set_identifier(client, "cut-here", 3));
  show("with a space", gearman_client_set_identifier(client, "a b", 3));
  printf("  %s\n", text(gearman_client_error(client)));
  show("with a newline", gearman_client_set_identifier(client, "a\nb", 3));
  show("not ASCII", gearman_client_set_identifier(client, "\xc3\xa9", 2));
  show("254 bytes", gearman_client_set_identifier(client, longest, 254));
  show("255 bytes", gearman_client_set_identifier(client, longest, 255));
  printf("  %s\n", text(gearman_client_error(client)));
  show("NULL", gearman_client_set_identifier(client, NULL, 0));
  show("size 0", gearman_client_set_identifier(client, "x", 0));
  gearman_client_free(client);

  gearman_worker_st *worker = worker_for(server_port);
  show("worker", gearman_worker_set_identifier(worker, "a-worker", 8));
  gearman_worker_register(worker, "one", 0);
  gearman_worker_set_timeout(worker, 10000);
  gearman_return_t rc;
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  printf("grab_job: %s %s\n", job == NULL ? "no job" : "a job", rc_name(rc));
  printf("known %s\n", yes(listed("a-worker : one")));
  show("with a space", gearman_worker_set_identifier(worker, "a b", 3));
  printf("  %s\n", text(gearman_worker_error(worker)));
  show("255 bytes", gearman_worker_set_identifier(worker, longest, 255));
  printf("  %s\n", text(gearman_worker_error(worker)));
  gearman_worker_free(worker);
  return 0;
}
