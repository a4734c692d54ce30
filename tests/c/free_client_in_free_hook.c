/* The connection is lost in the middle of a result that goes into memory of the program's: the
 * memory goes back through the program's hook, which frees the client. */
#include "common.h"

static gearman_client_st *client;
static int given, taken_back;

static void *give(size_t size, void *context)
{
  (void)context;
  ++given;
  return malloc(size);
}

static void take_back(void *memory, void *context)
{
  (void)context;
  ++taken_back;
  free(memory);
  gearman_client_free(client);
}

static void half_a_result(int fd, int connection)
{
  static char body[4 + 100000] = "H:1";
  unsigned char header[12] = {0, 'R', 'E', 'S', 0, 0, 0, WORK_COMPLETE, 0, 1, 0x86, 0xa4};
  (void)connection;
  while (packet_recv(fd) != SUBMIT_JOB) {}
  packet_send(fd, JOB_CREATED, "H:1", 3);
  write_all(fd, header, sizeof(header));
  write_all(fd, body, sizeof(body) / 2);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  in_port_t port;
  pid_t server = scripted_server(&port, half_a_result);
  gearman_return_t rc = GEARMAN_SUCCESS;
  size_t size = 7;
  client = client_for(port);
  gearman_client_set_workload_malloc_fn(client, give, NULL);
  gearman_client_set_workload_free_fn(client, take_back, NULL);
  void *result = gearman_client_do(client, "f", NULL, "x", 1, &size, &rc);
  printf("do: %s %s\n", rc_name(rc), bytes(result, size));
  printf("memory given %d, taken back %d\n", given, taken_back);
  end_process(server);
  return 0;
}
