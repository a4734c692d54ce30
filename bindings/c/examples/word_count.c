/* Counts the words of a text by map and reduce.
 *
 *   word_count [-h HOST] [-p PORT] worker
 *   word_count [-h HOST] [-p PORT] count < TEXT
 *
 * The worker offers two functions. "split_text" is a partition function: it sends
 * one piece of text per line to "count_words", waits for all of them, and passes
 * the counts to an aggregator, which adds them up. The client sees one job with one
 * result. A worker runs one function at a time: start at least two. A worker ends with
 * code 1 when it loses its job server.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

#include <ctype.h>

#define COUNT_WORDS "count_words"
#define SPLIT_TEXT "split_text"

/* The mapped function: its workload is a line, its result the number of words. */
static gearman_return_t count_words(gearman_job_st *job, void *context)
{
  (void)context;
  const char *text= gearman_job_workload(job);
  size_t size= gearman_job_workload_size(job);
  unsigned long words= 0;
  for (size_t x= 0; x < size; x++)
  {
    bool starts= !isspace((unsigned char)text[x]) && (x == 0 || isspace((unsigned char)text[x - 1]));
    words+= starts ? 1 : 0;
  }

  char result[32];
  int length= snprintf(result, sizeof(result), "%lu", words);

  return gearman_job_send_complete(job, result, (size_t)length);
}

/* The partition function: each piece of data that it sends becomes a job of the reducer
 * that the client named. */
static gearman_return_t split_text(gearman_job_st *job, void *context)
{
  (void)context;
  const char *text= gearman_job_workload(job);
  const char *end= text + gearman_job_workload_size(job);
  while (text < end)
  {
    const char *newline= memchr(text, '\n', (size_t)(end - text));
    size_t length= (size_t)((newline ? newline : end) - text);
    gearman_return_t rc;
    if (length > 0 && gearman_failed(rc= gearman_job_send_data(job, text, length)))
    {
      return rc;
    }
    text+= length + 1;
  }

  return GEARMAN_SUCCESS;
}

/* The aggregator: called once, with the first of the finished tasks. */
static gearman_return_t add_up(gearman_aggregator_st *aggregator, gearman_task_st *task,
                               gearman_result_st *result)
{
  (void)aggregator;
  unsigned long words= 0;
  for (; task != NULL; task= gearman_next(task))
  {
    gearman_result_st *part= gearman_task_result(task);
    words+= part == NULL ? 0 : (unsigned long)gearman_result_integer(part);
  }

  char text[32];
  int length= snprintf(text, sizeof(text), "%lu", words);

  return gearman_result_store_value(result, text, (size_t)length);
}

static int work(const struct server_st *server)
{
  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL || gearman_failed(gearman_worker_add_server(worker, server->host, server->port)))
  {
    fprintf(stderr, "word_count: %s\n", worker ? gearman_worker_error(worker) : "out of memory");
    gearman_worker_free(worker);
    return EXIT_FAILURE;
  }
  gearman_worker_define_function(worker, COUNT_WORDS, strlen(COUNT_WORDS),
                                 gearman_function_create(count_words), 0, NULL);
  gearman_worker_define_function(worker, SPLIT_TEXT, strlen(SPLIT_TEXT),
                                 gearman_function_create_partition(split_text, add_up), 0, NULL);

  gearman_return_t rc;
  do
  {
    rc= gearman_worker_work(worker);
    /* The client of a job that failed was told so. */
  } while (gearman_success(rc) || rc == GEARMAN_WORK_FAIL);
  fprintf(stderr, "word_count: %s\n", gearman_worker_error(worker));
  gearman_worker_free(worker);

  return EXIT_FAILURE;
}

/* Reads all of a file. Returns NULL on a lack of memory. */
static char *contents(FILE *file, size_t *size)
{
  size_t room= 4096;
  char *text= malloc(room);
  *size= 0;
  while (text != NULL)
  {
    *size+= fread(text + *size, 1, room - *size, file);
    if (*size < room)
    {
      break;
    }
    room*= 2;
    char *larger= realloc(text, room);
    if (larger == NULL)
    {
      free(text);
    }
    text= larger;
  }

  return text;
}

static int count(const struct server_st *server)
{
  int status= EXIT_FAILURE;
  size_t size;
  char *text= contents(stdin, &size);
  gearman_client_st *client= gearman_client_create(NULL);
  if (text == NULL || client == NULL ||
      gearman_failed(gearman_client_add_server(client, server->host, server->port)))
  {
    fprintf(stderr, "word_count: %s\n", text && client ? gearman_client_error(client) : "out of memory");
    goto done;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  gearman_argument_t argument= gearman_argument_make(NULL, 0, text, size);
  gearman_task_st *task= gearman_execute_by_partition(client,
                                                      SPLIT_TEXT, strlen(SPLIT_TEXT),
                                                      COUNT_WORDS, strlen(COUNT_WORDS),
                                                      NULL, 0,      /* No unique id. */
                                                      NULL,         /* No attributes. */
                                                      &argument, NULL);
  if (task == NULL || gearman_failed(gearman_task_return(task)))
  {
    fprintf(stderr, "word_count: %s\n", task ? gearman_strerror(gearman_task_return(task))
                                             : gearman_client_error(client));
    goto done;
  }
  gearman_result_st *result= gearman_task_result(task);
  printf("%.*s words\n", (int)gearman_result_size(result), gearman_result_value(result));
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);
  free(text);

  return status;
}

int main(int argc, char *argv[])
{
  const char *arguments= "worker|count";
  struct server_st server;
  int first= read_options(argc, argv, arguments, 1, &server);
  if (strcmp(argv[first], "worker") == 0)
  {
    return work(&server);
  }
  if (strcmp(argv[first], "count") == 0)
  {
    return count(&server);
  }
  usage(argv[0], arguments);

  return EXIT_FAILURE;
}
