/* The functions that switch TLS on, with working files. Arguments: the port of a server that
 * requires a certificate, and the files of authority, certificate and key. Each pair of functions
 * does a job; without them there is none. */
#include <libgearman/gearman.h>
#include <libgearman-1.0/extension.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *reverse(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  const char *data = gearman_job_workload(job);
  (void)context;
  *size = gearman_job_workload_size(job);
  char *result = malloc(*size);
  for (size_t x = 0; x < *size; ++x)
    result[x] = data[*size - 1 - x];
  *ret = GEARMAN_SUCCESS;
  return result;
}

static void *one_job(void *worker)
{
  return gearman_worker_work(worker) == GEARMAN_SUCCESS ? worker : NULL;
}

static void try_job(const char *name, gearman_client_st *client, gearman_worker_st *worker)
{
  pthread_t thread;
  void *worked;
  size_t size;
  gearman_return_t rc;
  gearman_worker_set_timeout(worker, 20000);
  gearman_worker_add_function(worker, "reverse", 0, reverse, NULL);
  pthread_create(&thread, NULL, one_job, worker);
  char *result = gearman_client_do(client, "reverse", NULL, "abc", 3, &size, &rc);
  pthread_join(thread, &worked);
  printf("%s: %s, %.*s, %s\n", name, gearman_strerror(rc), (int)size, result ? result : "-",
         worked ? "worked" : "not worked");
  free(result);
  gearman_client_free(client);
  gearman_worker_free(worker);
}

int main(int argc, char **argv)
{
  (void)argc;
  in_port_t port = (in_port_t)atoi(argv[1]);
  const char *ca = argv[2], *certificate = argv[3], *key = argv[4];
  for (int way = 0; way < 2; ++way)
  {
    gearman_client_st *client = gearman_client_create(NULL);
    gearman_worker_st *worker = gearman_worker_create(NULL);
    gearman_client_add_server(client, "127.0.0.1", port);
    gearman_worker_add_server(worker, "127.0.0.1", port);
    if (way == 0)
    {
      gearman_client_set_ssl(client, true, ca, certificate, key);
      gearman_worker_set_ssl(worker, true, ca, certificate, key);
      try_job("set_ssl", client, worker);
    }
    else
    {
      gearman_client_set_tls(client, ca, certificate, key, "localhost", "full");
      gearman_worker_set_tls(worker, ca, certificate, key, "localhost", "full");
      try_job("set_tls", client, worker);
    }
  }

  gearman_client_st *client = gearman_client_create(NULL);
  gearman_client_add_server(client, "127.0.0.1", port);
  gearman_client_set_ssl(client, true, ca, certificate, key);
  gearman_client_set_ssl(client, false, NULL, NULL, NULL);
  gearman_client_set_timeout(client, 20000);
  printf("off: %s\n", gearman_client_echo(client, "x", 1) == GEARMAN_SUCCESS ? "echo" : "no echo");
  gearman_client_free(client);
  return 0;
}
