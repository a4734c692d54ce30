/* Choosing the server of a job by its unique id: two functions that the original has since 2.2.0.
 * The program counts in which order clients with the same servers put jobs on them. */
#include "common.h"

#include <dlfcn.h>

#define JOBS 64

typedef void(setter)(gearman_client_st *, bool);
typedef bool(getter)(const gearman_client_st *);

static setter *set_selection;
static getter *selection;

static gearman_client_st *client_of(in_port_t first, in_port_t second, in_port_t third)
{
  gearman_client_st *client = gearman_client_create(NULL);
  gearman_client_add_server(client, "127.0.0.1", first);
  gearman_client_add_server(client, "127.0.0.1", second);
  if (third != 0) gearman_client_add_server(client, "127.0.0.1", third);
  return client;
}

static int jobs_on(in_port_t port, const char *function)
{
  int total, running, workers;
  return admin_status(port, function, &total, &running, &workers) ? total : 0;
}

/* Submits the same jobs with two clients and prints how many the servers have: as many as were
 * submitted once, if equal ids meet. */
static void submit(const char *function, gearman_client_st *one, gearman_client_st *other,
                   bool tasks)
{
  gearman_client_st *clients[] = {one, other};
  gearman_return_t failed = GEARMAN_SUCCESS;
  for (int turn = 0; turn < 2; ++turn)
  {
    for (int n = 0; n < JOBS; ++n)
    {
      char unique[32];
      gearman_return_t code;
      gearman_job_handle_t handle;
      snprintf(unique, sizeof(unique), "unique-%d", n);
      if (tasks)
        gearman_client_add_task_background(clients[turn], NULL, NULL, function, unique, "x", 1,
                                           &code);
      else
        code = gearman_client_do_background(clients[turn], function, unique, "x", 1, handle);
      if (code != GEARMAN_SUCCESS) failed = code;
    }
    if (tasks)
    {
      gearman_return_t code = gearman_client_run_tasks(clients[turn]);
      if (code != GEARMAN_SUCCESS) failed = code;
    }
  }
  int first = jobs_on(server_port, function), second = jobs_on(second_port, function);
  printf("%s: %s, jobs %d, first server %s, second server %s\n", function, rc_name(failed),
         first + second, yes(first > 0), yes(second > 0));
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  void *symbol = dlsym(RTLD_DEFAULT, "gearman_client_set_server_selection_by_unique");
  printf("exported %s\n", yes(symbol != NULL));
  if (symbol == NULL) return 0;
  memcpy(&set_selection, &symbol, sizeof(symbol));
  symbol = must(dlsym(RTLD_DEFAULT, "gearman_client_server_selection_by_unique"), "dlsym");
  memcpy(&selection, &symbol, sizeof(symbol));

  gearman_client_st *client = client_of(server_port, second_port, 0);
  gearman_client_options_t before = gearman_client_options(client);
  printf("fresh: %s\n", yes(selection(client)));
  set_selection(client, true);
  printf("on: %s, options changed: %s\n", yes(selection(client)),
         yes(gearman_client_options(client) != before));
  gearman_client_st *copy = gearman_client_clone(NULL, client);
  printf("clone: %s\n", yes(selection(copy)));
  set_selection(client, false);
  printf("off: %s, clone: %s\n", yes(selection(client)), yes(selection(copy)));
  set_selection(NULL, true);
  printf("NULL: %s\n", yes(selection(NULL)));

  /* Off: whatever server was added last. */
  gearman_client_st *reversed = client_of(second_port, server_port, 0);
  submit("off", client, reversed, false);
  set_selection(client, true);
  set_selection(reversed, true);
  submit("on", client, reversed, false);
  submit("tasks", client, reversed, true);

  /* No unique id: the server added last, also when it is on. */
  for (int n = 0; n < 8; ++n)
    gearman_client_do_background(client, "without", n % 2 ? NULL : "", "x", 1, NULL);
  printf("without: first server %d, second server %d\n", jobs_on(server_port, "without"),
         jobs_on(second_port, "without"));

  /* One of three is down: both clients agree on the server that takes its place. */
  in_port_t dead = dead_port();
  gearman_client_st *with_dead = client_of(dead, server_port, second_port);
  gearman_client_st *dead_last = client_of(second_port, server_port, dead);
  set_selection(with_dead, true);
  set_selection(dead_last, true);
  submit("one_down", with_dead, dead_last, false);
  submit("one_down_tasks", with_dead, dead_last, true);

  gearman_client_free(client);
  gearman_client_free(copy);
  gearman_client_free(reversed);
  gearman_client_free(with_dead);
  gearman_client_free(dead_last);
  return 0;
}
