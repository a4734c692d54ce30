/* The site that crawl.c crawls, and how its pages are fetched: HTTP/1.0 over plain sockets. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A page: its path, title and links. */
static const struct
{
  const char *path;
  const char *title;
  const char *links[5];
} site[]= {
  { "/", "Front page", { "/news", "/about", "/archive", "/" } },
  { "/news", "News", { "/", "/news/1", "/news/2", "/news/3" } },
  { "/news/1", "A server was started", { "/news", "/news/2" } },
  { "/news/2", "A worker was added", { "/news/1", "/news/3", "/about" } },
  { "/news/3", "A job was done", { "/news/2", "/picture" } },
  { "/about", "About this site", { "/", "http://elsewhere.invalid/" } },
  { "/archive", "Archive", { "/news/1", "/news/2", "/news/3", "/archive#top" } },
};

/* Listens on a free port of the loopback address, and writes the address of the first page.
 * Returns the listening socket, or -1. */
static int listen_for_site(char *first_page, size_t room)
{
  struct sockaddr_in address= { .sin_family= AF_INET, .sin_addr.s_addr= htonl(INADDR_LOOPBACK) };
  socklen_t size= sizeof(address);
  int listener= socket(AF_INET, SOCK_STREAM, 0);
  if (listener != -1 && bind(listener, (struct sockaddr *)&address, size) == 0 &&
      listen(listener, 16) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0)
  {
    (void)snprintf(first_page, room, "http://127.0.0.1:%u/", (unsigned int)ntohs(address.sin_port));
    return listener;
  }

  return -1;
}

/* Answers the request that a connection has begun. */
static void answer(int connection, const char *request)
{
  char path[256]= "";
  (void)sscanf(request, "GET %255s", path);
  for (size_t x= 0; x < sizeof(site) / sizeof(*site); x++)
  {
    if (strcmp(site[x].path, path) == 0)
    {
      (void)dprintf(connection, "HTTP/1.0 200 OK\r\n\r\n<title>%s</title><ul>", site[x].title);
      for (size_t y= 0; site[x].links[y] != NULL; y++)
      {
        (void)dprintf(connection, "<li><a href=\"%s\">%s</a></li>", site[x].links[y], site[x].links[y]);
      }
      (void)dprintf(connection, "</ul>\n");
      return;
    }
  }
  (void)dprintf(connection, "HTTP/1.0 404 Not Found\r\n\r\n");
}

/* Serves the pages until the process is killed. */
static void serve_site(int listener)
{
  int connection;
  while ((connection= accept(listener, NULL, NULL)) != -1)
  {
    char request[1024]= "";
    size_t used= 0;
    ssize_t received= 1;
    /* The header ends with an empty line. */
    while (received > 0 && strstr(request, "\r\n\r\n") == NULL && used < sizeof(request) - 1)
    {
      received= read(connection, request + used, sizeof(request) - 1 - used);
      used+= received > 0 ? (size_t)received : 0;
      request[used]= '\0';
    }
    answer(connection, request);
    (void)close(connection);
  }
  _exit(EXIT_FAILURE);
}

/* Gets http://ADDRESS:PORT/PATH. Returns whether there is a whole answer, which ends with a NUL. */
static bool get(const char *url, char *text, size_t room)
{
  char host[64], path[256]= "/";
  unsigned int port;
  if (sscanf(url, "http://%63[0-9.]:%5u%255s", host, &port, path) < 2)
  {
    return false;
  }
  struct sockaddr_in address= { .sin_family= AF_INET, .sin_port= htons((in_port_t)port) };
  int connection= socket(AF_INET, SOCK_STREAM, 0);
  if (connection == -1)
  {
    return false;
  }
  char request[512];
  ssize_t size= snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", path, host);
  ssize_t received= -1;
  size_t used= 0;
  if (inet_pton(AF_INET, host, &address.sin_addr) == 1 &&
      connect(connection, (struct sockaddr *)&address, sizeof(address)) == 0 &&
      write(connection, request, (size_t)size) == size)
  {
    while ((received= read(connection, text + used, room - 1 - used)) > 0)
    {
      used+= (size_t)received;
    }
  }
  (void)close(connection);
  text[used]= '\0';

  return received == 0 && used < room - 1;
}
