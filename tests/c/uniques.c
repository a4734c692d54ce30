/* The unique id of a job: made by the library, "-", "#", given, at the length limit; which jobs
 * the server joins; what task, worker and handle show of it. */
#include "common.h"

static gearman_client_st *client;

static bool is_uuid(const char *string)
{
  if (string == NULL || strlen(string) != 36) return false;
  for (int x = 0; x < 36; ++x)
    if (x == 8 || x == 13 || x == 18 || x == 23 ? string[x] != '-'
                                                : strchr("0123456789abcdef", string[x]) == NULL)
      return false;
  return true;
}

static const char *kind(const char *unique) { return is_uuid(unique) ? "a UUID" : text(unique); }

static void seen_by_worker(const char *what, const char *unique, const char *workload)
{
  gearman_return_t rc;
  size_t size;
  char *result = (char *)gearman_client_do(client, "unique", unique, workload,
                                           workload == NULL ? 0 : strlen(workload), &size, &rc);
  printf("%s: %s, the worker sees %s\n", what, rc_name(rc), kind(result));
  free(result);
}

static void seen_by_task(const char *what, const char *unique, bool background)
{
  gearman_return_t rc;
  gearman_client_st *self = gearman_client_clone(NULL, client);
  gearman_task_st *task =
      background ? gearman_client_add_task_background(self, NULL, NULL, "unique", unique, "x", 1, &rc)
                 : gearman_client_add_task(self, NULL, NULL, "unique", unique, "x", 1, &rc);
  printf("%s: %s, task_unique %s\n", what, rc_name(rc),
         task == NULL ? "-" : kind(gearman_task_unique(task)));
  gearman_client_free(self);
}

static void joined(const char *what, const char *unique, const char *first, const char *second)
{
  gearman_job_handle_t one, two;
  gearman_client_do_background(client, "no worker does this", unique, first, strlen(first), one);
  gearman_client_do_background(client, "no worker does this", unique, second, strlen(second), two);
  printf("%s: joined %s\n", what, yes(strcmp(one, two) == 0));
}

int main(int argc, char **argv)
{
  char limit[80];
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);

  for (int round = 0; round < 2; ++round)
  {
    printf("== GENERATE_UNIQUE %s\n",
           yes(gearman_client_has_option(client, GEARMAN_CLIENT_GENERATE_UNIQUE)));
    seen_by_worker("NULL", NULL, "x");
    seen_by_worker("empty", "", "x");
    seen_by_worker("given", "given", "x");
    seen_by_worker("-", "-", "x");
    seen_by_worker("#", "#", "x");
    seen_by_worker("# of more", "#", "hello, world");
    seen_by_worker("# of nothing", "#", NULL);
    seen_by_worker("with spaces", "a b\tc", "x");
    memset(limit, 'u', sizeof(limit));
    limit[63] = 0;
    seen_by_worker("63 bytes", limit, "x");
    limit[63] = 'u';
    limit[64] = 0;
    seen_by_worker("64 bytes", limit, "x");

    seen_by_task("task NULL", NULL, false);
    seen_by_task("task empty", "", false);
    seen_by_task("task given", "given", false);
    seen_by_task("task -", "-", false);
    seen_by_task("task #", "#", false);
    seen_by_task("task 64 bytes", limit, false);
    seen_by_task("background task NULL", NULL, true);
    seen_by_task("background task given", "given", true);
    gearman_client_add_options(client, GEARMAN_CLIENT_GENERATE_UNIQUE);
  }

  joined("same unique, other workload", "same", "a", "b");
  joined("no unique, same workload", NULL, "a", "a");
  joined("-, same workload", "-", "a", "a");
  joined("-, other workload", "-", "a", "b");
  joined("#, same workload", "#", "a", "a");
  joined("#, other workload", "#", "a", "b");

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
