<?php
// The manual's non-blocking worker outlives its server: it pauses while the server is down,
// and continues when it is up again.

require __DIR__ . '/common.php';

const PRE_SLEEP = 4, GRAB_JOB = 9, NO_JOB = 10, JOB_ASSIGN = 11, WORK_COMPLETE = 13, GRAB_JOB_UNIQ = 30,
    JOB_ASSIGN_UNIQ = 31, OPTION_REQ = 26, OPTION_RES = 27, GRAB_JOB_ALL = 39;

function receive($connection, int $size): string
{
    for ($bytes = ''; strlen($bytes) < $size;) {
        $more = fread($connection, $size - strlen($bytes));
        if ($more === '' || $more === false) {
            exit(0);
        }
        $bytes .= $more;
    }
    return $bytes;
}

function answer($connection, int $command, string $body = ''): void
{
    fwrite($connection, "\0RES" . pack('NN', $command, strlen($body)) . $body);
}

// A server with so many jobs. It ends when they are done and the worker sleeps.
function serve($listener, int $jobs): int
{
    return in_child(function () use ($listener, $jobs) {
        $connection = stream_socket_accept($listener, 20);
        while (true) {
            ['command' => $command, 'size' => $size] = unpack('x4/Ncommand/Nsize', receive($connection, 12));
            $body = $size > 0 ? receive($connection, $size) : '';
            if ($command === OPTION_REQ) {
                answer($connection, OPTION_RES, $body);
            } elseif (in_array($command, [GRAB_JOB, GRAB_JOB_UNIQ, GRAB_JOB_ALL], true)) {
                if ($jobs === 0) {
                    answer($connection, NO_JOB);
                } elseif ($command === GRAB_JOB) {
                    answer($connection, JOB_ASSIGN, "H:1\0reverse\0text");
                } else {
                    answer($connection, JOB_ASSIGN_UNIQ, "H:1\0reverse\0unique\0text");
                }
            } elseif ($command === WORK_COMPLETE) {
                show('the server got', $body);
                $jobs--;
            } elseif ($command === PRE_SLEEP) {
                return;
            }
        }
    });
}

$listener = stream_socket_server('tcp://127.0.0.1:0');
$address = stream_socket_get_name($listener, false);
$pid = serve($listener, 0);
$times = 1;

$worker = new GearmanWorker();
$worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
$worker->setTimeout(20000);
$worker->addServers($address);
fclose($listener);
$worker->addFunction('reverse', fn(GearmanJob $job) => strrev($job->workload()));

while (
    @$worker->work()
    || $worker->returnCode() === GEARMAN_IO_WAIT
    || $worker->returnCode() === GEARMAN_NO_JOBS
) {
    if ($worker->returnCode() === GEARMAN_SUCCESS) {
        continue;
    }
    if (@$worker->wait()) {
        continue;
    }
    if ($worker->returnCode() !== GEARMAN_NO_ACTIVE_FDS) {
        break;
    }
    show('disconnected, and the server ended', ended($pid));
    if ($times === 3) {
        exit;
    }
    $listener = stream_socket_server("tcp://$address");
    $pid = serve($listener, $times++);
    fclose($listener);
}
show('the loop ended', $worker->returnCode(), $worker->error());
