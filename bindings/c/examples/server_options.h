/* The options -h HOST and -p PORT, which every example takes. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libgearman/gearman.h>

/* The job server of an example. */
struct server_st
{
  const char *host;
  in_port_t port;
};

/* Prints the usage of the program and ends it with code 2. */
static void usage(const char *program, const char *arguments)
{
  fprintf(stderr, "usage: %s [-h HOST] [-p PORT]%s%s\n", program, *arguments ? " " : "", arguments);
  exit(2);
}

/* Reads -h and -p. Returns the index of the first other argument. If there are fewer than
 * `minimum` of them, or an option is wrong, ends the program with its usage. */
static int read_options(int argc, char *argv[], const char *arguments, int minimum,
                        struct server_st *server)
{
  server->host= "localhost";
  server->port= GEARMAN_DEFAULT_TCP_PORT;

  int option;
  while ((option= getopt(argc, argv, "h:p:")) != -1)
  {
    char *rest= NULL;
    long port= option == 'p' ? strtol(optarg, &rest, 10) : 1;
    if (port < 1 || port > 65535 || (rest != NULL && *rest != '\0'))
    {
      fprintf(stderr, "%s: invalid port '%s' for -p: use a number from 1 to 65535\n", argv[0], optarg);
      usage(argv[0], arguments);
    }
    if (option == '?')
    {
      usage(argv[0], arguments);  /* getopt() has printed what is wrong. */
    }
    if (option == 'h')
    {
      server->host= optarg;
    }
    else
    {
      server->port= (in_port_t)port;
    }
  }
  if (argc - optind < minimum)
  {
    usage(argv[0], arguments);
  }

  return optind;
}
