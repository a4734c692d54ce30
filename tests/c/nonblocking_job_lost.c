/* A worker that loses its server while it has a job: what sending about the job says, what the call
 * returns, and how it goes on; non-blocking and blocking. */
#include "stepped_server.h"

static stepped_server one;
static gearman_worker_st *worker;
static folded codes;
static const char *moves;
static int reports;
static bool blocking, grabs, handled;

static gearman_return_t report(gearman_job_st *job, int x)
{
  switch (x)
  {
    case 0: return gearman_job_send_data(job, "part", 4);
    case 1: return gearman_job_send_status(job, 1, 2);
    case 2: return gearman_job_send_warning(job, "part", 4);
    default: return gearman_job_send_data(job, "part", 4);
  }
}

static void *offered(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  handled = true;
  for (const char *move = moves; *move != 0; ++move) server(&one, *move);
  if (blocking) server(&one, RUN);
  /* Longer than an idle connection is trusted. */
  poll(NULL, 0, 20);
  for (int x = 0; x < reports; ++x) fold(&codes, "send-%s", brief(report(job, x)));
  return job_empty(job, context, size, ret);
}

static const struct
{
  const char *name, *moves;
} losses[] = {{"kept", "s"}, {"lost", "xr"}, {"lost, up again", "x"}};

static size_t which;

static void body(const void *argument)
{
  (void)argument;
  printf("%s, %s, %s, %d reports:", losses[which].name, blocking ? "blocking" : "not blocking",
         grabs ? "grab_job" : "work", reports);
  fflush(stdout);
  moves = losses[which].moves;
  server(&one, LISTEN);
  server(&one, ADD_JOB);
  if (grabs || blocking) server(&one, RUN);
  worker = worker_for(one.port);
  gearman_worker_set_timeout(worker, 60);
  gearman_worker_add_options(worker, GEARMAN_WORKER_TIMEOUT_RETURN);
  gearman_worker_add_function(worker, "offered", 0, offered, NULL);
  gearman_return_t rc;
  /* grab_job gets its job in blocking mode; what follows is in the row's. */
  gearman_job_st *job = grabs ? gearman_worker_grab_job(worker, NULL, &rc) : NULL;
  if (!blocking) gearman_worker_add_options(worker, GEARMAN_WORKER_NON_BLOCKING);
  if (grabs)
  {
    size_t size;
    offered(job, NULL, &size, &rc);
    fold(&codes, "complete-%s", brief(gearman_job_send_complete(job, NULL, 0)));
    fold(&codes, "fail-%s", brief(gearman_job_send_fail(job)));
    gearman_job_free(job);
  }
  for (int x = 0; x < 10 && !handled; ++x)
  {
    rc = gearman_worker_work(worker);
    if (!blocking) server(&one, STEP);
    if (handled || blocking) fold(&codes, "%s", brief(rc));
    if (!blocking) gearman_worker_wait(worker);
  }
  for (int x = 0; x < 5; ++x)
  {
    rc = gearman_worker_work(worker);
    if (!blocking) server(&one, STEP);
    if (blocking)
      fold(&codes, "%s", brief(rc));
    else
      fold(&codes, "%s-%s", brief(rc), brief(gearman_worker_wait(worker)));
  }
  fold_end(&codes);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  for (which = 0; which < sizeof(losses) / sizeof(*losses); ++which)
    for (int x = 0; x < 8; ++x)
    {
      blocking = x & 1;
      grabs = x & 2;
      reports = x & 4;
      one = stepped_start();
      row(body, NULL);
      stepped_stop(&one);
    }
  return 0;
}
