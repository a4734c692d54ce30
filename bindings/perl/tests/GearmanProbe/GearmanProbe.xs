/* A small XS module for libgearman, with the parts of a real one: library structs inside
 * its own structs, callbacks into Perl that may die (which leaves the library by a jump),
 * workloads with and without copies, and tasks that are kept after the run.
 */
#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include <libgearman-1.0/gearman.h>

typedef struct
{
  gearman_client_st client;
  SV *complete;
  SV *fail;
} probe_client;

typedef struct
{
  gearman_worker_st worker;
  SV *body;
} probe_worker;

typedef struct
{
  gearman_task_st *task;
  /* The client is freed after the last of its tasks that Perl refers to. */
  SV *client;
} probe_task;

/* Calls Perl, without G_EVAL: an exception passes through the library to the caller of run
 * or work. */
static SV *probe_call(pTHX_ SV *body, SV *argument)
{
  dSP;
  PUSHMARK(SP);
  XPUSHs(sv_2mortal(argument));
  PUTBACK;
  int count= call_sv(body, G_SCALAR);
  SPAGAIN;
  SV *result= count == 1 ? POPs : &PL_sv_undef;
  PUTBACK;
  return result;
}

static gearman_return_t probe_event(gearman_task_st *task, SV *body)
{
  dTHX;
  ENTER;
  SAVETMPS;
  SV *data= newSVpvn(gearman_task_data(task) ? gearman_task_data(task) : "", gearman_task_data_size(task));
  SV *result= probe_call(aTHX_ body, data);
  gearman_return_t code= SvOK(result) && SvIOK(result) ? (gearman_return_t)SvIV(result) : GEARMAN_SUCCESS;
  FREETMPS;
  LEAVE;
  return code;
}

static gearman_return_t probe_complete(gearman_task_st *task)
{
  probe_client *self= gearman_task_context(task);
  return probe_event(task, self->complete);
}

static gearman_return_t probe_fail(gearman_task_st *task)
{
  probe_client *self= gearman_task_context(task);
  return probe_event(task, self->fail);
}

/* The library frees the result, which is from malloc. */
static void *probe_job(gearman_job_st *job, void *context, size_t *size, gearman_return_t *code)
{
  dTHX;
  probe_worker *self= context;
  ENTER;
  SAVETMPS;
  /* No copy: the scalar refers to the job's memory, which outlives the call. */
  SV *workload= newSV(0);
  sv_upgrade(workload, SVt_PV);
  SvPV_set(workload, (char *)gearman_job_workload(job));
  SvCUR_set(workload, gearman_job_workload_size(job));
  SvLEN_set(workload, 0);
  SvPOK_on(workload);
  SvREADONLY_on(workload);
  SV *result= probe_call(aTHX_ self->body, workload);

  char *bytes= NULL;
  *size= 0;
  if (SvOK(result))
  {
    STRLEN length;
    const char *text= SvPV(result, length);
    bytes= malloc(length ? length : 1);
    memcpy(bytes, text, length);
    *size= length;
    *code= GEARMAN_SUCCESS;
  }
  else
  {
    *code= GEARMAN_WORK_FAIL;
  }
  FREETMPS;
  LEAVE;
  return bytes;
}

MODULE = GearmanProbe  PACKAGE = GearmanProbe

const char *
version()
  CODE:
    RETVAL= gearman_version();
  OUTPUT:
    RETVAL

MODULE = GearmanProbe  PACKAGE = GearmanProbe::Client

probe_client *
new(CLASS, servers)
    const char *CLASS
    const char *servers
  CODE:
    Newxz(RETVAL, 1, probe_client);
    if (gearman_client_create(&RETVAL->client) == NULL)
      croak("no client");
    gearman_client_add_servers(&RETVAL->client, servers);
    gearman_client_set_complete_fn(&RETVAL->client, probe_complete);
    gearman_client_set_fail_fn(&RETVAL->client, probe_fail);
    RETVAL->complete= newSV(0);
    RETVAL->fail= newSV(0);
  OUTPUT:
    RETVAL

void
on_complete(self, body)
    probe_client *self
    SV *body
  CODE:
    sv_setsv(self->complete, body);

void
on_fail(self, body)
    probe_client *self
    SV *body
  CODE:
    sv_setsv(self->fail, body);

void
do(self, function, workload)
    probe_client *self
    const char *function
    SV *workload
  PPCODE:
    STRLEN length;
    const char *bytes= SvPV(workload, length);
    size_t size;
    gearman_return_t code;
    char *result= gearman_client_do(&self->client, function, NULL, bytes, length, &size, &code);
    mXPUSHi(code);
    if (result != NULL)
      mXPUSHp(result, size);
    free(result);

probe_task *
add(self, function, workload)
    SV *self
    const char *function
    SV *workload
  PREINIT:
    const char *CLASS= "GearmanProbe::Task";
    STRLEN length;
    const char *bytes;
    gearman_return_t code;
    probe_client *client;
  CODE:
    client= INT2PTR(probe_client *, SvIV(SvRV(self)));
    bytes= SvPV(workload, length);
    Newxz(RETVAL, 1, probe_task);
    RETVAL->task= gearman_client_add_task(&client->client, NULL, client, function, NULL, bytes, length, &code);
    if (RETVAL->task == NULL)
    {
      Safefree(RETVAL);
      croak("%s", gearman_client_error(&client->client));
    }
    RETVAL->client= newSVsv(self);
  OUTPUT:
    RETVAL

int
run(self)
    probe_client *self
  CODE:
    RETVAL= gearman_client_run_tasks(&self->client);
  OUTPUT:
    RETVAL

void
DESTROY(self)
    probe_client *self
  CODE:
    gearman_client_free(&self->client);
    SvREFCNT_dec(self->complete);
    SvREFCNT_dec(self->fail);
    Safefree(self);

MODULE = GearmanProbe  PACKAGE = GearmanProbe::Task

const char *
function(self)
    probe_task *self
  CODE:
    RETVAL= gearman_task_function_name(self->task);
  OUTPUT:
    RETVAL

const char *
handle(self)
    probe_task *self
  CODE:
    RETVAL= gearman_task_job_handle(self->task);
  OUTPUT:
    RETVAL

int
code(self)
    probe_task *self
  CODE:
    RETVAL= gearman_task_return(self->task);
  OUTPUT:
    RETVAL

void
DESTROY(self)
    probe_task *self
  CODE:
    gearman_task_free(self->task);
    SvREFCNT_dec(self->client);
    Safefree(self);

MODULE = GearmanProbe  PACKAGE = GearmanProbe::Worker

probe_worker *
new(CLASS, servers, function, body)
    const char *CLASS
    const char *servers
    const char *function
    SV *body
  CODE:
    Newxz(RETVAL, 1, probe_worker);
    if (gearman_worker_create(&RETVAL->worker) == NULL)
      croak("no worker");
    gearman_worker_add_servers(&RETVAL->worker, servers);
    RETVAL->body= newSVsv(body);
    gearman_worker_add_function(&RETVAL->worker, function, 0, probe_job, RETVAL);
  OUTPUT:
    RETVAL

int
work(self)
    probe_worker *self
  CODE:
    RETVAL= gearman_worker_work(&self->worker);
  OUTPUT:
    RETVAL

void
timeout(self, milliseconds)
    probe_worker *self
    int milliseconds
  CODE:
    gearman_worker_set_timeout(&self->worker, milliseconds);

void
DESTROY(self)
    probe_worker *self
  CODE:
    gearman_worker_free(&self->worker);
    SvREFCNT_dec(self->body);
    Safefree(self);
