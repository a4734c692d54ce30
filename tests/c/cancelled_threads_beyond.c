/* What the original cannot do after pthread_cancel: a handle goes on to be used by another
 * thread, an echo can be cancelled while it is sent, and threads that are cancelled at any
 * moment, asynchronously too, leave nothing behind. */
#include "cancelling.h"

#include <dirent.h>
#include <sched.h>

/* ---- the handle goes on in another thread ------------------------------------------------- */

typedef struct
{
  gearman_client_st *client;
  gearman_worker_st *worker;
  void (*call)(gearman_client_st *client, gearman_worker_st *worker);
} lent;

static void *call_it(void *argument)
{
  const lent *own = (const lent *)argument;
  thread_id = (pid_t)syscall(SYS_gettid);
  own->call(own->client, own->worker);
  return NULL;
}

/* Cancels the call in a thread of its own, while its server says nothing. */
static void cancel_lent(const char *what, lent own)
{
  pthread_t thread;
  void *result = NULL;
  thread_id = 0;
  if (pthread_create(&thread, NULL, call_it, &own) != 0) die("pthread_create");
  while (thread_id == 0) poll(NULL, 0, 1);
  int peer = accept(listener, NULL, NULL);
  if (peer < 0) die("accept");
  until_it_waits(peer);
  pthread_cancel(thread);
  close(peer);
  pthread_join(thread, &result);
  printf("%s: %s\n", what, result == PTHREAD_CANCELED ? "cancelled" : "ended");
}

static void do_one(gearman_client_st *client, gearman_worker_st *worker)
{
  size_t size;
  gearman_return_t ret;
  (void)worker;
  gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &ret);
}

static void do_background(gearman_client_st *client, gearman_worker_st *worker)
{
  (void)worker;
  gearman_client_do_background(client, "reverse", NULL, "abc", 3, NULL);
}

static void echo_large(gearman_client_st *client, gearman_worker_st *worker)
{
  (void)worker;
  gearman_client_echo(client, large, LARGE);
}

static void work_one(gearman_client_st *client, gearman_worker_st *worker)
{
  (void)client;
  gearman_worker_work(worker);
}

/* A client whose call was cancelled does the next job, over another connection. */
static void client_goes_on(const char *what, void (*call)(gearman_client_st *, gearman_worker_st *))
{
  lent own = {(gearman_client_st *)must(gearman_client_create(NULL), "client"), NULL, call};
  gearman_client_add_server(own.client, "127.0.0.1", port);
  cancel_lent(what, own);
  gearman_client_remove_servers(own.client);
  gearman_client_add_server(own.client, "127.0.0.1", server_port);
  size_t size;
  gearman_return_t ret;
  void *result = gearman_client_do(own.client, "reverse", NULL, "abc", 3, &size, &ret);
  printf("  then: %s %s, tasks left %s\n", rc_name(ret), bytes(result, size),
         yes(gearman_client_has_active_tasks(own.client)));
  free(result);
  gearman_client_free(own.client);
}

static void worker_goes_on(void)
{
  lent own = {NULL, (gearman_worker_st *)must(gearman_worker_create(NULL), "worker"), work_one};
  gearman_worker_add_server(own.worker, "127.0.0.1", port);
  gearman_worker_add_function(own.worker, "goes_on", 0, job_echo, NULL);
  cancel_lent("worker_work", own);
  gearman_worker_remove_servers(own.worker);
  gearman_worker_add_server(own.worker, "127.0.0.1", server_port);
  gearman_client_st *client = client_for(server_port);
  show("  then: do_background",
       gearman_client_do_background(client, "goes_on", NULL, "x", 1, NULL));
  show("  work", gearman_worker_work(own.worker));
  gearman_client_free(client);
  gearman_worker_free(own.worker);
}

/* ---- at any moment -------------------------------------------------------------------------- */

static int open_descriptors(void)
{
  int count = 0;
  DIR *directory = (DIR *)must(opendir("/proc/self/fd"), "/proc/self/fd");
  while (readdir(directory) != NULL) ++count;
  closedir(directory);
  return count;
}

static void free_client(void *client) { gearman_client_free((gearman_client_st *)client); }

static void *submit_for_ever(void *type)
{
  gearman_client_st *client = client_for(server_port);
  pthread_cleanup_push(free_client, client);
  __atomic_fetch_add(&cleaned, 1, __ATOMIC_SEQ_CST);
  pthread_setcanceltype(type == NULL ? PTHREAD_CANCEL_DEFERRED : PTHREAD_CANCEL_ASYNCHRONOUS,
                        NULL);
  for (;;) gearman_client_do_background(client, "absent", "same", "x", 1, NULL);
  pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
  pthread_cleanup_pop(1);
  return NULL;
}

static void at_any_moment(const char *what, void *type)
{
  int rounds = scaled(200), cancelled = 0;
  unsigned seed = 11;
  int before = open_descriptors();
  for (int x = 0; x < rounds; ++x)
  {
    pthread_t thread;
    void *result = NULL;
    cleaned = 0;
    if (pthread_create(&thread, NULL, submit_for_ever, type) != 0) die("pthread_create");
    while (cleaned == 0) sched_yield();
    /* The moment is any: so many turns of a loop that does nothing. */
    for (int turns = rand_r(&seed) % 200000; turns > 0; --turns) __asm__ volatile("");
    pthread_cancel(thread);
    pthread_join(thread, &result);
    cancelled += result == PTHREAD_CANCELED;
  }
  printf("%s: all cancelled %s, descriptors left open %d\n", what, yes(cancelled == rounds),
         open_descriptors() - before);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  large = (char *)must(calloc(1, LARGE), "memory");
  worker_process worker = worker_start(server_port);
  be_server(16);
  client_goes_on("client_do", do_one);
  client_goes_on("client_do_background", do_background);
  client_goes_on("client_echo, sending", echo_large);
  worker_goes_on();
  close(listener);
  at_any_moment("deferred", NULL);
  at_any_moment("asynchronous", &listener);
  worker_stop(&worker);
  free(large);
  return 0;
}
