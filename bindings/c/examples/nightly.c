/* A nightly job: a background job with a time, which submits itself for the next night.
 *
 *   nightly [-h HOST] [-p PORT] [DIRECTORY]
 *
 * Each night the *.log files in the directory that were last written before it are counted in a
 * report, and go. The unique id of a night's job is made from its time: it is one job, however
 * many programs submit it. A job that is repeated counts nothing twice: its report is complete
 * before the logs go.
 *
 * With DIRECTORY the nights are at 3 o'clock, and the program runs until it is killed. Without
 * it a day lasts a second, and three nights pass in a temporary directory.
 */
#define _POSIX_C_SOURCE 200809L

#include "worker_processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define NIGHTLY "nightly"
#define DAY_SECONDS (24 * 60 * 60)
#define NIGHTS 3
#define PATH_SIZE 4096
#define UNIQUE_SIZE 64

/* What worker and client know of the job; the workload is the time of the night. */
struct nightly_st
{
  const struct server_st *server;
  const char *directory;
  long day;   /* Seconds. */
  long last;  /* The time of the last night; 0: there is none. */
};

/* Writes the unique id of a night's job, and returns its length. */
static size_t make_unique(char *unique, long at)
{
  return (size_t)snprintf(unique, UNIQUE_SIZE, NIGHTLY "-%ld", at);
}

/* Submits the job of a night. The handle stays valid until the client is freed. */
static const char *submit(gearman_client_st *client, long at)
{
  char workload[32], unique[UNIQUE_SIZE];
  int size= snprintf(workload, sizeof(workload), "%ld", at);
  gearman_task_attr_t attributes= gearman_task_attr_init_epoch(at, GEARMAN_JOB_PRIORITY_LOW);
  gearman_argument_t argument= gearman_argument_make(NULL, 0, workload, (size_t)size);
  gearman_task_st *task= gearman_execute(client, NIGHTLY, strlen(NIGHTLY), unique, make_unique(unique, at),
                                         &attributes, &argument, NULL);

  return task != NULL && gearman_success(gearman_task_return(task)) ? gearman_task_job_handle(task) : NULL;
}

/* Whether the file is a log that was last written before the night. */
static bool is_due(const char *path, long at)
{
  const char *dot= strrchr(path, '.');
  struct stat status;

  return dot != NULL && strcmp(dot, ".log") == 0 && stat(path, &status) == 0 && status.st_mtime < at;
}

static unsigned long count_lines(const char *path)
{
  FILE *file= fopen(path, "r");
  unsigned long lines= 0;
  int character;
  while (file != NULL && (character= getc(file)) != EOF)
  {
    lines+= character == '\n';
  }
  if (file != NULL)
  {
    (void)fclose(file);
  }

  return lines;
}

/* Counts the lines of the logs that are due, or removes these logs. False if that fails. */
static bool visit_logs(const char *directory, long at, bool removes, unsigned long *logs, unsigned long *lines)
{
  DIR *entries= opendir(directory);
  struct dirent *entry;
  bool is_done= entries != NULL;
  while (is_done && (entry= readdir(entries)) != NULL)
  {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
    if (is_due(path, at))
    {
      *logs+= 1;
      *lines+= removes ? 0 : count_lines(path);
      /* A repeated job may come second. */
      is_done= removes == false || unlink(path) == 0 || errno == ENOENT;
    }
  }
  if (entries != NULL)
  {
    (void)closedir(entries);
  }

  return is_done;
}

/* Writes the report of a night, which is there as a whole or not at all. */
static bool write_report(const char *directory, long at)
{
  char path[PATH_SIZE], unfinished[PATH_SIZE];
  (void)snprintf(path, sizeof(path), "%s/report-%ld", directory, at);
  (void)snprintf(unfinished, sizeof(unfinished), "%s/unfinished-%ld", directory, at);
  unsigned long logs= 0, lines= 0;
  if (access(path, F_OK) == 0)
  {
    return true;  /* A job before this one came as far. */
  }
  FILE *file= visit_logs(directory, at, false, &logs, &lines) ? fopen(unfinished, "w") : NULL;
  if (file == NULL)
  {
    return false;
  }
  bool is_written= fprintf(file, "logs: %lu, lines: %lu\n", logs, lines) > 0;
  is_written= fclose(file) == 0 && is_written;

  return is_written && rename(unfinished, path) == 0;
}

/* The worker's function. */
static gearman_return_t nightly(gearman_job_st *job, void *context)
{
  const struct nightly_st *settings= context;
  char workload[32]= "";
  size_t size= gearman_job_workload_size(job);
  memcpy(workload, size > 0 ? gearman_job_workload(job) : "", size < sizeof(workload) ? size : sizeof(workload) - 1);
  long at= strtol(workload, NULL, 10);
  unsigned long logs= 0, lines= 0;
  if (write_report(settings->directory, at) == false ||
      visit_logs(settings->directory, at, true, &logs, &lines) == false)
  {
    return GEARMAN_ERROR;  /* Another worker, or this one, gets the job again. */
  }

  if (at == settings->last)
  {
    return GEARMAN_SUCCESS;
  }
  /* The next night is in the future, also when the worker was away for many of them. */
  do
  {
    at+= settings->day;
  } while (settings->day == DAY_SECONDS && at <= time(NULL));
  gearman_client_st *client= connect_client(NIGHTLY, settings->server);
  bool is_submitted= submit(client, at) != NULL;
  gearman_client_free(client);

  return is_submitted ? GEARMAN_SUCCESS : GEARMAN_ERROR;
}

/* The next 3 o'clock. */
static long next_three_o_clock(void)
{
  time_t now= time(NULL);
  struct tm *local= localtime(&now);
  local->tm_mday+= local->tm_hour >= 3;
  local->tm_hour= 3;
  local->tm_min= local->tm_sec= 0;
  local->tm_isdst= -1;

  return (long)mktime(local);
}

/* Writes a log for the day before each night. */
static bool make_logs(const char *directory, long first)
{
  bool is_made= true;
  for (int night= 0; night < NIGHTS && is_made; night++)
  {
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/access-%d.log", directory, night + 1);
    FILE *file= fopen(path, "w");
    for (int line= 0; file != NULL && line < 10 * (night + 1); line++)
    {
      (void)fputs("a request\n", file);
    }
    struct timespec times[2]= { { .tv_sec= first + night - 1 }, { .tv_sec= first + night - 1 } };
    is_made= file != NULL && fclose(file) == 0 && utimensat(AT_FDCWD, path, times, 0) == 0;
  }

  return is_made;
}

/* Waits until the server knows the job of a night no more: then it is done. */
static bool wait_for_night(gearman_client_st *client, long at)
{
  const struct timespec pause= { .tv_nsec= 20 * 1000 * 1000 };
  char unique[UNIQUE_SIZE];
  size_t size= make_unique(unique, at);
  for (time_t end= time(NULL) + CLIENT_TIMEOUT_MS / 1000; time(NULL) < end; (void)nanosleep(&pause, NULL))
  {
    gearman_status_t status= gearman_client_unique_status(client, unique, size);
    if (gearman_success(gearman_status_return(status)) && gearman_status_is_known(status) == false)
    {
      return true;
    }
  }

  return false;
}

/* Prints the report of each night, and removes it. The job of the next night is there before that
 * of this one ends. */
static bool print_reports(gearman_client_st *client, const char *directory, long at)
{
  for (int night= 1; night <= NIGHTS; night++, at++)
  {
    char path[PATH_SIZE], report[128];
    (void)snprintf(path, sizeof(path), "%s/report-%ld", directory, at);
    FILE *file= wait_for_night(client, at) ? fopen(path, "r") : NULL;
    if (file == NULL || fgets(report, sizeof(report), file) == NULL)
    {
      fprintf(stderr, "nightly: no report of night %d\n", night);
      return false;
    }
    (void)fclose(file);
    (void)unlink(path);
    printf("night %d: %s", night, report);
  }

  return true;
}

int main(int argc, char *argv[])
{
  struct server_st server;
  int first= read_options(argc, argv, "[DIRECTORY]", 0, &server);
  char temporary[]= "/tmp/nightly-XXXXXX";
  bool is_demonstration= first == argc;
  long at= is_demonstration ? (long)time(NULL) + 1 : next_three_o_clock();
  struct nightly_st settings= { &server, argv[first], DAY_SECONDS, 0 };
  if (is_demonstration)
  {
    settings= (struct nightly_st){ &server, mkdtemp(temporary), 1, at + NIGHTS - 1 };
  }
  if (settings.directory == NULL || (is_demonstration && make_logs(settings.directory, at) == false))
  {
    perror("nightly");
    return EXIT_FAILURE;
  }

  const struct offer_st offer= { NIGHTLY, gearman_function_create(nightly) };
  start_workers(1, &server, &offer, 1, &settings);
  gearman_client_st *client= connect_client(NIGHTLY, &server);
  const char *handle= submit(client, at);
  const char *again= handle ? submit(client, at) : NULL;
  int status= EXIT_FAILURE;
  if (again == NULL)
  {
    fprintf(stderr, "nightly: %s\n", gearman_client_error(client));
  }
  else
  {
    printf("submitted twice: %s\n", strcmp(handle, again) == 0 ? "one job" : "two jobs");
    (void)fflush(stdout);
    while (is_demonstration == false)
    {
      (void)pause();
    }
    status= print_reports(client, settings.directory, at) && rmdir(settings.directory) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  gearman_client_free(client);

  return status;
}
