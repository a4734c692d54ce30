/* The result of do for every kind of outcome, all three priorities: pointer, size, code, error
 * text; with and without a size pointer and a code pointer. */
#include "common.h"

typedef void *(do_fn)(gearman_client_st *, const char *, const char *, const void *, size_t,
                      size_t *, gearman_return_t *);

static gearman_client_st *client;

static void run(do_fn *call, const char *label, const char *function, const void *workload,
                size_t size)
{
  size_t result_size = 4711;
  gearman_return_t rc = GEARMAN_MAX_RETURN;
  void *result = call(client, function, NULL, workload, size, &result_size, &rc);
  printf("%s %s: %s %s", label, function, rc_name(rc), bytes(result, result_size));
  printf(" handle \"%s\"\n", text(gearman_client_do_job_handle(client)));
  if (rc != GEARMAN_SUCCESS) printf("  error: %s\n", text(gearman_client_error(client)));
  free(result);
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  worker_process worker = worker_start(server_port);
  client = client_for(server_port);
  gearman_client_add_options(client, GEARMAN_CLIENT_EXCEPTION);

  static const char *const functions[] = {"reverse", "empty",      "fail",    "data_fail", "exception",
                                          "chunks",  "everything", "warning", "status",    NULL};
  for (int x = 0; functions[x] != NULL; ++x) run(gearman_client_do, "do", functions[x], "abc", 3);
  for (int x = 0; functions[x] != NULL; ++x)
    run(gearman_client_do_high, "do_high", functions[x], "abc", 3);
  for (int x = 0; functions[x] != NULL; ++x)
    run(gearman_client_do_low, "do_low", functions[x], "abc", 3);

  run(gearman_client_do, "no workload", "echo", NULL, 0);
  run(gearman_client_do, "one NUL", "echo", "\0", 1);

  static const size_t sizes[] = {1, 2, 127, 128, 8191, 8192, 8193, 32768, 65536, 1000000, 1 << 20};
  for (size_t x = 0; x < sizeof(sizes) / sizeof(sizes[0]); ++x)
  {
    unsigned char *workload = (unsigned char *)must(malloc(sizes[x]), "malloc");
    for (size_t y = 0; y < sizes[x]; ++y) workload[y] = (unsigned char)(y * 7 + (y >> 8));
    printf("sending %s\n", bytes(workload, sizes[x]));
    run(gearman_client_do, "large", "echo", workload, sizes[x]);
    run(gearman_client_do, "large", "size", workload, sizes[x]);
    free(workload);
  }

  gearman_return_t rc;
  size_t size;
  char *result = (char *)gearman_client_do(client, "reverse", NULL, "abc", 3, NULL, &rc);
  printf("no size pointer: %s %.3s\n", rc_name(rc), text(result));
  free(result);
  result = (char *)gearman_client_do(client, "reverse", NULL, "abc", 3, &size, NULL);
  printf("no code pointer: %zu %.3s\n", size, text(result));
  free(result);
  result = (char *)gearman_client_do(client, "fail", NULL, "abc", 3, NULL, NULL);
  printf("neither, failing: %s\n", text(result));

  uint32_t numerator = 5, denominator = 6;
  gearman_client_do_status(client, &numerator, &denominator);
  printf("do_status: %u/%u\n", numerator, denominator);
  printf("tasks left: %s\n", yes(gearman_client_has_tasks(client)));

  gearman_client_free(client);
  worker_stop(&worker);
  return 0;
}
