/* Every setter of client and worker with unusual values: nothing, "", "*", zero,
 * negative numbers, the ends of ranges, blanks, control characters, names that are too long. A line
 * for each: what it returned, the error's code, and what the getter says afterwards, each time of a
 * fresh handle. */
#include "common.h"
#include <limits.h>

static gearman_client_st *client;
static gearman_worker_st *worker;
static char list[4096];

/* Names of interest; a NULL stands for a missing one. */
static const char *const names[] = {NULL,   "",      "*",    " ",        "a b", "x",
                                    "\x01", "tab\t", "l\ni", "\xc3\xbc", "%n%s"};
static const size_t long_names[] = {31,  32,  63,  64,  65,  253,  254,
                                    255, 256, 511, 512, 513, 2048, 3000};
static const int numbers[] = {0, 1, -1, -2, 255, 256, 65535, 65536, INT_MAX, INT_MIN};
/* Options of 2.0.0, which 1.1.20 does not have; ours does. */
#define CLIENT_NEW 0x400
#define WORKER_NEW 0x2000
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A name of so many bytes. */
static const char *long_name(size_t size)
{
  memset(list, 'n', size);
  list[size] = 0;
  return list;
}

/* Begins a line, with fresh handles. */
static void begin(const char *call, const char *value)
{
  size_t size = value == NULL ? 0 : strlen(value);
  printf("%s %s: ", call, size > 80 ? "long" : bytes(value, size));
  if (size > 80) printf("(%zu) ", size);
  client = must(gearman_client_create(NULL), "client");
  worker = must(gearman_worker_create(NULL), "worker");
}

static void end(void)
{
  printf("\n");
  gearman_client_free(client);
  gearman_worker_free(worker);
}

#define ROW(call, value, body)                                                                     \
  do                                                                                               \
  {                                                                                                \
    begin(call, value);                                                                            \
    body;                                                                                          \
    end();                                                                                         \
  } while (0)

static const char *number_text(long long number)
{
  static char out[32];
  snprintf(out, sizeof(out), "%lld", number);
  return out;
}

static void client_code(void) { printf(" (%s)", rc_name(gearman_client_error_code(client))); }

/* The code's name in the error text of a worker, or all of a text without one. */
static void worker_code(void)
{
  const char *error = gearman_worker_error(worker);
  const char *open = error == NULL ? NULL : strstr(error, "(GEARMAN_");
  if (open == NULL) printf(" (%s)", error == NULL ? "no error" : "other");
  else printf(" (%.*s)", (int)strcspn(open + 1, ")"), open + 1);
}

static void client_sends(const char *function)
{
  gearman_job_handle_t handle;
  printf(", sends %s",
         rc_name(gearman_client_do_background(client, function, NULL, "x", 1, handle)));
}

static void add_servers(const char *entries)
{
  ROW("client_add_servers", entries,
      printf("%s", rc_name(gearman_client_add_servers(client, entries)));
      client_code());
  ROW("worker_add_servers", entries,
      printf("%s", rc_name(gearman_worker_add_servers(worker, entries)));
      worker_code());
  setenv("GEARMAN_SERVERS", entries == NULL ? "" : entries, 1);
  printf("GEARMAN_SERVERS %s: ", entries == NULL ? "" : bytes(entries, strlen(entries)));
  gearman_client_st *one = gearman_client_create(NULL);
  gearman_worker_st *two = gearman_worker_create(NULL);
  printf("%s, %s\n", one == NULL ? "no client" : "a client",
         two == NULL ? "no worker" : "a worker");
  if (one != NULL) gearman_client_free(one);
  if (two != NULL) gearman_worker_free(two);
  unsetenv("GEARMAN_SERVERS");
}

static void servers(void)
{
  static const char *const hosts[] = {
      NULL,    "",     "*",       " ",           "127.0.0.1", "127.0.0.1 ",     " 127.0.0.1",
      "127.1", "0",    "0.0.0.0", "256.1.1.1.1", "::1",       "127.0.0.1:4730", "*:4730",
      "a,b",   "\x01", "l\ni",    "%n%s",        "localhost"};
  static const in_port_t ports[] = {0, 1, 4730, 65535};
  char call[64];
  for (size_t y = 0; y < COUNT(ports); ++y)
    for (size_t x = 0; x < COUNT(hosts); ++x)
    {
      snprintf(call, sizeof(call), "client_add_server port %u", ports[y]);
      ROW(call, hosts[x],
          printf("%s", rc_name(gearman_client_add_server(client, hosts[x], ports[y])));
          client_code(); printf(" tasks %s", yes(gearman_client_has_tasks(client))));
      snprintf(call, sizeof(call), "worker_add_server port %u", ports[y]);
      ROW(call, hosts[x],
          printf("%s", rc_name(gearman_worker_add_server(worker, hosts[x], ports[y])));
          worker_code());
    }
  static const char *const entries[] = {NULL,
                                        "",
                                        "*",
                                        "*:4730",
                                        ",",
                                        ":",
                                        ":0",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "127.0.0.1:0",
                                        "127.0.0.1:*",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:65535",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:x",
                                        "127.0.0.1,",
                                        ",127.0.0.1",
                                        "127.0.0.1,*",
                                        "127.0.0.1,,127.0.0.1",
                                        "\x01",
                                        "127.0.0.1:4730:4730"};
  for (size_t x = 0; x < COUNT(entries); ++x) add_servers(entries[x]);

  /* Where the server of no name is. */
  static const char *const here[] = {NULL, "", "127.0.0.1", "localhost"};
  for (size_t x = 0; x < COUNT(here); ++x)
    ROW("a job at", here[x],
        printf("%s", rc_name(gearman_client_add_server(client, here[x], server_port)));
        if (gearman_client_error_code(client) == GEARMAN_SUCCESS) client_sends("setter"));
}

static void timeouts(void)
{
  for (size_t x = 0; x < COUNT(numbers); ++x)
  {
    int value = numbers[x];
    ROW("client_set_timeout", number_text(value), gearman_client_set_timeout(client, value);
        printf("%d", gearman_client_timeout(client)));
    ROW("worker_set_timeout", number_text(value), gearman_worker_set_timeout(worker, value);
        printf("%d options %x", gearman_worker_timeout(worker), gearman_worker_options(worker)));
    ROW("worker_register for", number_text(value),
        printf("%s", rc_name(gearman_worker_register(worker, "f", (uint32_t)value)));
        printf(" %s", yes(gearman_worker_function_exist(worker, "f", 1))));
  }
}

static void options(void)
{
  int values[40];
  size_t count = 0;
  for (size_t x = 0; x < COUNT(numbers); ++x) values[count++] = numbers[x];
  for (int bit = 0; bit < 16; ++bit) values[count++] = 1 << bit;
  for (size_t x = 0; x < count; ++x)
  {
    int value = values[x];
    gearman_client_options_t of_client = (gearman_client_options_t)value;
    gearman_worker_options_t of_worker = (gearman_worker_options_t)value;
    const char *shown = number_text(value);
    ROW("client_set_options", shown, gearman_client_set_options(client, of_client);
        printf("%x", gearman_client_options(client) & ~CLIENT_NEW); client_code());
    ROW("client_add_options", shown, gearman_client_add_options(client, of_client);
        printf("%x", gearman_client_options(client) & ~CLIENT_NEW); client_code());
    ROW("client_remove_options", shown, gearman_client_remove_options(client, of_client);
        printf("%x", gearman_client_options(client) & ~CLIENT_NEW); client_code());
    ROW("client_has_option", shown,
        printf("%s", yes(gearman_client_has_option(client, of_client))));
    ROW("worker_set_options", shown, gearman_worker_set_options(worker, of_worker);
        printf("%x timeout %d", gearman_worker_options(worker) & ~WORKER_NEW,
               gearman_worker_timeout(worker)));
    ROW("worker_add_options", shown, gearman_worker_add_options(worker, of_worker);
        printf("%x timeout %d", gearman_worker_options(worker) & ~WORKER_NEW,
               gearman_worker_timeout(worker)));
    ROW("worker_remove_options", shown, gearman_worker_remove_options(worker, of_worker);
        printf("%x timeout %d", gearman_worker_options(worker) & ~WORKER_NEW,
               gearman_worker_timeout(worker)));
  }
}

static gearman_return_t function_fn(gearman_job_st *job, void *context)
{
  (void)job;
  (void)context;
  return GEARMAN_SUCCESS;
}

static void *old_function_fn(gearman_job_st *job, void *context, size_t *size, gearman_return_t *rc)
{
  (void)job;
  (void)context;
  *size = 0;
  *rc = GEARMAN_SUCCESS;
  return NULL;
}

/* One name, as long as it is and as long as it is not, to everything that takes a name. */
static void name(const char *value)
{
  size_t size = value == NULL ? 0 : strlen(value);
  ROW("client_set_namespace", value, gearman_client_set_namespace(client, value, size);
      gearman_client_add_server(client, "127.0.0.1", server_port); client_code());
  ROW("worker_set_namespace", value, gearman_worker_set_namespace(worker, value, size);
      printf("%s", text(gearman_worker_namespace(worker))));
  ROW("client_set_identifier", value,
      printf("%s", rc_name(gearman_client_set_identifier(client, value, size)));
      client_code());
  ROW("worker_set_identifier", value,
      printf("%s", rc_name(gearman_worker_set_identifier(worker, value, size)));
      printf(" options %x", gearman_worker_options(worker)); worker_code());
  ROW("client_set_server_option", value,
      gearman_client_add_server(client, "127.0.0.1", server_port);
      printf("%s", yes(gearman_client_set_server_option(client, value, size))); client_code());
  ROW("worker_set_server_option", value,
      gearman_worker_add_server(worker, "127.0.0.1", server_port);
      printf("%s", yes(gearman_worker_set_server_option(worker, value, size))); worker_code());
  if (value != NULL)
    ROW("worker_register", value, printf("%s", rc_name(gearman_worker_register(worker, value, 0)));
        worker_code(); printf(" %s", yes(gearman_worker_function_exist(worker, value, size))));
  ROW("worker_unregister", value, printf("%s", rc_name(gearman_worker_unregister(worker, value)));
      worker_code());
  ROW("worker_add_function", value,
      printf("%s", rc_name(gearman_worker_add_function(worker, value, 0, old_function_fn, NULL)));
      worker_code(); printf(" %s", yes(gearman_worker_function_exist(worker, value, size))));
  ROW("worker_define_function", value,
      printf("%s", rc_name(gearman_worker_define_function(
                       worker, value, size, gearman_function_create(function_fn), 0, NULL)));
      worker_code(); printf(" %s", yes(gearman_worker_function_exist(worker, value, size))));
}

static void *allocate(size_t size, void *context)
{
  (void)context;
  return malloc(size);
}

static void callbacks(void)
{
  ROW("client_set_server_option without servers", NULL,
      printf("%s", yes(gearman_client_set_server_option(client, NULL, 0)));
      client_code());
  ROW("worker_set_server_option without servers", NULL,
      printf("%s", yes(gearman_worker_set_server_option(worker, NULL, 0)));
      worker_code());
  ROW("worker_set_namespace with a size alone", NULL, gearman_worker_set_namespace(worker, NULL, 3);
      printf("%s", text(gearman_worker_namespace(worker))));
  ROW("worker_set_namespace with a size of 0", "x", gearman_worker_set_namespace(worker, "x", 0);
      printf("%s", text(gearman_worker_namespace(worker))));
  ROW("client_set_log_fn", NULL,
      gearman_client_set_log_fn(client, NULL, NULL, (gearman_verbose_t)INT_MIN);
      client_code());
  ROW("worker_set_log_fn", NULL,
      gearman_worker_set_log_fn(worker, NULL, NULL, (gearman_verbose_t)INT_MAX);
      worker_code());
  ROW("client_set_workload_malloc_fn", NULL,
      gearman_client_set_workload_malloc_fn(client, NULL, NULL);
      client_code());
  ROW("worker_set_workload_free_fn", NULL, gearman_worker_set_workload_free_fn(worker, NULL, NULL);
      worker_code());
  ROW("client_set_task_context_free_fn", NULL,
      gearman_client_set_task_context_free_fn(client, NULL);
      client_code());
  ROW("client_set_memory_allocators, none", NULL,
      printf("%s",
             rc_name(gearman_client_set_memory_allocators(client, NULL, NULL, NULL, NULL, NULL))));
  ROW("client_set_memory_allocators, one", NULL,
      printf("%s", rc_name(gearman_client_set_memory_allocators(client, allocate, NULL, NULL, NULL,
                                                                NULL)));
      client_code());
  ROW("worker_set_memory_allocators, one", NULL,
      printf("%s", rc_name(gearman_worker_set_memory_allocators(worker, allocate, NULL, NULL, NULL,
                                                                NULL)));
      worker_code());
  ROW("worker_add_function without one", NULL,
      printf("%s", rc_name(gearman_worker_add_function(worker, "f", 0, NULL, NULL)));
      worker_code());
}

int main(int argc, char **argv)
{
  setup(argc, argv);
  servers();
  timeouts();
  options();
  for (size_t x = 0; x < COUNT(names); ++x) name(names[x]);
  for (size_t x = 0; x < COUNT(long_names); ++x) name(long_name(long_names[x]));
  callbacks();
  return 0;
}
