/* Sorts numbers by map and reduce: a merge sort whose halves are jobs.
 *
 *   merge_sort [-h HOST] [-p PORT]
 *
 * "split_numbers" is a partition function: it sends pieces of the numbers to "sort_numbers",
 * one job each, which several workers do at the same time (map). Its aggregator merges the
 * sorted pieces (reduce). The client sees one job with one result. The numbers travel as
 * uint32_t in this machine's byte order.
 */
#define _POSIX_C_SOURCE 200809L

#include "worker_processes.h"

#include <inttypes.h>

#define SORT_NUMBERS "sort_numbers"
#define SPLIT_NUMBERS "split_numbers"

#define NUMBERS 20000
#define PIECES 6
/* One of them runs the partition function, which waits for the others. */
#define WORKERS 4

static int compare(const void *one, const void *other)
{
  uint32_t a= *(const uint32_t *)one;
  uint32_t b= *(const uint32_t *)other;
  return (a > b) - (a < b);
}

/* The mapped function. */
static gearman_return_t sort_numbers(gearman_job_st *job, void *context)
{
  (void)context;
  size_t size= gearman_job_workload_size(job);
  uint32_t *numbers= malloc(size);
  if (numbers == NULL || size % sizeof(*numbers) != 0)
  {
    free(numbers);
    return GEARMAN_FATAL;
  }
  /* Copied: a workload is not aligned for numbers, and belongs to the job. */
  memcpy(numbers, gearman_job_workload(job), size);
  qsort(numbers, size / sizeof(*numbers), sizeof(*numbers), compare);
  gearman_return_t rc= gearman_job_send_complete(job, numbers, size);
  free(numbers);

  return rc;
}

/* The partition function: each piece of data that it sends becomes a job. */
static gearman_return_t split_numbers(gearman_job_st *job, void *context)
{
  (void)context;
  const char *numbers= gearman_job_workload(job);
  size_t count= gearman_job_workload_size(job) / sizeof(uint32_t);
  for (size_t piece= 0; piece < PIECES; piece++)
  {
    size_t first= count * piece / PIECES;
    size_t size= (count * (piece + 1) / PIECES - first) * sizeof(uint32_t);
    gearman_return_t rc= size == 0 ? GEARMAN_SUCCESS
                                   : gearman_job_send_data(job, numbers + first * sizeof(uint32_t), size);
    if (gearman_failed(rc))
    {
      return rc;
    }
  }

  return GEARMAN_SUCCESS;
}

/* Merges two sorted runs of numbers into new memory. NULL on a lack of memory. */
static uint32_t *merge(const uint32_t *one, size_t one_count, const uint32_t *other, size_t other_count)
{
  uint32_t *merged= malloc((one_count + other_count + 1) * sizeof(*merged));
  for (size_t x= 0, y= 0; merged != NULL && x + y < one_count + other_count; )
  {
    bool takes_one= y == other_count || (x < one_count && one[x] <= other[y]);
    size_t place= x + y;
    merged[place]= takes_one ? one[x++] : other[y++];
  }

  return merged;
}

/* The aggregator: called once, with the first of the finished tasks. */
static gearman_return_t merge_pieces(gearman_aggregator_st *aggregator, gearman_task_st *task,
                                     gearman_result_st *result)
{
  (void)aggregator;
  uint32_t *merged= NULL;
  size_t count= 0;
  for (; task != NULL; task= gearman_next(task))
  {
    gearman_result_st *part= gearman_task_result(task);
    size_t size= part ? gearman_result_size(part) : 0;
    uint32_t *piece= malloc(size + 1);
    uint32_t *larger= NULL;
    if (piece != NULL)
    {
      memcpy(piece, size > 0 ? gearman_result_value(part) : "", size);
      larger= merge(merged, count, piece, size / sizeof(*piece));
    }
    free(piece);
    free(merged);
    merged= larger;
    count+= size / sizeof(*merged);
    if (merged == NULL)
    {
      return GEARMAN_MEMORY_ALLOCATION_FAILURE;
    }
  }
  gearman_return_t rc= gearman_result_store_value(result, merged, count * sizeof(*merged));
  free(merged);

  return rc;
}

/* Whether the result has all of the numbers, in order. */
static bool is_sorted(const uint32_t *numbers, const uint32_t *sorted)
{
  uint64_t before= 0;
  uint64_t after= 0;
  bool in_order= true;
  for (size_t x= 0; x < NUMBERS; x++)
  {
    before+= numbers[x];
    after+= sorted[x];
    in_order= in_order && (x == 0 || sorted[x - 1] <= sorted[x]);
  }

  return in_order && before == after;
}

int main(int argc, char *argv[])
{
  struct server_st server;
  (void)read_options(argc, argv, "", 0, &server);
  static uint32_t numbers[NUMBERS];
  static uint32_t sorted[NUMBERS];
  uint32_t seed= 1;
  for (size_t x= 0; x < NUMBERS; x++)
  {
    seed= seed * 1664525u + 1013904223u;
    numbers[x]= (seed >> 8) % 1000000u;
  }

  const struct offer_st offers[]= {
    { SORT_NUMBERS, gearman_function_create(sort_numbers) },
    { SPLIT_NUMBERS, gearman_function_create_partition(split_numbers, merge_pieces) },
  };
  start_workers(WORKERS, &server, offers, sizeof(offers) / sizeof(*offers), NULL);

  int status= EXIT_FAILURE;
  gearman_client_st *client= connect_client("merge_sort", &server);
  gearman_argument_t argument= gearman_argument_make(NULL, 0, (const char *)numbers, sizeof(numbers));
  gearman_task_st *task= gearman_execute_by_partition(client,
                                                      SPLIT_NUMBERS, strlen(SPLIT_NUMBERS),
                                                      SORT_NUMBERS, strlen(SORT_NUMBERS),
                                                      NULL, 0,      /* No unique id. */
                                                      NULL,         /* No attributes. */
                                                      &argument, NULL);
  if (task == NULL || gearman_failed(gearman_task_return(task)))
  {
    fprintf(stderr, "merge_sort: %s\n", task ? gearman_strerror(gearman_task_return(task))
                                             : gearman_client_error(client));
    goto done;
  }
  gearman_result_st *result= gearman_task_result(task);
  if (gearman_result_size(result) != sizeof(sorted))
  {
    fprintf(stderr, "merge_sort: the result has %lu bytes\n", (unsigned long)gearman_result_size(result));
    goto done;
  }
  memcpy(sorted, gearman_result_value(result), sizeof(sorted));
  if (is_sorted(numbers, sorted) == false)
  {
    fprintf(stderr, "merge_sort: the result is not the sorted numbers\n");
    goto done;
  }
  printf("%d numbers in %d pieces sorted by %d workers\n", NUMBERS, PIECES, WORKERS);
  printf("from %" PRIu32 " to %" PRIu32 ", in order\n", sorted[0], sorted[NUMBERS - 1]);
  status= EXIT_SUCCESS;

done:
  gearman_client_free(client);

  return status;
}
