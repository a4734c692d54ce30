/* The version of these headers; gearman_version() returns that of the library.
 * LIBGEARMAN_VERSION_HEX has two hexadecimal digits for the major, three for the minor and
 * three for the patch version; the digits of each are those of its decimal number. */

/* Generated from bindings/c/prelude/libgearman-1.0/version.h and src/capi: change those, then run
 * GEARMAN_UPDATE_HEADERS=1 cargo test --test headers */
#pragma once

#define LIBGEARMAN_VERSION_STRING "2.1.0"
#define LIBGEARMAN_VERSION_HEX 0x02001000
