/* Limits of the protocol, and sizes of buffers that programs declare. */
#pragma once

#include <stdint.h>

/* The most fixed arguments of a packet, and the bytes for them. */
#define GEARMAN_MAX_COMMAND_ARGS 8
#define GEARMAN_ARGS_BUFFER_SIZE 128
/* The bytes of a packet's header. */
#define GEARMAN_PACKET_HEADER_SIZE 12

/* The bytes of a job handle and of a unique id, each with its NUL. A unique id that the
 * library makes has GEARMAN_MAX_UUID_SIZE characters. */
#define GEARMAN_JOB_HANDLE_SIZE 64
#define GEARMAN_MAX_UNIQUE_SIZE 64
#define GEARMAN_UNIQUE_SIZE GEARMAN_MAX_UNIQUE_SIZE
#define GEARMAN_MAX_UUID_SIZE 36

/* The most bytes of a function name, of an identifier, of a server option and of an error
 * text. */
#define GEARMAN_FUNCTION_MAX_SIZE 512
#define GEARMAN_MAX_IDENTIFIER 254
#define GEARMAN_OPTION_SIZE 64
#define GEARMAN_MAX_ERROR_SIZE 2048

/* The most bytes of the two payloads. */
#define GEARMAN_MAX_ECHO_SIZE (UINT32_MAX - GEARMAN_ARGS_BUFFER_SIZE)
#define GEARMAN_MAX_OPTION_SIZE (UINT32_MAX - GEARMAN_ARGS_BUFFER_SIZE)

/* The digits of the largest 64-bit integer. */
#define GEARMAN_MAXIMUM_INTEGER_DISPLAY_LENGTH 20

/* The host that an empty name means. */
#define GEARMAN_DEFAULT_TCP_HOST "localhost"

/* The timeout of a worker, in milliseconds, after GEARMAN_WORKER_TIMEOUT_RETURN was turned
 * off. */
#define GEARMAN_WORKER_WAIT_TIMEOUT (10 * 1000)

/* Published by older versions and not used. */
#define GEARMAN_DEFAULT_SOCKET_RECV_SIZE 32768
#define GEARMAN_DEFAULT_SOCKET_SEND_SIZE 32768
#define GEARMAN_DEFAULT_SOCKET_TIMEOUT 10
#define GEARMAN_DEFAULT_CONNECT_TIMEOUT 4000
#define GEARMAN_RECV_BUFFER_SIZE 8192
#define GEARMAN_SEND_BUFFER_SIZE 8192
