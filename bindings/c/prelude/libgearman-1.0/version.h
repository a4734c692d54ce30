/* The version of these headers; gearman_version() tells that of the library.
 * The number is two hexadecimal digits of major, three of minor and three of
 * patch version, each read as decimal. */
#pragma once

@version
