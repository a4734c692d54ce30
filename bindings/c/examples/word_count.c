/* Counts the words of a text by map and reduce.
 *
 *   word_count SERVERS worker
 *   word_count SERVERS count < TEXT
 *
 * The worker knows two functions. "split_text" is a partition function: it sends
 * one piece of text per line to "count_words", waits for all of them, and hands
 * the counts to an aggregator, which adds them up. The client sees one job with one
 * result. A worker runs one function at a time: start at least two.
 */
#include <libgearman/gearman.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_WORDS "count_words"
#define SPLIT_TEXT "split_text"

/* The mapped function: a line comes in, the number of its words goes out. */
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

/* The partition function: what it sends as data becomes the jobs of the reducer
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

/* The aggregator: called once with the first of the finished tasks. */
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

static int work(const char *servers)
{
  gearman_worker_st *worker= gearman_worker_create(NULL);
  if (worker == NULL || gearman_failed(gearman_worker_add_servers(worker, servers)))
  {
    fprintf(stderr, "no worker for %s\n", servers);
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
    /* A job that failed has told its client so. */
  } while (gearman_success(rc) || rc == GEARMAN_WORK_FAIL);
  fprintf(stderr, "%s\n", gearman_worker_error(worker));
  gearman_worker_free(worker);

  return EXIT_FAILURE;
}

/* Reads all of a file; NULL when there is no memory for it. */
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

static int count(const char *servers)
{
  int status= EXIT_FAILURE;
  size_t size;
  char *text= contents(stdin, &size);
  gearman_client_st *client= gearman_client_create(NULL);
  if (text == NULL || client == NULL || gearman_failed(gearman_client_add_servers(client, servers)))
  {
    fprintf(stderr, "no client for %s\n", servers);
    goto done;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  gearman_argument_t argument= gearman_argument_make(NULL, 0, text, size);
  gearman_task_st *task= gearman_execute_by_partition(client,
                                                      SPLIT_TEXT, strlen(SPLIT_TEXT),
                                                      COUNT_WORDS, strlen(COUNT_WORDS),
                                                      NULL, 0,      /* no unique id */
                                                      NULL,         /* no attributes */
                                                      &argument, NULL);
  if (task == NULL || gearman_failed(gearman_task_return(task)))
  {
    fprintf(stderr, "%s\n", task ? gearman_strerror(gearman_task_return(task))
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
  if (argc == 3 && strcmp(argv[2], "worker") == 0)
  {
    return work(argv[1]);
  }
  if (argc == 3 && strcmp(argv[2], "count") == 0)
  {
    return count(argv[1]);
  }
  fprintf(stderr, "usage: %s SERVERS worker|count\n", argv[0]);

  return EXIT_FAILURE;
}
