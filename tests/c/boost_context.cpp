/* Boost.Context: callbacks and a worker's function that are suspended in fibers; a fiber that is
 * destroyed while it is suspended, which unwinds its stack by an exception of Boost's; an exception
 * of the program's that leaves a callback inside a fiber. */
#include "common.h"

#include <boost/context/fiber.hpp>

#include <stdexcept>
#include <utility>

namespace ctx = boost::context;

/* Where the fiber that runs goes when it suspends itself. */
static ctx::fiber resumer;

static void suspend() { resumer = std::move(resumer).resume(); }

template <typename Body> static ctx::fiber begin(Body body)
{
  return ctx::fiber([body](ctx::fiber &&caller) {
           resumer = std::move(caller);
           body();
           return std::move(resumer);
         }).resume();
}

static void go_on(ctx::fiber &fiber) { fiber = std::move(fiber).resume(); }

/* Says so when it leaves a scope, whichever way. */
struct scope
{
  const char *name;
  ~scope() { printf("  end of %s\n", name); }
};

static gearman_return_t on_created_wait(gearman_task_st *)
{
  scope callback{"the callback"};
  suspend();
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_created_throw(gearman_task_st *)
{
  throw std::runtime_error("thrown in a callback");
}

static void run_tasks(gearman_client_st *client)
{
  scope run{"run_tasks"};
  show("  run_tasks", gearman_client_run_tasks(client));
}

static void do_reverse(gearman_client_st *client)
{
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("  do: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
}

static gearman_task_st *add(gearman_client_st *client, gearman_created_fn *created)
{
  gearman_return_t rc;
  gearman_client_set_created_fn(client, created);
  gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  gearman_client_clear_fn(client);
  return task;
}

static void goes_on()
{
  printf("-- a callback that goes on\n");
  gearman_client_st *client = client_for(server_port);
  gearman_task_st *task = add(client, on_created_wait);
  ctx::fiber fiber = begin([client] { run_tasks(client); });
  do_reverse(client);
  go_on(fiber);
  show("  the task", gearman_task_return(task));
  gearman_client_free(client);
}

static void freed_before()
{
  printf("-- the client is freed before the callback goes on\n");
  gearman_client_st *client = client_for(server_port);
  add(client, on_created_wait);
  ctx::fiber fiber = begin([client] { run_tasks(client); });
  gearman_client_free(client);
  go_on(fiber);
}

/* What is kept of clients whose calls have not returned stays reachable. */
static gearman_client_st *kept[2];

static void destroyed()
{
  printf("-- the fiber is destroyed\n");
  gearman_client_st *client = kept[0] = client_for(server_port);
  gearman_task_st *task = add(client, on_created_wait);
  {
    ctx::fiber fiber = begin([client] { run_tasks(client); });
  }
  do_reverse(client);
  show("  run_tasks", gearman_client_run_tasks(client));
  show("  the task", gearman_task_return(task));
  gearman_client_free(client);
}

static void thrown()
{
  printf("-- an exception inside the fiber\n");
  gearman_client_st *client = kept[1] = client_for(server_port);
  gearman_task_st *task = add(client, on_created_throw);
  ctx::fiber fiber = begin([client] {
    try
    {
      run_tasks(client);
    }
    catch (const std::runtime_error &error)
    {
      printf("  caught: %s\n", error.what());
    }
    do_reverse(client);
  });
  show("  run_tasks", gearman_client_run_tasks(client));
  show("  the task", gearman_task_return(task));
  gearman_client_free(client);
}

static void *wait_then_reverse(gearman_job_st *job, void *context, size_t *size,
                               gearman_return_t *ret)
{
  suspend();
  return job_reverse(job, context, size, ret);
}

static void ask(void *)
{
  gearman_client_st *client = client_for(server_port);
  gearman_return_t rc;
  size_t size;
  void *result = gearman_client_do(client, "waits", NULL, "abc", 3, &size, &rc);
  printf("  client: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

static void a_worker()
{
  printf("-- two functions of one worker\n");
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "waits", 0, wait_then_reverse, NULL);
  side_process first = aside(ask, NULL), second = aside(ask, NULL);
  auto work = [worker] { show("  work", gearman_worker_work(worker)); };
  ctx::fiber one = begin(work), other = begin(work);
  show("  echo", gearman_worker_echo(worker, "abc", 3));
  go_on(one);
  go_on(other);
  join(&first);
  join(&second);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  goes_on();
  freed_before();
  destroyed();
  thrown();
  a_worker();
  worker_stop(&worker);
  return 0;
}
