/* What the programs of this directory share: the job server's port from the command line,
 * worker processes that offer a fixed set of functions, admin queries, scripted servers, and
 * printing that comes out the same on every run.
 *
 * A program is run as `PROGRAM PORT [SECOND_PORT]`; both ports belong to job servers that
 * no other program uses. Everything it prints on stdout is compared. */
#ifndef GEARMAN_TESTS_COMMON_H
#define GEARMAN_TESTS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libgearman/gearman.h>

static in_port_t server_port;
static in_port_t second_port;

/* ---- giving up ------------------------------------------------------------------------ */

static inline void die(const char *what)
{
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(70);
}

static inline void *must(void *pointer, const char *what)
{
  if (pointer == NULL) die(what);
  return pointer;
}

/* ---- start ---------------------------------------------------------------------------- */

static inline void setup(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IOLBF, 0);
  unsetenv("GEARMAN_SERVERS");
  server_port = (in_port_t)(argc > 1 ? atoi(argv[1]) : 0);
  second_port = (in_port_t)(argc > 2 ? atoi(argv[2]) : 0);
  if (server_port == 0)
  {
    fprintf(stderr, "usage: %s PORT [SECOND_PORT]\n", argv[0]);
    exit(64);
  }
}

/* How often to repeat what is repeated only to make a defect show: `GEARMAN_TEST_SCALE`
 * percent of `count`. */
static inline int scaled(int count)
{
  const char *scale = getenv("GEARMAN_TEST_SCALE");
  int result = scale == NULL ? count : count * atoi(scale) / 100;
  return result > 0 ? result : 1;
}

/* ---- printing ------------------------------------------------------------------------- */

static inline const char *rc_name(gearman_return_t rc) { return gearman_strerror(rc); }

static inline const char *text(const char *string) { return string == NULL ? "(null)" : string; }

static inline const char *yes(bool value) { return value ? "yes" : "no"; }

/* Prints what a call returned. */
static inline void show(const char *what, gearman_return_t rc)
{
  printf("%s: %s\n", what, rc_name(rc));
}

/* Bytes as printable text; long ones as size and checksum. The answer lives until the fourth
 * call from here. */
static inline const char *bytes(const void *data, size_t size)
{
  static char buffers[4][512];
  static unsigned turn;
  char *out = buffers[turn++ % 4];
  const unsigned char *from = (const unsigned char *)data;
  size_t used = 0;

  if (data == NULL)
  {
    snprintf(out, sizeof(buffers[0]), "NULL/%zu", size);
    return out;
  }
  if (size > 80)
  {
    uint32_t sum = 2166136261u;
    for (size_t x = 0; x < size; ++x) sum = (sum ^ from[x]) * 16777619u;
    snprintf(out, sizeof(buffers[0]), "%zu bytes, sum %08x", size, sum);
    return out;
  }
  out[used++] = '"';
  for (size_t x = 0; x < size; ++x)
  {
    if (from[x] >= ' ' && from[x] < 127 && from[x] != '"' && from[x] != '\\')
      out[used++] = (char)from[x];
    else
      used += (size_t)sprintf(out + used, "\\x%02x", from[x]);
  }
  out[used++] = '"';
  out[used] = 0;
  return out;
}

/* Error text of a client, errno beside it. */
static inline void show_client_error(const gearman_client_st *client)
{
  printf("  error: %s\n", text(gearman_client_error(client)));
  printf("  error_code: %s errno: %d\n", rc_name(gearman_client_error_code(client)),
         gearman_client_errno(client));
}

static inline void show_worker_error(gearman_worker_st *worker)
{
  printf("  error: %s\n", text(gearman_worker_error(worker)));
  printf("  errno: %d\n", gearman_worker_errno(worker));
}

/* ---- time ----------------------------------------------------------------------------- */

static inline long long now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A pause between two looks at something that has no event to wait for; gives up after ten
 * seconds of them. */
static inline void breathe(long long since)
{
  errno = ETIMEDOUT;
  if (now_ms() > since + 10000) die("no event within 10 s");
  poll(NULL, 0, 2);
}

/* ---- sockets -------------------------------------------------------------------------- */

/* A port without a listener. */
static inline in_port_t dead_port(void)
{
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0
      || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    die("dead_port");
  close(fd);
  return ntohs(address.sin_port);
}

/* A listening socket on a free port. */
static inline int listen_any(in_port_t *port)
{
  struct sockaddr_in address;
  socklen_t size = sizeof(address);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0
      || getsockname(fd, (struct sockaddr *)&address, &size) != 0 || listen(fd, 16) != 0)
    die("listen_any");
  *port = ntohs(address.sin_port);
  return fd;
}

static inline int connect_to(in_port_t port)
{
  struct sockaddr_in address;
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) die("connect_to");
  return fd;
}

static inline void write_all(int fd, const void *data, size_t size)
{
  const char *from = (const char *)data;
  while (size > 0)
  {
    ssize_t sent = send(fd, from, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    from += sent;
    size -= (size_t)sent;
  }
}

static inline bool read_all(int fd, void *data, size_t size)
{
  char *to = (char *)data;
  while (size > 0)
  {
    ssize_t got = recv(fd, to, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    size -= (size_t)got;
  }
  return true;
}

/* ---- admin protocol ------------------------------------------------------------------- */

/* Sends one admin command whose answer ends in a line with a single dot (or, with `lines`
 * false, in one line); the answer lives until the next call. */
static inline const char *admin(in_port_t port, const char *command, bool lines)
{
  static char answer[65536];
  size_t used = 0;
  int fd = connect_to(port);
  write_all(fd, command, strlen(command));
  write_all(fd, "\n", 1);
  while (used + 1 < sizeof(answer))
  {
    ssize_t got = recv(fd, answer + used, sizeof(answer) - 1 - used, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    used += (size_t)got;
    answer[used] = 0;
    if (lines ? (strcmp(answer, ".\n") == 0 || strstr(answer, "\n.\n") != NULL)
              : strchr(answer, '\n') != NULL)
      break;
  }
  answer[used] = 0;
  close(fd);
  return answer;
}

/* The three numbers of one line of `status`: jobs, running jobs, workers; false when the
 * function is not listed. */
static inline bool admin_status(in_port_t port, const char *function, int *total, int *running,
                                int *workers)
{
  const char *line = admin(port, "status", true);
  size_t length = strlen(function);
  while (line != NULL && *line != 0)
  {
    if (strncmp(line, function, length) == 0 && line[length] == '\t')
      return sscanf(line + length, "\t%d\t%d\t%d", total, running, workers) == 3;
    line = strchr(line, '\n');
    if (line != NULL) ++line;
  }
  *total = *running = *workers = 0;
  return false;
}

/* Returns when the server knows of at least `count` workers for the function. */
static inline void wait_for_workers(in_port_t port, const char *function, int count)
{
  int total, running, workers;
  long long since = now_ms();
  while (!admin_status(port, function, &total, &running, &workers) || workers < count) breathe(since);
}

/* Returns when exactly that many jobs of the function are known and running. */
static inline void wait_for_jobs(in_port_t port, const char *function, int want_total,
                                 int want_running)
{
  int total, running, workers;
  long long since = now_ms();
  do
  {
    breathe(since);
    admin_status(port, function, &total, &running, &workers);
  } while (total != want_total || running != want_running);
}

/* ---- binary protocol, for scripted servers -------------------------------------------- */

enum
{
  CAN_DO = 1, PRE_SLEEP = 4, NOOP = 6, SUBMIT_JOB = 7, JOB_CREATED = 8, GRAB_JOB = 9, NO_JOB = 10,
  JOB_ASSIGN = 11, WORK_STATUS = 12, WORK_COMPLETE = 13, WORK_FAIL = 14, GET_STATUS = 15,
  ECHO_REQ = 16, ECHO_RES = 17, SUBMIT_JOB_BG = 18, SERVER_ERROR = 19, STATUS_RES = 20,
  SET_CLIENT_ID = 22, CAN_DO_TIMEOUT = 23, WORK_EXCEPTION = 25, OPTION_REQ = 26, OPTION_RES = 27,
  WORK_DATA = 28, WORK_WARNING = 29
};

static inline void packet_send(int fd, int type, const void *data, size_t size)
{
  unsigned char header[12] = {0, 'R', 'E', 'S'};
  header[7] = (unsigned char)type;
  header[8] = (unsigned char)(size >> 24);
  header[9] = (unsigned char)(size >> 16);
  header[10] = (unsigned char)(size >> 8);
  header[11] = (unsigned char)size;
  write_all(fd, header, sizeof(header));
  if (size > 0) write_all(fd, data, size);
}

/* Reads one packet; its type, or -1 when the connection has ended. The body (at most 64 KiB) and
 * its size live until the next call. */
static unsigned char packet_body[65536];
static size_t packet_size;

static inline int packet_recv(int fd)
{
  unsigned char header[12];
  if (!read_all(fd, header, sizeof(header))) return -1;
  packet_size = (size_t)header[8] << 24 | (size_t)header[9] << 16 | (size_t)header[10] << 8
                | header[11];
  if (packet_size > sizeof(packet_body) || !read_all(fd, packet_body, packet_size)) return -1;
  return header[7];
}

/* Returns when the server has got the job's first status (the function "wait" sends 3/5). */
static inline void wait_for_status(in_port_t port, const char *handle)
{
  long long since = now_ms();
  int fd = connect_to(port);
  size_t size = strlen(handle);
  for (;;)
  {
    unsigned char header[12] = {0, 'R', 'E', 'Q', 0, 0, 0, GET_STATUS, 0, 0, 0, 0};
    header[11] = (unsigned char)size;
    write_all(fd, header, sizeof(header));
    write_all(fd, handle, size);
    if (packet_recv(fd) != STATUS_RES) die("wait_for_status");
    /* HANDLE NUL KNOWN NUL RUNNING NUL NUMERATOR ... */
    if (packet_size > size + 5 && packet_body[size + 5] != '0') break;
    breathe(since);
  }
  close(fd);
}

/* In a new child: ends it with its parent, also when that is gone already. */
static inline void die_with(pid_t parent)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
}

/* A process that accepts one connection after the other and plays `play` on each. */
static inline pid_t scripted_server(in_port_t *port, void (*play)(int fd, int connection))
{
  int listener = listen_any(port);
  pid_t parent = getpid();
  fflush(stdout);
  pid_t pid = fork();
  if (pid < 0) die("fork");
  if (pid > 0)
  {
    close(listener);
    return pid;
  }
  die_with(parent);
  for (int connection = 0;; ++connection)
  {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) _exit(0);
    play(fd, connection);
    close(fd);
  }
}

static inline void end_process(pid_t pid)
{
  int status;
  kill(pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
}

/* ---- worker processes ----------------------------------------------------------------- */

static inline void *copy_of(const void *data, size_t size)
{
  void *copy = malloc(size + 1);
  if (copy == NULL) die("malloc");
  if (size > 0) memcpy(copy, data, size);
  ((char *)copy)[size] = 0;
  return copy;
}

static inline void *answer(const char *string, size_t *size)
{
  *size = strlen(string);
  return copy_of(string, *size);
}

/* Returns its workload. */
static inline void *job_echo(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  *ret = GEARMAN_SUCCESS;
  *size = gearman_job_workload_size(job);
  return copy_of(gearman_job_workload(job), *size);
}

/* Returns its workload backwards. */
static inline void *job_reverse(gearman_job_st *job, void *context, size_t *size,
                                gearman_return_t *ret)
{
  char *result = (char *)job_echo(job, context, size, ret);
  for (size_t x = 0; x < *size / 2; ++x)
  {
    char kept = result[x];
    result[x] = result[*size - 1 - x];
    result[*size - 1 - x] = kept;
  }
  return result;
}

/* Returns nothing, successfully. */
static inline void *job_empty(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *size = 0;
  *ret = GEARMAN_SUCCESS;
  return NULL;
}

/* Fails. */
static inline void *job_fail(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)job;
  (void)context;
  *size = 0;
  *ret = GEARMAN_WORK_FAIL;
  return NULL;
}

/* Sends a piece of data, then fails. */
static inline void *job_data_fail(gearman_job_st *job, void *context, size_t *size,
                                  gearman_return_t *ret)
{
  gearman_job_send_data(job, "partial", 7);
  return job_fail(job, context, size, ret);
}

/* Sends an exception. */
static inline void *job_exception(gearman_job_st *job, void *context, size_t *size,
                                  gearman_return_t *ret)
{
  gearman_job_send_exception(job, "it went wrong", 13);
  return job_fail(job, context, size, ret);
}

/* Sends every byte of its workload as a piece of data, then completes with nothing. */
static inline void *job_chunks(gearman_job_st *job, void *context, size_t *size,
                               gearman_return_t *ret)
{
  const char *workload = (const char *)gearman_job_workload(job);
  for (size_t x = 0; x < gearman_job_workload_size(job); ++x)
    gearman_job_send_data(job, workload + x, 1);
  return job_empty(job, context, size, ret);
}

/* Sends data, a warning and two states, then completes with "end". */
static inline void *job_everything(gearman_job_st *job, void *context, size_t *size,
                                   gearman_return_t *ret)
{
  (void)context;
  gearman_job_send_data(job, "one", 3);
  gearman_job_send_warning(job, "careful", 7);
  gearman_job_send_status(job, 1, 2);
  gearman_job_send_data(job, "two", 3);
  gearman_job_send_status(job, 2, 2);
  *ret = GEARMAN_SUCCESS;
  return answer("end", size);
}

/* Sends a warning, then completes with its workload. */
static inline void *job_warning(gearman_job_st *job, void *context, size_t *size,
                                gearman_return_t *ret)
{
  gearman_job_send_warning(job, "careful", 7);
  return job_echo(job, context, size, ret);
}

/* Sends 1/4 to 3/4 and completes with "done". */
static inline void *job_status(gearman_job_st *job, void *context, size_t *size,
                               gearman_return_t *ret)
{
  (void)context;
  for (uint32_t x = 1; x < 4; ++x) gearman_job_send_status(job, x, 4);
  *ret = GEARMAN_SUCCESS;
  return answer("done", size);
}

/* Returns the size of its workload as text. */
static inline void *job_size(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  char number[32];
  snprintf(number, sizeof(number), "%zu", gearman_job_workload_size(job));
  *ret = GEARMAN_SUCCESS;
  return answer(number, size);
}

/* Returns the unique id that the job carries. */
static inline void *job_unique(gearman_job_st *job, void *context, size_t *size,
                               gearman_return_t *ret)
{
  (void)context;
  *ret = GEARMAN_SUCCESS;
  return answer(gearman_job_unique(job), size);
}

/* Returns the name under which the job was submitted. */
static inline void *job_name(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  (void)context;
  *ret = GEARMAN_SUCCESS;
  return answer(gearman_job_function_name(job), size);
}

/* Sends 3/5, then goes on only when the program writes a byte (`worker_release`). */
static inline void *job_wait(gearman_job_st *job, void *context, size_t *size, gearman_return_t *ret)
{
  char byte;
  gearman_job_send_status(job, 3, 5);
  while (read(*(int *)context, &byte, 1) < 0 && errno == EINTR) {}
  *ret = GEARMAN_SUCCESS;
  return answer("released", size);
}

typedef struct
{
  pid_t pid;
  int release;
} worker_process;

static inline void exit_quietly(int signal_number)
{
  (void)signal_number;
  _exit(0);
}

static const struct
{
  const char *name;
  gearman_worker_fn *function;
} standard_functions[] = {
    {"echo", job_echo},       {"reverse", job_reverse},       {"empty", job_empty},
    {"fail", job_fail},       {"data_fail", job_data_fail},   {"exception", job_exception},
    {"chunks", job_chunks},   {"everything", job_everything}, {"warning", job_warning},
    {"status", job_status},   {"size", job_size},             {"unique", job_unique},
    {"name", job_name},       {"wait", job_wait},             {"space/echo", job_echo},
    {"space/name", job_name}, {NULL, NULL}};

/* Starts a process that works on the standard functions until it is stopped; returns when the
 * server knows them all from `nth` workers. */
static inline worker_process worker_start_nth(in_port_t port, int nth)
{
  worker_process self;
  int pipe_fds[2];
  pid_t parent = getpid();
  if (pipe(pipe_fds) != 0) die("pipe");
  fflush(stdout);
  self.pid = fork();
  if (self.pid < 0) die("fork");
  if (self.pid == 0)
  {
    die_with(parent);
    signal(SIGTERM, exit_quietly);
    close(pipe_fds[1]);
    gearman_worker_st *worker = gearman_worker_create(NULL);
    if (worker == NULL || gearman_worker_add_server(worker, "127.0.0.1", port) != GEARMAN_SUCCESS)
      _exit(71);
    for (int x = 0; standard_functions[x].name != NULL; ++x)
      gearman_worker_add_function(worker, standard_functions[x].name, 0,
                                  standard_functions[x].function, &pipe_fds[0]);
    for (;;) gearman_worker_work(worker);
  }
  close(pipe_fds[0]);
  self.release = pipe_fds[1];
  fcntl(self.release, F_SETFD, FD_CLOEXEC);
  for (int x = 0; standard_functions[x].name != NULL; ++x)
    wait_for_workers(port, standard_functions[x].name, nth);
  return self;
}

static inline worker_process worker_start(in_port_t port) { return worker_start_nth(port, 1); }

/* Releases one job of the function "wait". */
static inline void worker_release(const worker_process *self)
{
  if (write(self->release, "x", 1) != 1) die("worker_release");
}

/* Stops it with SIGTERM; a worker that ended otherwise (a checker's finding, a crash) fails the
 * program. */
static inline void worker_stop(worker_process *self)
{
  int status = 0;
  kill(self->pid, SIGTERM);
  while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR) {}
  close(self->release);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
  {
    fprintf(stderr, "the worker process ended with status %d\n", status);
    exit(72);
  }
}

/* ---- clients -------------------------------------------------------------------------- */

static inline gearman_client_st *client_for(in_port_t port)
{
  gearman_client_st *client = gearman_client_create(NULL);
  if (client == NULL || gearman_client_add_server(client, "127.0.0.1", port) != GEARMAN_SUCCESS)
    die("client_for");
  return client;
}

static inline gearman_worker_st *worker_for(in_port_t port)
{
  gearman_worker_st *worker = gearman_worker_create(NULL);
  if (worker == NULL || gearman_worker_add_server(worker, "127.0.0.1", port) != GEARMAN_SUCCESS)
    die("worker_for");
  return worker;
}

/* Runs `body` in a process of its own, whose output appears when `join` is called: for the
 * client of a worker that lives in this process. */
typedef struct
{
  pid_t pid;
  int output;
} side_process;

static inline side_process aside(void (*body)(void *argument), void *argument)
{
  side_process self;
  int pipe_fds[2];
  pid_t parent = getpid();
  if (pipe(pipe_fds) != 0) die("pipe");
  fflush(stdout);
  self.pid = fork();
  if (self.pid < 0) die("fork");
  if (self.pid == 0)
  {
    die_with(parent);
    dup2(pipe_fds[1], STDOUT_FILENO);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    body(argument);
    fflush(stdout);
    _exit(0);
  }
  close(pipe_fds[1]);
  self.output = pipe_fds[0];
  fcntl(self.output, F_SETFD, FD_CLOEXEC);
  return self;
}

static inline void join(side_process *self)
{
  char buffer[4096];
  ssize_t got;
  int status = 0;
  fflush(stdout);
  while ((got = read(self->output, buffer, sizeof(buffer))) != 0)
    if (got > 0) fwrite(buffer, 1, (size_t)got, stdout);
  close(self->output);
  while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR) {}
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
  {
    fprintf(stderr, "a side process ended with status %d\n", status);
    exit(73);
  }
}

/* ---- what happens to a task ----------------------------------------------------------- */

/* The context of a task whose events are written down, one line each, to be printed at the end:
 * the order among several tasks is not fixed, that of one task is. */
typedef struct
{
  const char *name;
  size_t used;
  char log[4096];
} journal;

static inline void note(journal *self, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int added = vsnprintf(self->log + self->used, sizeof(self->log) - self->used, format, args);
  va_end(args);
  if (added > 0 && self->used + (size_t)added < sizeof(self->log)) self->used += (size_t)added;
}

static inline void journal_print(journal *self)
{
  printf("%s:\n%s", self->name, self->log);
  self->used = 0;
  self->log[0] = 0;
}

static inline void note_event(gearman_task_st *task, const char *event)
{
  note((journal *)gearman_task_context(task), "  %s data %s return %s state %s status %u/%u\n",
       event, bytes(gearman_task_data(task), gearman_task_data_size(task)),
       rc_name(gearman_task_return(task)), gearman_task_strstate(task),
       gearman_task_numerator(task), gearman_task_denominator(task));
}

static inline gearman_return_t on_created(gearman_task_st *task)
{
  note_event(task, "created");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_data(gearman_task_st *task)
{
  note_event(task, "data");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_warning(gearman_task_st *task)
{
  note_event(task, "warning");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_status(gearman_task_st *task)
{
  note_event(task, "status");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_complete(gearman_task_st *task)
{
  note_event(task, "complete");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_exception(gearman_task_st *task)
{
  note_event(task, "exception");
  return GEARMAN_SUCCESS;
}

static inline gearman_return_t on_fail(gearman_task_st *task)
{
  note_event(task, "fail");
  return GEARMAN_SUCCESS;
}

static inline void journal_every_event(gearman_client_st *client)
{
  gearman_client_set_created_fn(client, on_created);
  gearman_client_set_data_fn(client, on_data);
  gearman_client_set_warning_fn(client, on_warning);
  gearman_client_set_status_fn(client, on_status);
  gearman_client_set_complete_fn(client, on_complete);
  gearman_client_set_exception_fn(client, on_exception);
  gearman_client_set_fail_fn(client, on_fail);
}

/* Everything that the accessors tell about a task. */
static inline void show_task(const char *what, gearman_task_st *task)
{
  gearman_result_st *result = gearman_task_result(task);
  gearman_string_t exception = gearman_task_exception(task);
  printf("%s: return %s state %s error %s\n", what, rc_name(gearman_task_return(task)),
         text(gearman_task_strstate(task)), text(gearman_task_error(task)));
  printf("  function %s handle %s known %s running %s %u/%u\n",
         text(gearman_task_function_name(task)), text(gearman_task_job_handle(task)),
         yes(gearman_task_is_known(task)), yes(gearman_task_is_running(task)),
         gearman_task_numerator(task), gearman_task_denominator(task));
  printf("  data %s data_size %zu\n",
         bytes(gearman_task_data(task), gearman_task_data_size(task)), gearman_task_data_size(task));
  printf("  result %s %s exception %s %s\n", result == NULL ? "none" : "present",
         result == NULL ? ""
                        : bytes(gearman_result_value(result), gearman_result_size(result)),
         yes(gearman_task_has_exception(task)), bytes(exception.c_str, exception.size));
}

#endif
