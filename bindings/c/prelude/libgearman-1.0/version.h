/* The version of these headers; gearman_version() returns that of the library.
 * LIBGEARMAN_VERSION_HEX has two hexadecimal digits for the major, three for the minor and
 * three for the patch version; the digits of each are those of its decimal number. */
#pragma once

@version
