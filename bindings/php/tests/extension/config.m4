dnl Looks for libgearman the way extensions for it do: a header below a prefix,
dnl and four functions that tell its age.
PHP_ARG_WITH([gearman-probe],
  [for libgearman],
  [AS_HELP_STRING([--with-gearman-probe=DIR], [Build against the libgearman below DIR])])

if test "$PHP_GEARMAN_PROBE" != "no"; then
  AC_MSG_CHECKING([for the headers of libgearman])
  if test ! -r "$PHP_GEARMAN_PROBE/include/libgearman-1.0/gearman.h"; then
    AC_MSG_ERROR([no libgearman-1.0/gearman.h below $PHP_GEARMAN_PROBE/include])
  fi
  AC_MSG_RESULT([$PHP_GEARMAN_PROBE])
  PHP_ADD_INCLUDE($PHP_GEARMAN_PROBE/include)
  PHP_ADD_LIBRARY_WITH_PATH(gearman, $PHP_GEARMAN_PROBE/lib, GEARMAN_PROBE_SHARED_LIBADD)
  for function in gearman_client_set_context gearman_worker_set_server_option \
      gearman_job_error gearman_client_unique_status; do
    PHP_CHECK_LIBRARY(gearman, $function, [],
      [AC_MSG_ERROR([libgearman lacks $function])],
      [-L$PHP_GEARMAN_PROBE/lib])
  done
  PHP_SUBST(GEARMAN_PROBE_SHARED_LIBADD)
  PHP_NEW_EXTENSION(gearman_probe, gearman_probe.c, $ext_shared)
fi
