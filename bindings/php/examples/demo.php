<?php
// What the examples share: the options -h and -p, worker processes, waiting with a deadline.
// Every example starts its own workers, so it needs nothing but a job server that runs.

error_reporting(E_ALL);

// Longer than anything here takes on a busy machine.
const DEADLINE_SECONDS = 60;

// The job server of the command line, as addServers() takes it.
function server(): string
{
    static $server = null;
    if ($server === null) {
        $options = getopt('h:p:', [], $rest);
        if ($rest < $_SERVER['argc'] || is_array($options['h'] ?? '') || is_array($options['p'] ?? '')) {
            fwrite(STDERR, "usage: php {$_SERVER['argv'][0]} [-h HOST] [-p PORT]\n");
            exit(2);
        }
        $server = ($options['h'] ?? 'localhost') . ':' . ($options['p'] ?? '4730');
    }
    return $server;
}

function client(): GearmanClient
{
    $client = new GearmanClient();
    $client->addServers(server());
    $client->setTimeout(DEADLINE_SECONDS * 1000);
    return $client;
}

// Runs tasks to their end. Ends the program with the library's words if that fails.
function run_tasks(GearmanClient $client): void
{
    if (!@$client->runTasks()) {
        fail($client->error());
    }
}

// Submits a job and returns its result.
function result_of(GearmanClient $client, string $function, string $workload): string
{
    $result = @$client->doNormal($function, $workload);
    if ($client->returnCode() !== GEARMAN_SUCCESS) {
        fail("$function: " . $client->error());
    }
    return $result;
}

function fail(string $message): never
{
    fwrite(STDERR, "{$_SERVER['argv'][0]}: $message\n");
    exit(1);
}

// Starts worker processes, which end with the program. A function may make a client of its own:
// a handle of the library belongs to the process that made it.
function start_workers(int $number, array $functions): void
{
    // Said before the fork, and so by the program itself.
    $server = server();
    $parent = getmypid();
    $children = [];
    while (count($children) < $number) {
        $pid = pcntl_fork();
        if ($pid === -1) {
            fail('no worker process can be started');
        }
        if ($pid === 0) {
            $worker = new GearmanWorker();
            $worker->addServers($server);
            foreach ($functions as $name => $function) {
                $worker->addFunction($name, $function);
            }
            while (@$worker->work() || $worker->returnCode() === GEARMAN_WORK_FAIL);
            fail('a worker ended: ' . $worker->error());
        }
        $children[] = $pid;
    }
    register_shutdown_function(function () use ($children, $parent) {
        // A child runs this too when it ends.
        foreach (getmypid() === $parent ? $children : [] as $pid) {
            posix_kill($pid, SIGKILL);
            pcntl_waitpid($pid, $status);
        }
    });
}

// Waits until a condition holds that workers bring about.
function until(string $what, callable $condition): void
{
    $end = microtime(true) + DEADLINE_SECONDS;
    while (!$condition()) {
        if (microtime(true) > $end) {
            fail("$what: not after " . DEADLINE_SECONDS . ' s');
        }
        usleep(20000);
    }
}

// A directory that is removed with its files when the program ends.
function temporary_directory(): string
{
    $directory = sys_get_temp_dir() . '/gearman-example-' . bin2hex(random_bytes(8));
    mkdir($directory, 0700);
    $owner = getmypid();
    register_shutdown_function(function () use ($directory, $owner) {
        if (getmypid() === $owner) {
            array_map('unlink', glob("$directory/*"));
            rmdir($directory);
        }
    });
    return $directory;
}
