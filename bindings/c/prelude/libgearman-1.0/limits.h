/* Sizes and limits: of the protocol, and of buffers that programs declare. */
#pragma once

#include <stdint.h>

/* Most fixed arguments of a packet, and bytes for them. */
#define GEARMAN_MAX_COMMAND_ARGS 8
#define GEARMAN_ARGS_BUFFER_SIZE 128
/* Bytes of a packet's header. */
#define GEARMAN_PACKET_HEADER_SIZE 12

/* Bytes of a job handle and of a unique id, each with its NUL; a generated
 * unique id has GEARMAN_MAX_UUID_SIZE characters. */
#define GEARMAN_JOB_HANDLE_SIZE 64
#define GEARMAN_MAX_UNIQUE_SIZE 64
#define GEARMAN_UNIQUE_SIZE GEARMAN_MAX_UNIQUE_SIZE
#define GEARMAN_MAX_UUID_SIZE 36

/* Longest function name (with its namespace), client identifier, server option
 * and error text. */
#define GEARMAN_FUNCTION_MAX_SIZE 512
#define GEARMAN_MAX_IDENTIFIER 254
#define GEARMAN_OPTION_SIZE 64
#define GEARMAN_MAX_ERROR_SIZE 2048

/* Largest payloads. */
#define GEARMAN_MAX_ECHO_SIZE (UINT32_MAX - GEARMAN_ARGS_BUFFER_SIZE)
#define GEARMAN_MAX_OPTION_SIZE (UINT32_MAX - GEARMAN_ARGS_BUFFER_SIZE)

/* Digits of the largest 64-bit number. */
#define GEARMAN_MAXIMUM_INTEGER_DISPLAY_LENGTH 20

/* What an empty host name stands for. */
#define GEARMAN_DEFAULT_TCP_HOST "localhost"

/* Milliseconds that a worker waits for a job when it has no timeout of its own. */
#define GEARMAN_WORKER_WAIT_TIMEOUT (10 * 1000)

/* Published by older versions; nothing here uses them. */
#define GEARMAN_DEFAULT_SOCKET_RECV_SIZE 32768
#define GEARMAN_DEFAULT_SOCKET_SEND_SIZE 32768
#define GEARMAN_DEFAULT_SOCKET_TIMEOUT 10
#define GEARMAN_DEFAULT_CONNECT_TIMEOUT 4000
#define GEARMAN_RECV_BUFFER_SIZE 8192
#define GEARMAN_SEND_BUFFER_SIZE 8192
