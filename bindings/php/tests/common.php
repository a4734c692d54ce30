<?php
// The common part of the scripts. Each script gets the job server's port as its argument
// and prints the same with every library; a worker is a forked child of the script.

error_reporting(E_ALL);
pcntl_async_signals(true);

function servers(): string
{
    return '127.0.0.1:' . $_SERVER['argv'][1];
}

function client(): GearmanClient
{
    $client = new GearmanClient();
    $client->addServers(servers());
    $client->setTimeout(20000);
    return $client;
}

// Prints a label and values, with bytes that are not text escaped.
function show(string $label, ...$values): void
{
    $texts = array_map(
        fn($value) => json_encode($value, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_SLASHES),
        $values
    );
    echo $label, ': ', implode(' ', $texts), "\n";
}

// Runs a function in a child process and returns the child's id. The child ends
// without running the shutdown functions of its parent.
function in_child(callable $body): int
{
    ob_flush_all();
    $parent = getmypid();
    $pid = pcntl_fork();
    if ($pid === -1) {
        exit("cannot fork\n");
    }
    if ($pid === 0) {
        $body();
        ob_flush_all();
        exit(0);
    }
    // A script that fails must not leave workers running.
    register_shutdown_function(function () use ($pid, $parent) {
        if (getmypid() === $parent && pcntl_waitpid($pid, $status, WNOHANG) === 0) {
            posix_kill($pid, SIGKILL);
        }
    });
    return $pid;
}

function ob_flush_all(): void
{
    while (ob_get_level() > 0) {
        ob_end_flush();
    }
    flush();
}

// Starts a worker for functions given by name; it works until a job for "stop".
function start_worker(array $functions): int
{
    return in_child(function () use ($functions) {
        $stop = false;
        $worker = new GearmanWorker();
        $worker->addServers(servers());
        foreach ($functions as $name => $function) {
            $worker->addFunction($name, $function);
        }
        $worker->addFunction('stop', function () use (&$stop) {
            $stop = true;
        });
        while (!$stop) {
            @$worker->work();
        }
    });
}

// Stops a worker by a job and prints how it ended.
function stop_worker(int $pid): void
{
    client()->doBackground('stop', '-');
    show('worker ended', ended($pid));
}

// How a child ended: its exit code, or the signal's number below zero.
function ended(int $pid): int
{
    pcntl_waitpid($pid, $status);
    return pcntl_wifexited($status) ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status);
}

// Waits until the server does not know a job any more: the packet of its worker may still
// be on its way when another connection asks.
function forgotten(GearmanClient $client, string $handle): bool
{
    for ($tries = 0; $tries < 10000; $tries++) {
        if ($client->jobStatus($handle)[0] === false) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

// 10 MiB in which every byte value and every pair of them occurs.
function ten_megabytes(): string
{
    $part = '';
    for ($x = 0; $x < 65536; $x++) {
        $part .= pack('n', ($x * 40503) & 0xffff);
    }
    return str_repeat($part, 80);
}
