/* Which descriptors the library takes in a process that has closed its standard streams, and
 * whether it works above descriptor 1024, where select() does not. */
#include "common.h"

#include <sys/resource.h>

/* How many of the three descriptors are open. */
static int standard_streams(void)
{
  int open_ones = 0;
  for (int fd = 0; fd < 3; ++fd) open_ones += fcntl(fd, F_GETFD) != -1;
  return open_ones;
}

/* The exit code is what a process without standard streams found: those of them that are open
 * after a job, and 64 if the job failed. */
static int without_standard_streams(in_port_t port)
{
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0)
  {
    size_t size;
    gearman_return_t code;
    for (int fd = 0; fd < 3; ++fd) close(fd);
    gearman_worker_st *worker = gearman_worker_create(NULL);
    gearman_worker_add_server(worker, "127.0.0.1", port);
    gearman_return_t echoed = gearman_worker_echo(worker, "x", 1);
    gearman_client_st *client = gearman_client_create(NULL);
    gearman_client_add_server(client, "127.0.0.1", port);
    free(gearman_client_do(client, "echo", NULL, "work", 4, &size, &code));
    _exit(standard_streams() + (code == GEARMAN_SUCCESS && echoed == GEARMAN_SUCCESS ? 0 : 64));
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(int argc, char **argv)
{
  size_t size;
  gearman_return_t code;
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  printf("without standard streams: %d\n", without_standard_streams(server_port));

  struct rlimit limit = {1200, 1200};
  setrlimit(RLIMIT_NOFILE, &limit);
  int last = 0;
  while (last < 1100) last = open("/dev/null", O_RDONLY | O_CLOEXEC);
  gearman_client_st *client = client_for(server_port);
  free(gearman_client_do(client, "echo", NULL, "work", 4, &size, &code));
  show("above descriptor 1100", code);
  gearman_worker_st *echoing = worker_for(server_port);
  show("a worker above descriptor 1100", gearman_worker_echo(echoing, "x", 1));
  gearman_worker_free(echoing);

  /* All descriptors are taken: an error, and the client works again afterwards. */
  while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0) {}
  gearman_client_st *starved = client_for(server_port);
  free(gearman_client_do(starved, "echo", NULL, "work", 4, &size, &code));
  printf("without a free descriptor: %s\n", yes(code != GEARMAN_SUCCESS));
  for (int fd = 1000; fd < 1010; ++fd) close(fd);
  free(gearman_client_do(starved, "echo", NULL, "work", 4, &size, &code));
  show("with a few again", code);
  gearman_client_free(starved);
  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
