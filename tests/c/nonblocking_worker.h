/* A non-blocking worker brought into every state of its servers, and the codes of its calls
 * there: the programs nonblocking_worker_*.c choose states, calls, and whether they wait between
 * the calls. */
#ifndef GEARMAN_TESTS_NONBLOCKING_WORKER_H
#define GEARMAN_TESTS_NONBLOCKING_WORKER_H

#include "stepped_server.h"

static stepped_server servers[2];
static gearman_worker_st *worker;
static int jobs_run;

static inline void *offered(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  ++jobs_run;
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  return NULL;
}

static inline void step(void)
{
  server(&servers[0], STEP);
  server(&servers[1], STEP);
}

/* ---- calls ---- */

static inline gearman_return_t call_work(void) { return gearman_worker_work(worker); }

static inline gearman_return_t call_grab(void)
{
  gearman_return_t rc;
  gearman_job_st *job = gearman_worker_grab_job(worker, NULL, &rc);
  if (job != NULL)
  {
    ++jobs_run;
    rc = gearman_job_send_complete(job, NULL, 0);
    gearman_job_free(job);
  }
  return rc;
}

static inline gearman_return_t call_register(void)
{
  static bool other;
  other = !other;
  if (other)
    gearman_worker_register(worker, "other", 0);
  else
    gearman_worker_unregister(worker, "other");
  return gearman_worker_work(worker);
}

typedef struct
{
  const char *name;
  gearman_return_t (*call)(void);
} worker_call;

/* ---- states ---- */

typedef struct
{
  const char *name;
  int count;
  char first[3], second[3];
  /* Before the calls: 's' the worker was told that there are no jobs, and sleeps; 'g' it has
   * asked and has no answer; 'c' it is connecting; 'f' its servers were down; 'o' a server
   * option was set, as PHP does with every server that is added. */
  char before;
  char then_first[5], then_second[5];
} state;

static const state *now;
static const worker_call *called;
static bool waits;

static inline void order(int which, const char *requests)
{
  for (; *requests != 0; ++requests) server(&servers[which], *requests);
}

/* Brings the worker into the state that the row begins with. */
static inline void prepare(void)
{
  if (now->before == 0) return;
  if (now->before == 'o')
  {
    server(&servers[0], RUN);
    gearman_worker_set_server_option(worker, "exceptions", 10);
    step();
    return;
  }
  for (int x = 0; x < 20; ++x)
  {
    gearman_return_t rc = gearman_worker_work(worker);
    if (now->before == 'c') return;
    step();
    if (now->before == 'g' && x == 1) return;
    if (rc == GEARMAN_NO_JOBS) return;
    gearman_worker_wait(worker);
  }
  printf(" (not prepared)");
}

static inline void body(const void *argument)
{
  folded codes = {"", 0};
  (void)argument;
  printf("%s: %s:", now->name, called->name);
  fflush(stdout);
  worker = gearman_worker_create(NULL);
  gearman_worker_set_timeout(worker, 60);
  gearman_worker_add_function(worker, "offered", 0, offered, NULL);
  order(0, now->first);
  order(1, now->second);
  for (int x = 0; x < now->count; ++x)
    gearman_worker_add_server(worker, "127.0.0.1", servers[x].port);
  gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  prepare();
  order(0, now->then_first);
  order(1, now->then_second);
  if (now->before == 's') fold(&codes, "wait-%s", brief(gearman_worker_wait(worker)));
  for (int x = 0; x < 10; ++x)
  {
    gearman_return_t rc = called->call();
    step();
    if (waits)
      fold(&codes, "%s-%s", brief(rc), brief(gearman_worker_wait(worker)));
    else
      fold(&codes, "%s", brief(rc));
  }
  fold_end(&codes);
  printf("; jobs %d", jobs_run);
}

static inline void each(const state *states, size_t count, const worker_call *calls,
                        size_t call_count, bool with_wait)
{
  waits = with_wait;
  for (size_t x = 0; x < count; ++x)
    for (size_t y = 0; y < call_count; ++y)
    {
      now = &states[x];
      called = &calls[y];
      servers[0] = stepped_start();
      servers[1] = stepped_start();
      row(body, NULL);
      stepped_stop(&servers[0]);
      stepped_stop(&servers[1]);
    }
}


static const state common_states[] = {
    {"no server", 0, "", "", 0, "", ""},
    {"down", 1, "r", "", 0, "", ""},
    {"up", 1, "l", "", 0, "", ""},
    {"up with a job", 1, "lj", "", 0, "", ""},
    {"up, down", 2, "l", "r", 0, "", ""},
    {"down, up", 2, "r", "l", 0, "", ""},
    {"up, down with a job", 2, "lj", "r", 0, "", ""},
    {"down, up with a job", 2, "r", "lj", 0, "", ""},
    {"down, down", 2, "r", "r", 0, "", ""},
    {"up, up", 2, "l", "l", 0, "", ""},
    {"up with a job, up", 2, "lj", "l", 0, "", ""},
    {"silent", 1, "lm", "", 0, "", ""},
    {"idle", 1, "l", "", 's', "", ""},
    {"idle, a job comes", 1, "l", "", 's', "j", ""},
    {"lost while idle", 1, "l", "", 's', "rx", ""},
    {"lost while idle, up again", 1, "l", "", 's', "x", ""},
    {"lost while idle, up again with a job", 1, "l", "", 's', "xj", ""},
    {"lost while idle, the other up", 2, "l", "l", 's', "", "rx"},
    {"lost while idle, the first up", 2, "l", "l", 's', "rx", ""},
    {"both lost while idle", 2, "l", "l", 's', "rx", "rx"},
    {"both lost while idle, up again", 2, "l", "l", 's', "x", "x"},
    {"lost while asking", 1, "lm", "", 'g', "srx", ""},
    {"lost while asking, up again", 1, "lm", "", 'g', "sMx", ""},
    {"down, then up", 1, "r", "", 'f', "l", ""},
    {"down, then up with a job", 1, "r", "", 'f', "lj", ""},
    {"down, down, then the first up", 2, "r", "r", 'f', "l", ""},
    {"down, down, then the second up", 2, "r", "r", 'f', "", "lj"},
    {"option set", 1, "l", "", 'o', "", ""},
    {"option set, a job", 1, "l", "", 'o', "j", ""},
    {"option refused, up with a job", 1, "r", "", 'o', "lj", ""},
    {"two asleep", 2, "l", "l", 's', "", ""},
    {"two asleep, a job at the first", 2, "l", "l", 's', "j", ""}};

enum { COMMON_STATES = sizeof(common_states) / sizeof(*common_states) };

#endif
