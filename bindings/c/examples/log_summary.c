/* Counts the lines of a web server's log.
 *
 *   log_summary [-h HOST] [-p PORT] [worker]
 *
 * The worker's function "logger" counts a line in the common log format, and "log_summary" gives
 * the counts. Apache sends its log there with
 *
 *   CustomLog "|gearman -n -f logger" common
 *
 * Without "worker" the program starts a worker and sends a log of its own through the same
 * pipe; the environment variable GEARMAN names the tool [gearman]. One process counts: the
 * counts are in its memory.
 */
#define _POSIX_C_SOURCE 200809L

#include "worker_processes.h"

#define LOGGER "logger"
#define LOG_SUMMARY "log_summary"

/* The context of the worker's functions. */
struct summary_st
{
  unsigned long requests;
  unsigned long bytes;
  unsigned long statuses[600];
};

/* Counts one line: host, identity, user, time, request, status, size. */
static gearman_return_t logger(gearman_job_st *job, void *context)
{
  struct summary_st *summary= context;
  char line[8192]= "";
  size_t size= gearman_job_workload_size(job);
  unsigned int status;
  char bytes[32]= "";
  if (size >= sizeof(line))
  {
    return GEARMAN_FATAL;
  }
  memcpy(line, size > 0 ? gearman_job_workload(job) : "", size);
  if (sscanf(line, "%*s %*s %*s [%*[^]]] \"%*[^\"]\" %3u %31s", &status, bytes) != 2 || status >= 600)
  {
    return GEARMAN_FATAL;  /* The job fails: this is no line of a log. */
  }
  summary->requests++;
  summary->statuses[status]++;
  summary->bytes+= strtoul(bytes, NULL, 10);  /* "-" is 0. */

  return GEARMAN_SUCCESS;
}

static gearman_return_t log_summary(gearman_job_st *job, void *context)
{
  const struct summary_st *summary= context;
  char text[32768];
  int used= snprintf(text, sizeof(text), "%lu requests, %lu bytes\n", summary->requests, summary->bytes);
  for (size_t status= 0; status < sizeof(summary->statuses) / sizeof(*summary->statuses); status++)
  {
    if (summary->statuses[status] > 0)
    {
      used+= snprintf(text + used, sizeof(text) - (size_t)used, "%6lu with status %lu\n",
                      summary->statuses[status], (unsigned long)status);
    }
  }

  return gearman_job_send_complete(job, text, (size_t)used);
}

/* Pipes a log into the tool, which ends when every line is counted. */
static bool pipe_log(const struct server_st *server)
{
  static const struct
  {
    const char *path;
    int number;
    int status;
    const char *size;
  } requests[]= {
    { "/", 6, 200, "1200" }, { "/news", 3, 200, "800" }, { "/missing", 2, 404, "-" }, { "/picture.png", 1, 200, "40000" },
  };
  const char *tool= getenv("GEARMAN");
  char command[4096];
  (void)snprintf(command, sizeof(command), "exec %s -h %s -p %u -n -f " LOGGER,
                 tool ? tool : "gearman", server->host, (unsigned int)server->port);
  FILE *pipe= popen(command, "w");
  if (pipe == NULL)
  {
    perror("popen");
    return false;
  }
  for (size_t x= 0; x < sizeof(requests) / sizeof(*requests); x++)
  {
    for (int n= 0; n < requests[x].number; n++)
    {
      fprintf(pipe, "127.0.0.1 - - [29/Nov/2026:03:00:00 +0000] \"GET %s HTTP/1.1\" %d %s\n",
              requests[x].path, requests[x].status, requests[x].size);
    }
  }

  return pclose(pipe) == 0;
}

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "[worker]", 0, &server);
  static struct summary_st summary;
  const struct offer_st offers[]= {
    { LOGGER, gearman_function_create(logger) },
    { LOG_SUMMARY, gearman_function_create(log_summary) },
  };
  if (first < argc)
  {
    if (strcmp(argv[first], "worker") != 0)
    {
      usage(argv[0], "[worker]");
    }
    work(&server, offers, sizeof(offers) / sizeof(*offers), &summary);
    return EXIT_FAILURE;
  }

  start_workers(1, &server, offers, sizeof(offers) / sizeof(*offers), &summary);
  if (pipe_log(&server) == false)
  {
    fprintf(stderr, "log_summary: the pipe failed\n");
    return EXIT_FAILURE;
  }
  gearman_client_st *client= connect_client("log_summary", &server);
  size_t size;
  gearman_return_t rc;
  char *result= gearman_client_do(client, LOG_SUMMARY, NULL, NULL, 0, &size, &rc);
  if (gearman_success(rc))
  {
    printf("%.*s", (int)size, result);
  }
  else
  {
    fprintf(stderr, "log_summary: %s\n", gearman_client_error(client));
  }
  free(result);
  gearman_client_free(client);

  return gearman_success(rc) ? EXIT_SUCCESS : EXIT_FAILURE;
}
