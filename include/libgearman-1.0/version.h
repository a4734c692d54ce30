/* The version of these headers; gearman_version() tells that of the library.
 * The number is two hexadecimal digits of major, three of minor and three of
 * patch version, each read as decimal. */

/* Generated from bindings/c/prelude/libgearman-1.0/version.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#define LIBGEARMAN_VERSION_STRING "2.1.0"
#define LIBGEARMAN_VERSION_HEX 0x02001000
