\echo Use "CREATE EXTENSION gearman" to load this file. \quit

-- The job servers of this session: HOST[:PORT],... Returns true.
CREATE FUNCTION gman_servers_set(servers text) RETURNS boolean
AS 'MODULE_PATHNAME', 'gman_servers_set' LANGUAGE C STRICT VOLATILE;

-- One job: its result. With bytea, workload and result are bytes; with text they are text in the
-- encoding of the database. A unique id makes jobs of one function share their run.
CREATE FUNCTION gman_do(function text, workload text, uniq text DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'gman_do' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_high(function text, workload text, uniq text DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'gman_do_high' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_low(function text, workload text, uniq text DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'gman_do_low' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do(function text, workload bytea, uniq text DEFAULT NULL) RETURNS bytea
AS 'MODULE_PATHNAME', 'gman_do_bytes' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_high(function text, workload bytea, uniq text DEFAULT NULL) RETURNS bytea
AS 'MODULE_PATHNAME', 'gman_do_high_bytes' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_low(function text, workload bytea, uniq text DEFAULT NULL) RETURNS bytea
AS 'MODULE_PATHNAME', 'gman_do_low_bytes' LANGUAGE C VOLATILE;

-- One job in the background: its handle, once a server has accepted it.
CREATE FUNCTION gman_do_background(function text, workload text, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_background' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_high_background(function text, workload text, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_high_background' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_low_background(function text, workload text, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_low_background' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_background(function text, workload bytea, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_background' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_high_background(function text, workload bytea, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_high_background' LANGUAGE C VOLATILE;
CREATE FUNCTION gman_do_low_background(function text, workload bytea, uniq text DEFAULT NULL)
RETURNS text AS 'MODULE_PATHNAME', 'gman_do_low_background' LANGUAGE C VOLATILE;

-- One job for each workload, all at the same time: a row for each, in the order of the workloads.
-- A job that fails has its reason in `error`, and does not end the statement.
CREATE FUNCTION gman_do_all(function text, workloads text[],
                            OUT ordinal integer, OUT result text, OUT error text)
RETURNS SETOF record AS 'MODULE_PATHNAME', 'gman_do_all' LANGUAGE C STRICT VOLATILE ROWS 100;

-- The state of a background job.
CREATE FUNCTION gman_status(handle text, OUT known boolean, OUT running boolean,
                            OUT numerator bigint, OUT denominator bigint)
AS 'MODULE_PATHNAME', 'gman_status' LANGUAGE C STRICT VOLATILE;
