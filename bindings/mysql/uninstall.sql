-- Removes the SQL functions again:  mariadb < uninstall.sql
DROP FUNCTION gman_do;
DROP FUNCTION gman_do_high;
DROP FUNCTION gman_do_low;
DROP FUNCTION gman_do_background;
DROP FUNCTION gman_do_high_background;
DROP FUNCTION gman_do_low_background;
DROP FUNCTION gman_sum;
DROP FUNCTION gman_servers_set;
DROP FUNCTION gman_status;
DROP FUNCTION gman_timeout_set;
DROP FUNCTION gman_errors_set;
