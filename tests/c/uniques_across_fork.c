/* The unique ids that the library makes stay distinct in processes that were forked from one that
 * has used it already. */
#include "common.h"

enum { CHILDREN = 4, UUID_SIZE = 37 };

static int by_text(const void *a, const void *b) { return strcmp((const char *)a, (const char *)b); }

static void make(gearman_client_st *client, char *to, int count)
{
  gearman_return_t rc;
  for (int x = 0; x < count; ++x)
  {
    gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "f", NULL, "x", 1, &rc);
    snprintf(to + x * UUID_SIZE, UUID_SIZE, "%s", gearman_task_unique(task));
  }
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  int each = scaled(2000), total = each * (CHILDREN + 1), twice = 0;
  char *all = (char *)must(calloc((size_t)total, UUID_SIZE), "calloc");
  gearman_client_st *client = client_for(server_port);
  make(client, all, each);
  int pipes[CHILDREN][2];
  pid_t children[CHILDREN];
  for (int x = 0; x < CHILDREN; ++x)
  {
    if (pipe(pipes[x]) != 0) die("pipe");
    children[x] = fork();
    if (children[x] != 0) continue;
    make(client, all, each);
    for (size_t sent = 0, size = (size_t)each * UUID_SIZE; sent < size;)
    {
      ssize_t wrote = write(pipes[x][1], all + sent, size - sent);
      if (wrote <= 0) _exit(1);
      sent += (size_t)wrote;
    }
    _exit(0);
  }
  for (int x = 0; x < CHILDREN; ++x)
  {
    char *to = all + (x + 1) * each * UUID_SIZE;
    for (size_t got = 0, size = (size_t)each * UUID_SIZE; got < size;)
    {
      ssize_t piece = read(pipes[x][0], to + got, size - got);
      if (piece <= 0) die("read");
      got += (size_t)piece;
    }
    waitpid(children[x], NULL, 0);
  }
  qsort(all, (size_t)total, UUID_SIZE, by_text);
  for (int x = 1; x < total; ++x)
    if (strcmp(all + (x - 1) * UUID_SIZE, all + x * UUID_SIZE) == 0) ++twice;
  printf("uniques that occur twice: %d\n", twice);
  printf("length of one: %zu\n", strlen(all));
  free(all);
  gearman_client_free(client);
  return 0;
}
