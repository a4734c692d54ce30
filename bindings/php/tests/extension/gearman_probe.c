/* A small PHP extension for libgearman, with the parts of a real one: results in PHP's
 * memory, callbacks into PHP, and errors as warnings.
 *
 *   gearman_probe_version(): string
 *   gearman_probe_do(int $port, string $function, string $workload): string|false
 *   gearman_probe_work(int $port, string $function, callable $body): bool
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <php.h>

#include <libgearman-1.0/gearman.h>
#include <libgearman-1.0/interface/status.h>

static void *probe_malloc(size_t size, void *context)
{
  (void)context;
  return emalloc(size);
}

static void probe_free(void *memory, void *context)
{
  (void)context;
  efree(memory);
}

ZEND_BEGIN_ARG_INFO_EX(arginfo_version, 0, 0, 0)
ZEND_END_ARG_INFO()

static PHP_FUNCTION(gearman_probe_version)
{
  ZEND_PARSE_PARAMETERS_NONE();
  RETURN_STRING(gearman_version());
}

ZEND_BEGIN_ARG_INFO_EX(arginfo_do, 0, 0, 3)
  ZEND_ARG_INFO(0, port)
  ZEND_ARG_INFO(0, function)
  ZEND_ARG_INFO(0, workload)
ZEND_END_ARG_INFO()

static PHP_FUNCTION(gearman_probe_do)
{
  zend_long port;
  char *function, *workload;
  size_t function_size, workload_size;
  ZEND_PARSE_PARAMETERS_START(3, 3)
    Z_PARAM_LONG(port)
    Z_PARAM_STRING(function, function_size)
    Z_PARAM_STRING(workload, workload_size)
  ZEND_PARSE_PARAMETERS_END();

  gearman_client_st client;
  gearman_client_create(&client);
  gearman_client_set_workload_malloc_fn(&client, probe_malloc, NULL);
  gearman_client_set_workload_free_fn(&client, probe_free, NULL);
  gearman_client_add_server(&client, "127.0.0.1", (in_port_t)port);

  size_t size;
  gearman_return_t code;
  char *result= gearman_client_do(&client, function, NULL, workload, workload_size, &size, &code);
  if (gearman_failed(code))
  {
    php_error_docref(NULL, E_WARNING, "%s", gearman_client_error(&client));
    RETVAL_FALSE;
  }
  else
  {
    RETVAL_STRINGL(result, size);
  }
  if (result != NULL)
  {
    efree(result);
  }
  gearman_client_free(&client);
}

/* The callable for the jobs, and whether it could be called. */
struct probe_body
{
  zend_fcall_info call;
  zend_fcall_info_cache cache;
};

static gearman_return_t probe_worker(gearman_job_st *job, void *context)
{
  struct probe_body *body= context;
  zval workload, result;
  ZVAL_STRINGL(&workload, gearman_job_workload(job), gearman_job_workload_size(job));
  ZVAL_UNDEF(&result);
  body->call.retval= &result;
  body->call.params= &workload;
  body->call.param_count= 1;

  gearman_return_t code= GEARMAN_ERROR;
  if (zend_call_function(&body->call, &body->cache) == SUCCESS && Z_TYPE(result) == IS_STRING)
  {
    code= gearman_job_send_complete(job, Z_STRVAL(result), Z_STRLEN(result));
  }
  zval_ptr_dtor(&workload);
  zval_ptr_dtor(&result);
  return code;
}

ZEND_BEGIN_ARG_INFO_EX(arginfo_work, 0, 0, 3)
  ZEND_ARG_INFO(0, port)
  ZEND_ARG_INFO(0, function)
  ZEND_ARG_INFO(0, body)
ZEND_END_ARG_INFO()

static PHP_FUNCTION(gearman_probe_work)
{
  zend_long port;
  char *function;
  size_t function_size;
  struct probe_body body;
  ZEND_PARSE_PARAMETERS_START(3, 3)
    Z_PARAM_LONG(port)
    Z_PARAM_STRING(function, function_size)
    Z_PARAM_FUNC(body.call, body.cache)
  ZEND_PARSE_PARAMETERS_END();

  gearman_worker_st worker;
  gearman_worker_create(&worker);
  gearman_worker_add_server(&worker, "127.0.0.1", (in_port_t)port);
  gearman_function_t callback= gearman_function_create(probe_worker);
  gearman_worker_define_function(&worker, function, function_size, callback, 0, &body);
  gearman_return_t code= gearman_worker_work(&worker);
  if (gearman_failed(code))
  {
    php_error_docref(NULL, E_WARNING, "%s", gearman_worker_error(&worker));
  }
  gearman_worker_free(&worker);
  RETURN_BOOL(gearman_success(code));
}

static const zend_function_entry probe_functions[]= {
  PHP_FE(gearman_probe_version, arginfo_version)
  PHP_FE(gearman_probe_do, arginfo_do)
  PHP_FE(gearman_probe_work, arginfo_work)
  PHP_FE_END
};

zend_module_entry gearman_probe_module_entry= {
  STANDARD_MODULE_HEADER,
  "gearman_probe",
  probe_functions,
  NULL, NULL, NULL, NULL, NULL,
  "1",
  STANDARD_MODULE_PROPERTIES
};

ZEND_GET_MODULE(gearman_probe)
