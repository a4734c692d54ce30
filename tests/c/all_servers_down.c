/* Ten thousand calls while every server is down: all of them say so, and they leave neither
 * descriptors nor memory behind. A worker that is told to wait for a second makes few attempts to
 * connect, which a listener that closes at once counts. When a server is there again, the next
 * call succeeds. */
#include "common.h"

#include <dirent.h>
#include <malloc.h>

static int descriptors(void)
{
  int count = 0;
  DIR *all = must(opendir("/proc/self/fd"), "opendir");
  while (readdir(all) != NULL) ++count;
  closedir(all);
  return count;
}

static int attempts_of_a_worker(void)
{
  in_port_t port;
  int listener = listen_any(&port), attempts = 0;
  fcntl(listener, F_SETFL, O_NONBLOCK);
  gearman_worker_st *worker = worker_for(port);
  gearman_worker_add_function(worker, "f", 0, job_echo, NULL);
  gearman_worker_set_timeout(worker, 50);
  for (long long began = now_ms(); now_ms() < began + 1000;)
  {
    gearman_worker_work(worker);
    for (int peer; (peer = accept(listener, NULL, NULL)) >= 0; ++attempts) close(peer);
  }
  gearman_worker_free(worker);
  close(listener);
  return attempts;
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  gearman_client_st *client = client_for(dead_port());
  gearman_client_add_server(client, "127.0.0.1", dead_port());
  int calls = scaled(10000), refused = 0, before = 0;
  size_t memory = 0;
  for (int x = 0; x < calls; ++x)
  {
    size_t size;
    gearman_return_t code;
    gearman_job_handle_t handle;
    if (x == calls / 10)
    {
      before = descriptors();
      memory = mallinfo2().uordblks;
    }
    if (x % 2) free(gearman_client_do(client, "f", NULL, "work", 4, &size, &code));
    else code = gearman_client_do_background(client, "f", NULL, "work", 4, handle);
    refused += code == GEARMAN_COULD_NOT_CONNECT;
  }
  printf("all calls were refused: %s\n", yes(refused == calls));
  printf("descriptors: %+d\n", descriptors() - before);
  /* Less than eight bytes a call: malloc counts what it keeps for the next ones. */
  printf("memory flat: %s\n", yes(mallinfo2().uordblks < memory + 65536));

  gearman_client_add_server(client, "127.0.0.1", server_port);
  show("with one that is up", gearman_client_echo(client, "x", 1));
  gearman_client_free(client);

  printf("a worker tries again with pauses: %s\n", yes(attempts_of_a_worker() < 15));
  return 0;
}
