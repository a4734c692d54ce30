/* A signal handler that frees the client or the worker for which a call waits. */
#include "common.h"

static gearman_client_st *client;
static gearman_worker_st *worker;

static void free_client(int number)
{
  (void)number;
  gearman_client_free(client);
}

static void free_worker(int number)
{
  (void)number;
  gearman_worker_free(worker);
}

/* Sends the signal once the parent sleeps in the kernel: its only thread then waits in the call. */
static void signal_when_it_waits(void)
{
  pid_t parent = getppid();
  long long since = now_ms();
  for (char state = 'X'; state != 'S'; breathe(since))
  {
    char path[64], line[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)parent);
    FILE *file = (FILE *)must(fopen(path, "r"), "stat");
    char *end = fgets(line, sizeof(line), file) == NULL ? NULL : strrchr(line, ')');
    fclose(file);
    if (end != NULL) state = end[2];
  }
  kill(parent, SIGUSR1);
}

/* Does not answer a request for an option. */
static void silent(int fd, int connection)
{
  (void)connection;
  if (packet_recv(fd) != OPTION_REQ) _exit(70);
  signal_when_it_waits();
  packet_recv(fd);
}

static void options(const char *what, void (*change)(gearman_client_st *, gearman_client_options_t))
{
  in_port_t port;
  pid_t server = scripted_server(&port, silent);
  client = client_for(port);
  signal(SIGUSR1, free_client);
  change(client, GEARMAN_CLIENT_EXCEPTION);
  printf("%s has returned\n", what);
  end_process(server);
}

static gearman_return_t split(gearman_job_st *job, void *context)
{
  (void)context;
  return gearman_job_send_data(job, "part", 4);
}

/* Signals once the part is in the queue: then the worker waits for its result. */
static pid_t signal_at_the_part(void)
{
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid != 0) return pid;
  die_with(parent);
  wait_for_jobs(server_port, "unserved", 1, 0);
  signal_when_it_waits();
  _exit(0);
}

static void parts(void)
{
  gearman_client_st *submitter = client_for(server_port);
  gearman_argument_t value = gearman_argument_make(NULL, 0, "x", 1);
  gearman_task_attr_t background = gearman_task_attr_init_background(GEARMAN_JOB_PRIORITY_NORMAL);
  gearman_execute_by_partition(submitter, "split", 5, "unserved", 8, NULL, 0, &background, &value,
                               NULL);
  gearman_client_free(submitter);
  worker = worker_for(server_port);
  gearman_worker_define_function(worker, "split", 5, gearman_function_create_partition(split, NULL),
                                 0, NULL);
  signal(SIGUSR1, free_worker);
  pid_t watcher = signal_at_the_part();
  gearman_worker_work(worker);
  printf("work has returned\n");
  waitpid(watcher, NULL, 0);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  options("add_options", gearman_client_add_options);
  options("set_options", gearman_client_set_options);
  parts();
  return 0;
}
