/* A process of one thread whose callback makes the second thread, which cancels the first: the
 * library goes on after the callback, closes a socket, and only then is the thread cancelled. */
#include "common.h"

#include <pthread.h>

/* What the library asks for jobs with. */
enum { GRAB_JOB_ALL_PACKET = 39 };

static pthread_t first;
static volatile bool asked;

static void *cancel_first(void *argument)
{
  (void)argument;
  pthread_cancel(first);
  asked = true;
  return NULL;
}

static void cancel_by_thread(void)
{
  pthread_t thread;
  if (pthread_create(&thread, NULL, cancel_first, NULL) != 0) die("pthread_create");
  /* Nothing here may be a cancellation point. */
  while (!asked) __asm__ volatile("" ::: "memory");
  pthread_detach(thread);
}

static gearman_return_t cancel_on_created(gearman_task_st *task)
{
  (void)task;
  cancel_by_thread();
  return GEARMAN_SUCCESS;
}

static int to_server[2], from_server[2];

/* Makes the server reset the connection, so that the result cannot be sent. */
static void have_reset(void)
{
  char byte = 'x';
  if (write(to_server[1], &byte, 1) != 1 || read(from_server[0], &byte, 1) != 1) die("pipe");
}

static void *work(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  have_reset();
  cancel_by_thread();
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  return NULL;
}

/* Acknowledges a job and says something that is no packet behind it. */
static void bad_server(int fd, int connection)
{
  char said[64];
  (void)connection;
  while (packet_recv(fd) == SUBMIT_JOB)
  {
    memset(said, 'X', sizeof(said));
    memcpy(said, "\0RES\0\0\0\x08\0\0\0\x05H:x:1", 17);
    write_all(fd, said, sizeof(said));
  }
}

/* Gives a job, and resets the connection while it is done. */
static void resetting_server(int fd, int connection)
{
  struct linger at_once = {1, 0};
  char byte;
  int type;
  (void)connection;
  while ((type = packet_recv(fd)) >= 0)
  {
    if (type != GRAB_JOB_ALL_PACKET) continue;
    packet_send(fd, JOB_ASSIGN, "H:x:1\0f\0abc", 11);
    if (read(to_server[0], &byte, 1) != 1) die("pipe");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
    if (write(from_server[1], &byte, 1) != 1) die("pipe");
    return;
  }
}

static void free_client(void *client)
{
  gearman_client_free((gearman_client_st *)client);
  printf("  cancelled, and its client freed\n");
  exit(0);
}

static void free_worker(void *worker)
{
  gearman_worker_free((gearman_worker_st *)worker);
  printf("  cancelled, and its worker freed\n");
  exit(0);
}

static void client(in_port_t port)
{
  gearman_return_t ret;
  gearman_client_st *client = client_for(port);
  gearman_client_set_created_fn(client, cancel_on_created);
  gearman_client_add_task(client, NULL, NULL, "f", NULL, "x", 1, &ret);
  pthread_cleanup_push(free_client, client);
  for (;;) gearman_client_run_tasks(client);
  pthread_cleanup_pop(1);
}

static void worker(in_port_t port)
{
  gearman_worker_st *worker = worker_for(port);
  gearman_worker_add_function(worker, "f", 0, work, NULL);
  pthread_cleanup_push(free_worker, worker);
  for (;;) gearman_worker_work(worker);
  pthread_cleanup_pop(1);
}

/* In a process of its own, which has no second thread before. */
static void in_child(const char *what, void (*run)(in_port_t port), void (*play)(int fd, int connection))
{
  in_port_t port;
  int status;
  pid_t server = scripted_server(&port, play);
  printf("%s\n", what);
  pid_t child = fork();
  if (child == 0)
  {
    first = pthread_self();
    alarm(10);
    run(port);
    _exit(1);
  }
  waitpid(child, &status, 0);
  printf("  ended with %d\n", status);
  end_process(server);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  if (pipe(to_server) != 0 || pipe(from_server) != 0) die("pipe");
  in_child("client", client, bad_server);
  in_child("worker", worker, resetting_server);
  return 0;
}
