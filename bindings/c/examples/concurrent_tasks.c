/* Has workers reverse several texts at the same time, with callbacks.
 *
 *   concurrent_tasks [-h HOST] [-p PORT] TEXT...
 *
 * Prints the results in the order of the texts, whatever order they arrive in.
 */
#define _POSIX_C_SOURCE 200809L

#include "server_options.h"

/* The context of a task: gearman_client_add_task() stores it and the callbacks read it. */
struct text_st
{
  const char *text;
  char *result;
  size_t size;
  bool failed;
};

/* Appends the data of one packet to the result, which a worker may send in pieces. The
 * data belongs to the task and is valid until the callback returns. */
static gearman_return_t add_data(gearman_task_st *task)
{
  struct text_st *text= gearman_task_context(task);
  size_t size= gearman_task_data_size(task);
  if (size == 0)
  {
    return GEARMAN_SUCCESS;
  }

  char *result= realloc(text->result, text->size + size);
  if (result == NULL)
  {
    return GEARMAN_MEMORY_ALLOCATION_FAILURE;
  }
  memcpy(result + text->size, gearman_task_data(task), size);
  text->result= result;
  text->size+= size;

  return GEARMAN_SUCCESS;
}

static gearman_return_t on_status(gearman_task_st *task)
{
  struct text_st *text= gearman_task_context(task);
  fprintf(stderr, "%s: %u/%u\n", text->text, (unsigned int)gearman_task_numerator(task),
          (unsigned int)gearman_task_denominator(task));
  return GEARMAN_SUCCESS;
}

static gearman_return_t on_fail(gearman_task_st *task)
{
  struct text_st *text= gearman_task_context(task);
  text->failed= true;
  return GEARMAN_SUCCESS;
}

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "TEXT...", 1, &server);
  int status= EXIT_FAILURE;
  size_t count= (size_t)(argc - first);

  struct text_st *texts= calloc(count, sizeof(*texts));
  gearman_client_st *client= gearman_client_create(NULL);
  if (texts == NULL || client == NULL)
  {
    fprintf(stderr, "concurrent_tasks: out of memory\n");
    goto done;
  }
  gearman_client_set_timeout(client, 30 * 1000);

  /* The library frees each task when it is finished. */
  gearman_client_add_options(client, GEARMAN_CLIENT_FREE_TASKS);

  /* A task keeps the callbacks that are set when it is added. */
  gearman_client_set_data_fn(client, add_data);
  gearman_client_set_complete_fn(client, add_data);
  gearman_client_set_status_fn(client, on_status);
  gearman_client_set_fail_fn(client, on_fail);

  if (gearman_failed(gearman_client_add_server(client, server.host, server.port)))
  {
    fprintf(stderr, "concurrent_tasks: %s\n", gearman_client_error(client));
    goto done;
  }

  for (size_t x= 0; x < count; x++)
  {
    texts[x].text= argv[(size_t)first + x];

    /* Nothing is sent yet. The workload is copied. */
    gearman_return_t rc;
    if (gearman_client_add_task(client, NULL, &texts[x], "reverse", NULL,
                                texts[x].text, strlen(texts[x].text), &rc) == NULL)
    {
      fprintf(stderr, "concurrent_tasks: %s\n", gearman_strerror(rc));
      goto done;
    }
  }

  /* Sends all of them and returns when all are finished. */
  if (gearman_failed(gearman_client_run_tasks(client)))
  {
    fprintf(stderr, "concurrent_tasks: %s\n", gearman_client_error(client));
    goto done;
  }

  status= EXIT_SUCCESS;
  for (size_t x= 0; x < count; x++)
  {
    if (texts[x].failed)
    {
      fprintf(stderr, "concurrent_tasks: the job for %s failed\n", texts[x].text);
      status= EXIT_FAILURE;
      continue;
    }
    if (texts[x].size > 0)
    {
      fwrite(texts[x].result, 1, texts[x].size, stdout);
    }
    putchar('\n');
  }
  if (fflush(stdout) != 0 || ferror(stdout))
  {
    perror("stdout");
    status= EXIT_FAILURE;
  }

done:
  gearman_client_free(client);
  for (size_t x= 0; texts != NULL && x < count; x++)
  {
    free(texts[x].result);
  }
  free(texts);

  return status;
}
