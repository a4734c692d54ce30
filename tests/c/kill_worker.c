/* gearman_worker_id and gearman_kill: stopping a worker that waits, gracefully or at once. */
#include "common.h"

#include <pthread.h>

typedef struct
{
  gearman_id_t id;
  gearman_signal_t signal;
} order;

static void *kill_later(void *argument)
{
  order *self = (order *)argument;
  wait_for_workers(server_port, "idle", 1);
  /* Registered; that it sleeps cannot be seen from outside. */
  poll(NULL, 0, 200);
  gearman_kill(self->id, self->signal);
  return NULL;
}

static gearman_worker_st *idle_worker(void)
{
  gearman_worker_st *worker = worker_for(server_port);
  gearman_worker_add_function(worker, "idle", 0, job_echo, NULL);
  gearman_worker_set_timeout(worker, 10000);
  return worker;
}

static void while_waiting(const char *what, gearman_signal_t signal)
{
  pthread_t thread;
  gearman_worker_st *worker = idle_worker();
  order self = {gearman_worker_id(worker), signal};
  printf("-- %s: id valid %s\n", what, yes(gearman_id_valid(self.id)));
  if (pthread_create(&thread, NULL, kill_later, &self) != 0) die("pthread_create");
  show("  work", gearman_worker_work(worker));
  pthread_join(thread, NULL);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  while_waiting("INTERRUPT", GEARMAN_SIGNAL_INTERRUPT);
  while_waiting("KILL", GEARMAN_SIGNAL_KILL);
  while_waiting("KILLWAIT", GEARMAN_SIGNAL_KILLWAIT);

  gearman_worker_st *worker = idle_worker();
  show("CHECK of a live worker", gearman_kill(gearman_worker_id(worker), GEARMAN_SIGNAL_CHECK));
  gearman_worker_st *other = gearman_worker_clone(NULL, worker);
  gearman_id_t a = gearman_worker_id(worker), b = gearman_worker_id(other);
  printf("a clone has pipes of its own %s\n", yes(a.read_fd != b.read_fd && a.write_fd != b.write_fd));
  gearman_worker_free(worker);
  gearman_worker_free(other);
  return 0;
}
