/* A crawl pipeline: three functions that feed each other in the background.
 *
 *   crawl [-h HOST] [-p PORT]
 *
 *   fetch   gets a page and gives it to parse
 *   parse   gives every new link to fetch, and the page to store
 *   store   writes the page into SQLite
 *
 * The pages are those of crawl_site.h, served on a free port of the loopback address. A job's
 * unique id is its address: while a page waits or is fetched, other links to it add no job. Each
 * function can be repeated, so a worker that dies loses no page: the job server gives its job to
 * another one. Needs SQLite: cc crawl.c $(pkg-config --cflags --libs gearmand sqlite3)
 */
#define _POSIX_C_SOURCE 200809L

#include "crawl_site.h"
#include "worker_processes.h"

#include <sqlite3.h>
#include <time.h>

#define WORKERS 3
#define LINKS_MAX 64
#define PAGE_SIZE 65536

/* A process's connections to database and job server, made when they are first used: neither may
 * be taken through fork(). */
struct pipeline_st
{
  const struct server_st *server;
  const char *file;
  sqlite3 *pages;
  gearman_client_st *client;
};

/* A page as its jobs carry it: "STATUS BYTES LINKS ADDRESS\nBODY OR TITLE". */
struct page_st
{
  int status;
  unsigned int bytes;
  unsigned int links;
  char address[256];
  char text[PAGE_SIZE];
};

/* Ends the program, or a worker whose job then goes to another one. */
static void fail(const char *what)
{
  fprintf(stderr, "crawl: %s\n", what);
  exit(EXIT_FAILURE);
}

/* Prepares a statement with an address as its first parameter. */
static sqlite3_stmt *prepare(struct pipeline_st *pipeline, const char *sql, const char *address)
{
  sqlite3_stmt *statement= NULL;
  if (pipeline->pages == NULL && sqlite3_open(pipeline->file, &pipeline->pages) == SQLITE_OK)
  {
    (void)sqlite3_busy_timeout(pipeline->pages, CLIENT_TIMEOUT_MS);
  }
  if (sqlite3_prepare_v2(pipeline->pages, sql, -1, &statement, NULL) != SQLITE_OK ||
      (address != NULL && sqlite3_bind_text(statement, 1, address, -1, SQLITE_TRANSIENT) != SQLITE_OK))
  {
    fail(sqlite3_errmsg(pipeline->pages));
  }

  return statement;
}

/* Runs a statement. Returns whether it gave a row. */
static bool run(struct pipeline_st *pipeline, sqlite3_stmt *statement)
{
  int code= sqlite3_step(statement);
  if (code != SQLITE_ROW && code != SQLITE_DONE)
  {
    fail(sqlite3_errmsg(pipeline->pages));
  }
  (void)sqlite3_finalize(statement);

  return code == SQLITE_ROW;
}

/* Submits a background job about a page. */
static void submit(struct pipeline_st *pipeline, const char *function, const struct page_st *page)
{
  static char workload[PAGE_SIZE + 512], handle[GEARMAN_JOB_HANDLE_SIZE];
  int size= snprintf(workload, sizeof(workload), "%d %u %u %s\n%s",
                     page->status, page->bytes, page->links, page->address, page->text);
  if (pipeline->client == NULL)
  {
    pipeline->client= connect_client("crawl", pipeline->server);
  }
  if (gearman_failed(gearman_client_do_background(pipeline->client, function, page->address,
                                                  workload, (size_t)size, handle)))
  {
    fail(gearman_client_error(pipeline->client));
  }
}

/* Reads the workload of a job. */
static bool read_page(gearman_job_st *job, struct page_st *page)
{
  static char workload[PAGE_SIZE + 512];
  size_t size= gearman_job_workload_size(job);
  if (size >= sizeof(workload))
  {
    return false;
  }
  memcpy(workload, size > 0 ? gearman_job_workload(job) : "", size);
  workload[size]= '\0';
  const char *text= strchr(workload, '\n');
  if (text == NULL || strlen(text + 1) >= sizeof(page->text) ||
      sscanf(workload, "%d %u %u %255s", &page->status, &page->bytes, &page->links, page->address) != 4)
  {
    return false;
  }
  strcpy(page->text, text + 1);

  return true;
}

static gearman_return_t fetch(gearman_job_st *job, void *context)
{
  static struct page_st page;
  static char answer[PAGE_SIZE];
  if (read_page(job, &page) == false)
  {
    return GEARMAN_FATAL;
  }
  if (get(page.address, answer, sizeof(answer)) == false ||
      sscanf(answer, "HTTP/%*s %d", &page.status) != 1)
  {
    return GEARMAN_ERROR;  /* The job server gives the job to a worker again. */
  }
  const char *body= strstr(answer, "\r\n\r\n");
  strcpy(page.text, page.status == 200 && body != NULL ? body + 4 : "");
  page.bytes= (unsigned int)strlen(page.text);
  submit(context, "parse", &page);

  return GEARMAN_SUCCESS;
}

/* Submits a link that was not found before. */
static void follow(struct pipeline_st *pipeline, const char *address)
{
  static struct page_st page;
  (void)snprintf(page.address, sizeof(page.address), "%s", address);
  if (run(pipeline, prepare(pipeline, "SELECT 1 FROM page WHERE address = ?", address)) == false)
  {
    /* Noted when it is submitted: a job that is repeated leaves no link out. */
    submit(pipeline, "fetch", &page);
    (void)run(pipeline, prepare(pipeline, "INSERT OR IGNORE INTO page (address) VALUES (?)", address));
  }
}

/* Finds the targets at the same host, each once and without the part behind #. Returns how many. */
static unsigned int find_links(const struct page_st *page, char links[LINKS_MAX][256])
{
  static const char start[]= "<a href=\"/";
  /* "http://HOST:PORT". */
  int root= (int)strcspn(page->address + strlen("http://"), "/") + (int)strlen("http://");
  unsigned int count= 0;
  for (const char *found= page->text; (found= strstr(found, start)) != NULL && count < LINKS_MAX;)
  {
    found+= strlen(start) - 1;
    (void)snprintf(links[count], sizeof(links[count]), "%.*s%.*s", root, page->address,
                   (int)strcspn(found, "\"#"), found);
    unsigned int same= 0;
    while (strcmp(links[same], links[count]) != 0)
    {
      same++;
    }
    count+= same == count;
  }

  return count;
}

static gearman_return_t parse(gearman_job_st *job, void *context)
{
  static struct page_st page;
  static char links[LINKS_MAX][256];
  if (read_page(job, &page) == false)
  {
    return GEARMAN_FATAL;
  }
  page.links= find_links(&page, links);
  for (unsigned int x= 0; x < page.links; x++)
  {
    follow(context, links[x]);
  }
  char title[256]= "";
  const char *begin= strstr(page.text, "<title>");
  (void)sscanf(begin ? begin : "", "<title>%255[^<]", title);
  strcpy(page.text, title);
  submit(context, "store", &page);

  return GEARMAN_SUCCESS;
}

static gearman_return_t store(gearman_job_st *job, void *context)
{
  static struct page_st page;
  if (read_page(job, &page) == false)
  {
    return GEARMAN_FATAL;
  }
  sqlite3_stmt *statement= prepare(context, "REPLACE INTO page VALUES (?, ?, ?, ?, ?)", page.address);
  (void)sqlite3_bind_int(statement, 2, page.status);
  (void)sqlite3_bind_text(statement, 3, page.text, -1, SQLITE_TRANSIENT);
  (void)sqlite3_bind_int64(statement, 4, page.bytes);
  (void)sqlite3_bind_int64(statement, 5, page.links);
  (void)run(context, statement);

  return GEARMAN_SUCCESS;
}

/* Waits until every page that was found is stored. */
static void wait_for_pages(struct pipeline_st *pipeline)
{
  const struct timespec pause= { .tv_nsec= 20 * 1000 * 1000 };
  time_t end= time(NULL) + CLIENT_TIMEOUT_MS / 1000;
  while (run(pipeline, prepare(pipeline, "SELECT 1 FROM page WHERE status IS NULL", NULL)))
  {
    if (time(NULL) > end)
    {
      fail("not every page is stored");
    }
    (void)nanosleep(&pause, NULL);
  }
}

/* Prints the stored pages. */
static void print_pages(struct pipeline_st *pipeline)
{
  unsigned int pages= 0, missing= 0;
  sqlite3_stmt *statement= prepare(pipeline, "SELECT * FROM page ORDER BY address", NULL);
  while (sqlite3_step(statement) == SQLITE_ROW)
  {
    const char *address= (const char *)sqlite3_column_text(statement, 0);
    const char *title= (const char *)sqlite3_column_text(statement, 2);
    int status= sqlite3_column_int(statement, 1);
    printf("%-10s %d %4d bytes %2d links%s%s\n", strchr(address + strlen("http://"), '/'), status,
           sqlite3_column_int(statement, 3), sqlite3_column_int(statement, 4), *title ? "  " : "", title);
    pages++;
    missing+= status != 200;
  }
  (void)sqlite3_finalize(statement);
  printf("%u pages stored, %u of them missing at the site\n", pages, missing);
}

int main(int argc, char *argv[])
{
  struct server_st server;
  if (read_options(argc, argv, "", 0, &server) < argc)
  {
    usage(argv[0], "");
  }
  char file[]= "/tmp/crawl-XXXXXX";
  int descriptor= mkstemp(file);
  if (descriptor == -1)
  {
    perror(file);
    return EXIT_FAILURE;
  }
  (void)close(descriptor);
  static struct page_st start;
  struct pipeline_st pipeline= { &server, file, NULL, NULL };
  int listener= listen_for_site(start.address, sizeof(start.address));
  if (listener == -1)
  {
    perror("the site");
    return EXIT_FAILURE;
  }
  if (is_new_process())
  {
    serve_site(listener);
  }
  const struct offer_st offers[]= {
    { "fetch", gearman_function_create(fetch) },
    { "parse", gearman_function_create(parse) },
    { "store", gearman_function_create(store) },
  };
  start_workers(WORKERS, &server, offers, sizeof(offers) / sizeof(*offers), &pipeline);

  (void)run(&pipeline, prepare(&pipeline, "CREATE TABLE page (address TEXT PRIMARY KEY, status INTEGER,"
                                          " title TEXT, bytes INTEGER, links INTEGER)", NULL));
  (void)run(&pipeline, prepare(&pipeline, "INSERT INTO page (address) VALUES (?)", start.address));
  submit(&pipeline, "fetch", &start);
  wait_for_pages(&pipeline);
  print_pages(&pipeline);

  gearman_client_free(pipeline.client);
  (void)sqlite3_close(pipeline.pages);
  (void)unlink(file);

  return EXIT_SUCCESS;
}
