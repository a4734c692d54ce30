/* A task's workload that is given again: the same memory, another one before the task is sent, and
 * another one while it is being sent. */
#include "common.h"

/* More than the kernel takes for a server that does not read. */
enum { LARGE_BYTES = 16 * 1024 * 1024 };

static int freed;

/* Freed memory shows where it is sent. */
static void overwrite_and_free(void *memory, void *context)
{
  ++freed;
  memset(memory, '!', *(size_t *)context);
  free(memory);
}

static gearman_return_t complete(gearman_task_st *task)
{
  printf("complete: %s\n", bytes(gearman_task_data(task), gearman_task_data_size(task)));
  return GEARMAN_SUCCESS;
}

static size_t small_bytes = 3, large_bytes = LARGE_BYTES;

static void before_sending(const char *what, bool is_same)
{
  gearman_return_t rc;
  freed = 0;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_set_workload_free_fn(client, overwrite_and_free, &small_bytes);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, NULL, 0, &rc);
  void *first = copy_of("abc", 3);
  gearman_task_give_workload(task, first, 3);
  gearman_task_give_workload(task, is_same ? first : copy_of("xyz", 3), 3);
  printf("%s: freed %d\n", what, freed);
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);
}

static char *large(char letter)
{
  char *memory = (char *)must(malloc(LARGE_BYTES), "malloc");
  memset(memory, letter, LARGE_BYTES);
  return memory;
}

/* Reads what has arrived; returns how many bytes of the workload were `letter`. */
static size_t read_letters(int fd, char letter)
{
  static char buffer[65536];
  size_t count = 0;
  for (ssize_t got; (got = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0;)
    for (ssize_t x = 0; x < got; ++x) count += buffer[x] == letter;
  return count;
}

static void while_sending(void)
{
  gearman_return_t rc;
  in_port_t port;
  freed = 0;
  int listener = listen_any(&port);
  gearman_client_st *client = client_for(port);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  gearman_client_set_workload_free_fn(client, overwrite_and_free, &large_bytes);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "f", "u", NULL, 0, &rc);
  gearman_task_give_workload(task, large('a'), LARGE_BYTES);
  gearman_client_run_tasks(client);
  int fd = accept(listener, NULL, NULL);
  size_t letters = 0;
  long long since = now_ms();
  /* A part is sent, and no more can be sent. */
  for (size_t now; letters == 0; letters += now)
  {
    gearman_client_run_tasks(client);
    now = read_letters(fd, 'a');
    if (now == 0) breathe(since);
  }
  gearman_task_give_workload(task, large('b'), LARGE_BYTES);
  printf("while it is being sent: freed %d\n", freed);
  while (letters < LARGE_BYTES)
  {
    size_t now = read_letters(fd, 'a');
    letters += now;
    gearman_client_run_tasks(client);
    if (now == 0) breathe(since);
  }
  printf("the server has got the first one\n");
  gearman_client_free(client);
  printf("at the end: freed %d\n", freed);
  close(fd);
  close(listener);
}

/* More than a packet can hold: nothing of it is read. */
static void too_large(void)
{
  gearman_return_t rc;
  freed = 0;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_complete_fn(client, complete);
  gearman_client_set_workload_free_fn(client, overwrite_and_free, &small_bytes);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "reverse", NULL, NULL, 0, &rc);
  gearman_task_give_workload(task, copy_of("abc", 3), UINT32_MAX + (size_t)4);
  show("too large", gearman_client_error_code(client));
  show("run_tasks", gearman_client_run_tasks(client));
  gearman_client_free(client);
  printf("at the end: freed %d\n", freed);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  before_sending("the same memory", true);
  before_sending("other memory", false);
  while_sending();
  too_large();
  worker_stop(&worker);
  return 0;
}
