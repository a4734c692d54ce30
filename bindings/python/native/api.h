/* The declarations of the library and of glue.c that cffi reads. The compiler checks them
 * against the headers of libgearman. */

typedef int... gearman_return_t;
typedef ... gearman_client_st;
typedef ... gearman_worker_st;
typedef ... gearman_task_st;
typedef ... gearman_job_st;
typedef ... gearman_result_st;
typedef int... gearman_signal_t;
typedef struct { int read_fd; int write_fd; } gearman_id_t;

/* Both handles. */
gearman_client_st *gearman_client_create(gearman_client_st *client);
gearman_worker_st *gearman_worker_create(gearman_worker_st *worker);
const char *gearman_client_error(const gearman_client_st *client);
const char *gearman_worker_error(const gearman_worker_st *worker);
void gearman_client_set_timeout(gearman_client_st *client, int timeout);
void gearman_worker_set_timeout(gearman_worker_st *worker, int timeout);
gearman_return_t gearman_client_set_keepalive(gearman_client_st *client, uint32_t seconds);
gearman_return_t gearman_worker_set_keepalive(gearman_worker_st *worker, uint32_t seconds);
uint32_t gearman_client_keepalive(const gearman_client_st *client);
uint32_t gearman_worker_keepalive(const gearman_worker_st *worker);
void gearman_client_set_namespace(gearman_client_st *client, const char *key, size_t size);
void gearman_worker_set_namespace(gearman_worker_st *worker, const char *key, size_t size);
gearman_return_t gearman_client_set_identifier(gearman_client_st *client, const char *id,
        size_t size);
gearman_return_t gearman_worker_set_identifier(gearman_worker_st *worker, const char *id,
        size_t size);
gearman_return_t gearman_client_add_server(gearman_client_st *client, const char *host,
        uint16_t port);
gearman_return_t gearman_worker_add_server(gearman_worker_st *worker, const char *host,
        uint16_t port);
gearman_return_t gearman_client_add_servers(gearman_client_st *client, const char *servers);
gearman_return_t gearman_worker_add_servers(gearman_worker_st *worker, const char *servers);
void gearman_client_remove_servers(gearman_client_st *client);
void gearman_worker_remove_servers(gearman_worker_st *worker);
gearman_return_t gearman_client_echo(gearman_client_st *client, const void *data, size_t size);
gearman_return_t gearman_worker_echo(gearman_worker_st *worker, const void *data, size_t size);
bool gearman_client_set_server_option(gearman_client_st *client, const char *option,
        size_t size);
bool gearman_worker_set_server_option(gearman_worker_st *worker, const char *option,
        size_t size);
gearman_return_t gearman_client_set_tls(gearman_client_st *client, const char *ca_file,
        const char *certificate, const char *key_file, const char *server_name,
        const char *verify);
gearman_return_t gearman_worker_set_tls(gearman_worker_st *worker, const char *ca_file,
        const char *certificate, const char *key_file, const char *server_name,
        const char *verify);
int gearman_client_poll_fd(gearman_client_st *client);
int gearman_worker_poll_fd(gearman_worker_st *worker);
bool gearman_client_has_buffered_work(gearman_client_st *client);
bool gearman_worker_has_buffered_work(gearman_worker_st *worker);
int gearman_client_next_timeout(gearman_client_st *client);
int gearman_worker_next_timeout(gearman_worker_st *worker);

/* Clients. */
#define GEARMAN_CLIENT_NON_BLOCKING ...
#define GEARMAN_CLIENT_FREE_TASKS ...
#define GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL ...
void gearman_client_add_options(gearman_client_st *client, int options);
void gearman_client_remove_options(gearman_client_st *client, int options);
gearman_return_t gearman_client_error_code(const gearman_client_st *client);
gearman_return_t gearman_client_greet_with_option(gearman_client_st *client,
        const char *option, size_t size);
gearman_return_t gearman_client_job_status(gearman_client_st *client, const char *handle,
        bool *known, bool *running, uint32_t *numerator, uint32_t *denominator);
gearman_return_t gearman_client_cancel_job(gearman_client_st *client, char *handle);
gearman_task_st *gearman_client_add_task_status(gearman_client_st *client,
        gearman_task_st *task, void *context, const char *handle, gearman_return_t *code);
gearman_return_t gearman_client_run_tasks(gearman_client_st *client);
void gearman_client_set_server_selection_by_unique(gearman_client_st *client, bool enable);
bool gearman_client_server_selection_by_unique(const gearman_client_st *client);
void gearman_client_set_resubmissions(gearman_client_st *client, uint32_t limit);
uint32_t gearman_client_resubmissions(const gearman_client_st *client);

/* Tasks. */
void gearman_task_free(gearman_task_st *task);
const char *gearman_task_unique(const gearman_task_st *task);
const char *gearman_task_job_handle(const gearman_task_st *task);
bool gearman_task_is_known(const gearman_task_st *task);
bool gearman_task_is_running(const gearman_task_st *task);
uint32_t gearman_task_numerator(const gearman_task_st *task);
uint32_t gearman_task_denominator(const gearman_task_st *task);
gearman_return_t gearman_task_return(const gearman_task_st *task);
bool gearman_task_is_finished(const gearman_task_st *task);
gearman_result_st *gearman_task_result(gearman_task_st *task);
gearman_task_st *gearman_next(gearman_task_st *task);
const char *gearman_result_value(const gearman_result_st *result);
size_t gearman_result_size(const gearman_result_st *result);
gearman_return_t gearman_result_store_value(gearman_result_st *result, const void *value,
        size_t size);

/* Workers. */
#define GEARMAN_INTERRUPT ...
#define GEARMAN_WORKER_NON_BLOCKING ...
#define GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL ...
void gearman_worker_add_options(gearman_worker_st *worker, int options);
gearman_return_t gearman_worker_register(gearman_worker_st *worker, const char *name,
        uint32_t timeout);
gearman_return_t gearman_worker_unregister(gearman_worker_st *worker, const char *name);
gearman_return_t gearman_worker_work(gearman_worker_st *worker);
gearman_job_st *gearman_worker_grab_job(gearman_worker_st *worker, gearman_job_st *job,
        gearman_return_t *code);
gearman_id_t gearman_worker_id(gearman_worker_st *worker);
gearman_return_t gearman_kill(gearman_id_t id, gearman_signal_t signal);

/* Jobs. */
void gearman_job_free(gearman_job_st *job);
gearman_return_t gearman_job_send_data(gearman_job_st *job, const void *data, size_t size);
gearman_return_t gearman_job_send_warning(gearman_job_st *job, const void *data, size_t size);
gearman_return_t gearman_job_send_status(gearman_job_st *job, uint32_t numerator,
        uint32_t denominator);
gearman_return_t gearman_job_send_complete(gearman_job_st *job, const void *data, size_t size);
gearman_return_t gearman_job_send_exception(gearman_job_st *job, const void *data, size_t size);
gearman_return_t gearman_job_send_fail(gearman_job_st *job);
const char *gearman_job_handle(const gearman_job_st *job);
const char *gearman_job_function_name(const gearman_job_st *job);
const char *gearman_job_unique(const gearman_job_st *job);
const void *gearman_job_workload(const gearman_job_st *job);
size_t gearman_job_workload_size(const gearman_job_st *job);

const char *gearman_version(void);
const char *gearman_strerror(gearman_return_t code);

/* glue.c. */
void client_listen(gearman_client_st *client);
void worker_listen(gearman_worker_st *worker);
void client_destroy(gearman_client_st *client);
void worker_destroy(gearman_worker_st *worker);
gearman_task_st *add_task(gearman_client_st *client, uintptr_t key, const char *function,
        const char *unique, const void *workload, size_t size, int priority, bool background,
        gearman_return_t *code);
gearman_task_st *add_epoch_task(gearman_client_st *client, uintptr_t key,
        const char *function, const char *unique, const void *workload, size_t size,
        int64_t epoch);
gearman_task_st *add_partition_task(gearman_client_st *client, uintptr_t key,
        const char *splitter, const char *function, const char *unique, const void *workload,
        size_t size);
gearman_task_st *add_unique_status_task(gearman_client_st *client, uintptr_t key,
        const char *unique, gearman_return_t *code);
gearman_return_t unique_status(gearman_client_st *client, const char *unique, bool *known,
        bool *running, uint32_t *numerator, uint32_t *denominator, uint32_t *clients);
gearman_return_t define_function(gearman_worker_st *worker, const char *name,
        uint32_t timeout, uintptr_t key);
const char *task_exception(const gearman_task_st *task, size_t *size);
gearman_return_t define_splitter(gearman_worker_st *worker, const char *name,
        uint32_t timeout, uintptr_t key);
void stop_signals_for(gearman_id_t id);
int stop_signal_on(int number);
int stop_signal_off(int number);

extern "Python+C" {
    int py_task_event(uintptr_t key, int kind, gearman_task_st *task, const void *data,
        size_t size);
    void py_task_freed(uintptr_t key, gearman_task_st *task);
    int py_function(uintptr_t key, gearman_job_st *job);
    int py_combine(uintptr_t key, gearman_task_st *first, gearman_result_st *result);
    void py_log(const char *line, int verbose, int is_worker);
}
