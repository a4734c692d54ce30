-- How far each replica is behind, asked by workers that run beside the replicas and stored here.
-- The worker of `replica_status` gets the name of a replica and returns seconds, for example
--
--   gearman -w -f replica_status -- sh -c 'read -r host; mariadb -h "$host" -N -e "..."'
CREATE TABLE replicas (host VARCHAR(100) PRIMARY KEY);
INSERT INTO replicas VALUES ('replica1.example'), ('replica2.example');

CREATE TABLE replica_delay (host VARCHAR(100), measured TIMESTAMP, seconds INT);

-- Run it as an EVENT every minute.
INSERT INTO replica_delay
  SELECT host, CURRENT_TIMESTAMP, CAST(gman_do('replica_status', host) AS SIGNED) FROM replicas;

SELECT host, seconds FROM replica_delay ORDER BY host;
