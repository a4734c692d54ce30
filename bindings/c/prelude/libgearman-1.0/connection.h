/* Names of internal connection states, which the library has always published. Programs
 * do not need them. */
#pragma once

#include <netdb.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef NI_MAXHOST
#define GEARMAN_NI_MAXHOST NI_MAXHOST
#else
#define GEARMAN_NI_MAXHOST 1025
#endif

#ifdef NI_MAXSERV
#define GEARMAN_NI_MAXSERV NI_MAXSERV
#else
#define GEARMAN_NI_MAXSERV 32
#endif

/* Published by older versions; no function takes these. */
enum gearman_con_recv_t {
  GEARMAN_CON_RECV_UNIVERSAL_NONE,
  GEARMAN_CON_RECV_UNIVERSAL_READ,
  GEARMAN_CON_RECV_STATE_READ_DATA
};

/* Published by older versions; no function takes these. */
enum gearman_con_send_t {
  GEARMAN_CON_SEND_STATE_NONE,
  GEARMAN_CON_SEND_UNIVERSAL_PRE_FLUSH,
  GEARMAN_CON_SEND_UNIVERSAL_FORCE_FLUSH,
  GEARMAN_CON_SEND_UNIVERSAL_FLUSH,
  GEARMAN_CON_SEND_UNIVERSAL_FLUSH_DATA
};

/* Published by older versions; no function takes these. */
enum gearman_con_universal_t {
  GEARMAN_CON_UNIVERSAL_ADDRINFO,
  GEARMAN_CON_UNIVERSAL_CONNECT,
  GEARMAN_CON_UNIVERSAL_CONNECTING,
  GEARMAN_CON_UNIVERSAL_CONNECTED
};
