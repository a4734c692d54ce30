/* Loads and unloads a library many times, using it each time: `unload LIBRARY`. Nothing of it may
 * stay in memory. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROUNDS = 400 };

/* A client without a reachable server, and a worker. */
static int use(const char *library)
{
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) return 0;
  void *(*client_create)(void *) = (void *(*)(void *))dlsym(handle, "gearman_client_create");
  int (*add_server)(void *, const char *, unsigned short) =
      (int (*)(void *, const char *, unsigned short))dlsym(handle, "gearman_client_add_server");
  int (*echo)(void *, const void *, size_t) =
      (int (*)(void *, const void *, size_t))dlsym(handle, "gearman_client_echo");
  void (*client_free)(void *) = (void (*)(void *))dlsym(handle, "gearman_client_free");
  void *(*worker_create)(void *) = (void *(*)(void *))dlsym(handle, "gearman_worker_create");
  void (*worker_free)(void *) = (void (*)(void *))dlsym(handle, "gearman_worker_free");
  void *client = client_create(NULL);
  add_server(client, "/nowhere/gearmand.socket", 0);
  int failed = echo(client, "x", 1) != 0;
  client_free(client);
  worker_free(worker_create(NULL));
  return dlclose(handle) == 0 && failed;
}

static long resident_pages(void)
{
  long size = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) return -1;
  fclose(file);
  return resident;
}

static int is_mapped(void)
{
  char line[1024];
  int found = 0;
  FILE *file = fopen("/proc/self/maps", "r");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL)
    found |= strstr(line, "libgearman") != NULL;
  if (file != NULL) fclose(file);
  return found;
}

int main(int argc, char **argv)
{
  if (argc != 2) return 64;
  int used = 0;
  for (int x = 0; x < 50; ++x) used += use(argv[1]);
  long before = resident_pages();
  for (int x = 0; x < ROUNDS; ++x) used += use(argv[1]);
  long more = resident_pages() - before;
  printf("used %s, mapped %s, growing %s\n", used == ROUNDS + 50 ? "yes" : "no",
         is_mapped() ? "yes" : "no", more < ROUNDS / 4 ? "no" : "yes");
  return 0;
}
