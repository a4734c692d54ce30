/* Which libgearman is mapped into the process: exactly one. Its path goes to stderr. */
#include "common.h"

int main(int argc, char **argv)
{
  char line[4096], seen[4096] = "";
  int files = 0;
  setup(argc, argv);
  gearman_client_st *client = gearman_client_create(NULL);
  printf("a client %s\n", yes(client != NULL));
  gearman_client_free(client);
  FILE *maps = (FILE *)must(fopen("/proc/self/maps", "r"), "/proc/self/maps");
  while (fgets(line, sizeof(line), maps) != NULL)
  {
    char *path = strchr(line, '/');
    if (path == NULL || strstr(path, "libgearman") == NULL) continue;
    path[strcspn(path, "\n")] = 0;
    if (strcmp(path, seen) == 0) continue;
    strcpy(seen, path);
    ++files;
    fprintf(stderr, "%s\n", path);
  }
  fclose(maps);
  printf("libgearman files mapped: %d\n", files);
  return 0;
}
