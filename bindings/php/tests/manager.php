<?php
// A manager of worker processes, like GearmanManager: one process for a function, which
// does not block, ends after a number of jobs and is started again, also after a restart
// of the server, until the manager is stopped.

require __DIR__ . '/common.php';
require __DIR__ . '/server.php';

const FUNCTIONS = ['reverse', 'sum'];
const MOST_JOBS = 10;
// More iterations than a loop needs that pauses, far fewer than a busy loop makes.
const MOST_TURNS = 60;

// The loop of a worker process.
function run_worker(string $function, Server $server, Counter $turns, Counter $done): void
{
    $stop = false;
    $jobs = 0;
    pcntl_signal(SIGTERM, function () use (&$stop) {
        $stop = true;
    });
    $worker = new GearmanWorker();
    $worker->addOptions(GEARMAN_WORKER_NON_BLOCKING);
    $worker->setTimeout(50);
    try {
        $worker->addServers("127.0.0.1:$server->port");
    } catch (GearmanException $exception) {
        if ($exception->getMessage() !== 'Failed to set exception option') {
            throw $exception;
        }
    }
    $worker->addFunction($function, function (GearmanJob $job) use ($function, $done, &$jobs) {
        $done->add();
        $jobs++;
        $words = explode(' ', $job->workload());
        return $function === 'sum' ? (string) array_sum($words) : strrev($job->workload());
    }, null, 60);
    while (!$stop) {
        $turns->add();
        if (@$worker->work()
            || $worker->returnCode() == GEARMAN_IO_WAIT
            || $worker->returnCode() == GEARMAN_NO_JOBS) {
            if ($worker->returnCode() == GEARMAN_SUCCESS) {
                // Checks the number of jobs it has done, as below.
            } elseif (!@$worker->wait()) {
                if ($worker->returnCode() == GEARMAN_NO_ACTIVE_FDS) {
                    usleep(50000);
                }
            }
        }
        if ($jobs >= MOST_JOBS) {
            $stop = true;
        }
    }
    @$worker->unregisterAll();
}

$server = new Server();
$turns = new Counter();
$done = array_combine(FUNCTIONS, [new Counter(), new Counter()]);
$started = new Counter();
$ends = new Counter();

$manager = in_child(function () use ($server, $turns, $done, $started, $ends) {
    $workers = [];
    $stop = false;
    pcntl_signal(SIGTERM, function () use (&$stop) {
        $stop = true;
    });
    while (!$stop) {
        foreach (FUNCTIONS as $function) {
            if (!in_array($function, $workers)) {
                $started->add();
                $pid = in_child(fn() => run_worker($function, $server, $turns, $done[$function]));
                $workers[$pid] = $function;
            }
        }
        $pid = pcntl_wait($status, WNOHANG);
        if ($pid > 0) {
            unset($workers[$pid]);
            if ($status === 0) {
                $ends->add();
            }
        }
        usleep(2000);
    }
    foreach (array_keys($workers) as $pid) {
        posix_kill($pid, SIGTERM);
    }
    foreach (array_keys($workers) as $pid) {
        if (ended($pid) === 0) {
            $ends->add();
        }
    }
});

function work_for(Server $server): GearmanClient
{
    $client = new GearmanClient();
    $client->addServer('127.0.0.1', $server->port);
    $client->setTimeout(10000);
    return $client;
}

$client = work_for($server);
$sums = 0;
for ($x = 0; $x < 25; $x++) {
    $sums += (int) $client->doNormal('sum', "$x 1");
}
show('sums', $sums, $done['sum']->count());
for ($x = 0; $x < 25; $x++) {
    $client->doBackground('reverse', "text $x");
}
show('in the background', wait_until(fn() => $done['reverse']->count() === 25));
show('started again', wait_until(fn() => $started->count() === 6 && $ends->count() === 4));

$before = $turns->count();
usleep(300000);
show('rest when idle', $turns->count() - $before <= 2 * MOST_TURNS);

$before = $turns->count();
$server->kill();
usleep(300000);
show('rest while the server is away', $turns->count() - $before <= 2 * MOST_TURNS);
$server->start();
$client = work_for($server);
show('after the restart', $client->doNormal('reverse', 'again'), $client->doNormal('sum', '1 2'));

posix_kill($manager, SIGTERM);
show('manager ended', ended($manager));
show('all ended well', $started->count() === $ends->count());
