-- How far each replica is behind, asked by workers that run beside the replicas, all at the same
-- time, and stored here. The worker of `replica_status` gets the name of a replica and returns
-- seconds, for example
--
--   gearman -w -f replica_status -- sh -c 'read -r host; psql -h "$host" -At -c "..."'
CREATE TABLE replicas (host text PRIMARY KEY);
INSERT INTO replicas VALUES ('replica1.example'), ('replica2.example');

CREATE TABLE replica_delay (host text, measured timestamptz, seconds int, error text);

INSERT INTO replica_delay
  SELECT hosts.all_hosts[answer.ordinal], now(), answer.result::int, answer.error
    FROM (SELECT array_agg(host ORDER BY host) AS all_hosts FROM replicas) AS hosts,
         gman_do_all('replica_status', hosts.all_hosts) AS answer;

SELECT host, seconds, error FROM replica_delay ORDER BY host;
