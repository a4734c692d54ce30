/* What is seldom asked of the library: comparing clients without servers, special time limits, an
 * allocator without memory, what reaches the allocator at all, options of sockets, a job in the
 * program's memory, and a worker whose functions were all taken back. */
#include "common.h"

#include <dirent.h>
#include <netinet/tcp.h>

static void compare(void)
{
  gearman_client_st *with = client_for(server_port);
  gearman_client_st *without = gearman_client_create(NULL);
  printf("compare without servers: %s %s\n", yes(gearman_client_compare(with, without)),
         yes(gearman_client_compare(without, without)));
  gearman_client_free(with);
  gearman_client_free(without);
}

static void time_limits(const worker_process *worker)
{
  gearman_return_t rc;
  static const int limits[] = {-1, -5};
  for (size_t x = 0; x < 2; ++x)
  {
    gearman_client_st *client = client_for(server_port);
    gearman_client_set_timeout(client, limits[x]);
    gearman_task_st *task = gearman_client_add_task(client, NULL, NULL, "wait", NULL, "abc", 3, &rc);
    worker_release(worker);
    rc = gearman_client_run_tasks(client);
    printf("time limit %d: %s, task %s\n", limits[x], rc_name(rc), rc_name(gearman_task_return(task)));
    gearman_client_free(client);
  }
}

static int calls;
static bool empty;

static void *hook_malloc(size_t size, void *context)
{
  (void)context;
  ++calls;
  return empty ? NULL : malloc(size);
}

static void hook_free(void *pointer, void *context)
{
  (void)context;
  free(pointer);
}

static void allocator(void)
{
  gearman_return_t rc;
  size_t size;
  gearman_job_handle_t handle;
  gearman_client_st *client = client_for(server_port);
  gearman_client_set_workload_malloc_fn(client, hook_malloc, NULL);
  gearman_client_set_workload_free_fn(client, hook_free, NULL);
  gearman_client_do_background(client, "echo", NULL, "abc", 3, handle);
  printf("allocator calls for do_background: %d\n", calls);
  calls = 0;
  gearman_client_add_task(client, NULL, NULL, "echo", NULL, "abc", 3, &rc);
  gearman_client_run_tasks(client);
  gearman_client_task_free_all(client);
  printf("for a task: %d\n", calls);
  calls = 0;
  gearman_client_echo(client, "abc", 3);
  printf("for an echo: %d\n", calls);
  empty = true;
  void *result = gearman_client_do(client, "echo", NULL, "abc", 3, &size, &rc);
  printf("do without memory: %s %s\n", rc_name(rc), bytes(result, size));
  empty = false;
  result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  printf("do with memory again: %s %s\n", rc_name(rc), bytes(result, size));
  free(result);
  gearman_client_free(client);
}

/* The only socket of this process that is connected to that port. */
static int socket_to(in_port_t port)
{
  int found = -1;
  DIR *directory = opendir("/proc/self/fd");
  struct dirent *entry;
  while ((entry = readdir(directory)) != NULL)
  {
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);
    int fd = atoi(entry->d_name);
    if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && peer.sin_family == AF_INET
        && ntohs(peer.sin_port) == port)
      found = fd;
  }
  closedir(directory);
  return found;
}

static int send_buffer(int fd)
{
  int size = 0;
  socklen_t length = sizeof(size);
  getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &length);
  return size;
}

static void socket_options(void)
{
  struct linger linger = {0, 0};
  socklen_t length = sizeof(linger);
  gearman_client_st *client = client_for(second_port);
  gearman_client_echo(client, "abc", 3);
  int fd = socket_to(second_port);
  getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length);
  printf("closing may block: %s\n", yes(linger.l_onoff != 0));
  int plain = connect_to(second_port);
  printf("the send buffer has the system's size: %s\n", yes(send_buffer(fd) == send_buffer(plain)));
  close(plain);
  gearman_client_free(client);
}

static void job_of_the_program(void)
{
  gearman_return_t rc;
  gearman_job_handle_t handle;
  gearman_job_st memory;
  gearman_client_st *client = client_for(second_port);
  gearman_worker_st *worker = worker_for(second_port);
  gearman_worker_add_function(worker, "own", 0, job_echo, NULL);
  gearman_client_do_background(client, "own", NULL, "abc", 3, handle);
  gearman_job_st *job = gearman_worker_grab_job(worker, &memory, &rc);
  printf("grab_job: %s, in the program's memory %s, workload %s\n", rc_name(rc), yes(job == &memory),
         bytes(gearman_job_workload(job), gearman_job_workload_size(job)));
  show("send_complete", gearman_job_send_complete(job, "done", 4));
  gearman_job_free(job);
  gearman_worker_free(worker);
  gearman_client_free(client);
  wait_for_jobs(second_port, "own", 0, 0);
}

static void no_functions_left(void)
{
  gearman_worker_st *worker = worker_for(second_port);
  gearman_worker_set_timeout(worker, 200);
  gearman_worker_add_function(worker, "gone", 0, job_echo, NULL);
  show("work", gearman_worker_work(worker));
  show("unregister_all", gearman_worker_unregister_all(worker));
  show("work without functions", gearman_worker_work(worker));
  gearman_worker_free(worker);
}

/* Prints what a worker says of its function, and ends. */
static void hear_function(int fd, int connection)
{
  (void)connection;
  int type;
  while ((type = packet_recv(fd)) >= 0)
  {
    if (type == CAN_DO_TIMEOUT)
    {
      printf("  server: CAN_DO_TIMEOUT %s\n", bytes(packet_body, packet_size));
      fflush(stdout);
    }
    if (type == GRAB_JOB || type == 30 || type == 39) packet_send(fd, NO_JOB, NULL, 0);
  }
}

static void function_timeout(void)
{
  in_port_t port;
  gearman_return_t rc;
  pid_t server = scripted_server(&port, hear_function);
  gearman_worker_st *worker = worker_for(port);
  gearman_worker_add_function(worker, "limited", 5, job_echo, NULL);
  gearman_worker_grab_job(worker, NULL, &rc);
  show("grab_job", rc);
  gearman_worker_free(worker);
  end_process(server);
}

static void by_partition(gearman_client_st *client, const char *what, gearman_task_attr_t *attributes,
                         const char *workload)
{
  gearman_argument_t argument = gearman_argument_make(NULL, 0, workload, strlen(workload));
  gearman_task_st *task = gearman_execute_by_partition(client, "split", 5, "echo", 4, NULL, 0,
                                                       attributes, &argument, NULL);
  printf("%s: %s, %s\n", what, task == NULL ? "no task" : "a task",
         rc_name(gearman_client_error_code(client)));
  gearman_task_free(task);
}

static void partition_attributes(void)
{
  gearman_client_st *client = client_for(second_port);
  gearman_client_set_timeout(client, 200);
  gearman_task_attr_t epoch = gearman_task_attr_init_epoch(1000, GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_task_attr_t high = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_HIGH);
  by_partition(client, "partition at an epoch", &epoch, "abc");
  by_partition(client, "partition of nothing", NULL, "");
  by_partition(client, "partition in the background with a priority", &high, "abc");
  gearman_client_free(client);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  compare();
  time_limits(&worker);
  allocator();
  socket_options();
  job_of_the_program();
  no_functions_left();
  function_timeout();
  partition_attributes();
  worker_stop(&worker);
  return 0;
}
