/* A non-blocking client brought into every state of its servers, and the codes of run_tasks and wait
 * there: the programs nonblocking_client_*.c choose the states. */
#ifndef GEARMAN_TESTS_NONBLOCKING_CLIENT_H
#define GEARMAN_TESTS_NONBLOCKING_CLIENT_H

#include "stepped_server.h"

static stepped_server servers[2];
static gearman_client_st *client;
static int created, completed, failed_tasks;

static inline gearman_return_t on_create(gearman_task_st *task)
{
  (void)task;
  ++created;
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_completion(gearman_task_st *task)
{
  (void)task;
  ++completed;
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_failure(gearman_task_st *task)
{
  (void)task;
  ++failed_tasks;
  return GEARMAN_SUCCESS;
}

static inline void step(void)
{
  server(&servers[0], STEP);
  server(&servers[1], STEP);
}

/* ---- what is run ---- */

static inline void add_one(void)
{
  gearman_return_t rc;
  gearman_client_add_task(client, NULL, NULL, "f", NULL, "w", 1, &rc);
}

static inline void add_three(void)
{
  add_one();
  add_one();
  add_one();
}

static inline void add_background(void)
{
  gearman_return_t rc;
  gearman_client_add_task_background(client, NULL, NULL, "f", NULL, "w", 1, &rc);
}

static inline void add_status(void)
{
  gearman_return_t rc;
  gearman_client_add_task_status(client, NULL, NULL, "H:stepped:1", &rc);
}

static const struct
{
  const char *name;
  void (*add)(void);
} kinds[] = {{"task", add_one},
             {"three tasks", add_three},
             {"background task", add_background},
             {"status task", add_status}};

/* ---- states ---- */

typedef struct
{
  const char *name;
  int count;
  char first[4], second[4];
  /* Before the calls: 'i' something was run to its end, a while ago; 't' the tasks were sent and are
   * not done; 'c' run_tasks has begun to connect; 'f' it has failed; 'n' it has failed, and
   * the tasks were freed. */
  char before;
  char then_first[5], then_second[5];
} state;

static const state *now;
static int which;

static inline void order(int server_number, const char *requests)
{
  for (; *requests != 0; ++requests) server(&servers[server_number], *requests);
}

static inline gearman_return_t run_to_the_end(void)
{
  gearman_return_t rc = GEARMAN_IO_WAIT;
  for (int x = 0; x < 20 && rc == GEARMAN_IO_WAIT; ++x)
  {
    rc = gearman_client_run_tasks(client);
    step();
    if (rc == GEARMAN_IO_WAIT) gearman_client_wait(client);
  }
  return rc;
}

/* Brings the client into the state that the row begins with; whether its tasks are added. */
static inline bool prepare(void)
{
  switch (now->before)
  {
    case 'i': case 'n':
      add_one();
      run_to_the_end();
      gearman_client_task_free_all(client);
      created = completed = failed_tasks = 0;
      /* Longer than an idle connection is trusted. */
      poll(NULL, 0, 20);
      return false;
    case 'f':
      kinds[which].add();
      run_to_the_end();
      return true;
    case 't':
      kinds[which].add();
      for (int x = 0; x < 4; ++x)
      {
        gearman_client_run_tasks(client);
        step();
        if (x < 3) gearman_client_wait(client);
      }
      return true;
    case 'c':
      kinds[which].add();
      gearman_client_run_tasks(client);
      return true;
    default: return false;
  }
}

static inline void body(const void *argument)
{
  folded codes = {"", 0};
  (void)argument;
  printf("%s: %s:", now->name, kinds[which].name);
  fflush(stdout);
  client = gearman_client_create(NULL);
  gearman_client_set_timeout(client, 60);
  gearman_client_set_created_fn(client, on_create);
  gearman_client_set_complete_fn(client, on_completion);
  gearman_client_set_fail_fn(client, on_failure);
  order(0, now->first);
  order(1, now->second);
  for (int x = 0; x < now->count; ++x)
    gearman_client_add_server(client, "127.0.0.1", servers[x].port);
  gearman_client_add_options(client, GEARMAN_CLIENT_NON_BLOCKING);
  bool added = prepare();
  order(0, now->then_first);
  order(1, now->then_second);
  if (now->before == 't' || now->before == 'c')
    fold(&codes, "wait-%s", brief(gearman_client_wait(client)));
  if (!added) kinds[which].add();
  for (int x = 0; x < 10; ++x)
  {
    gearman_return_t rc = gearman_client_run_tasks(client);
    step();
    fold(&codes, "%s-%s", brief(rc), brief(gearman_client_wait(client)));
    if (rc == GEARMAN_SUCCESS) break;
  }
  fold_end(&codes);
  printf("; created %d completed %d failed %d", created, completed, failed_tasks);
}

static inline void each(const state *states, size_t count)
{
  for (size_t x = 0; x < count; ++x)
    for (size_t y = 0; y < sizeof(kinds) / sizeof(*kinds); ++y)
    {
      now = &states[x];
      which = (int)y;
      servers[0] = stepped_start();
      servers[1] = stepped_start();
      row(body, NULL);
      stepped_stop(&servers[0]);
      stepped_stop(&servers[1]);
    }
}

#endif
