<?php
// A job server of the same kind as the script's, which the script can kill and start again
// on the same port.

// The answer to `getpid` of the server at a port, or null.
function server_process(int $port): ?int
{
    $stream = @stream_socket_client("tcp://127.0.0.1:$port", $code, $text, 5);
    if ($stream === false) {
        return null;
    }
    stream_set_timeout($stream, 5);
    fwrite($stream, "getpid\n");
    $answer = fgets($stream);
    fclose($stream);
    return is_string($answer) && sscanf($answer, 'OK %d', $pid) === 1 ? $pid : null;
}

function free_port(): int
{
    $listener = stream_socket_server('tcp://127.0.0.1:0');
    $name = stream_socket_get_name($listener, false);
    fclose($listener);
    return (int) substr($name, strrpos($name, ':') + 1);
}

final class Server
{
    public readonly int $port;
    private $process = null;
    private int $owner;
    private string $pidFile;

    public function __construct()
    {
        $this->port = free_port();
        $this->owner = getmypid();
        $this->pidFile = tempnam(sys_get_temp_dir(), 'gearman');
        $this->start();
    }

    public function start(): void
    {
        $program = readlink('/proc/' . server_process((int) $_SERVER['argv'][1]) . '/exe');
        $command = [$program, '--listen=127.0.0.1', "--port=$this->port", '--log-file=none',
            "--pid-file=$this->pidFile"];
        $nothing = ['file', '/dev/null', 'r+'];
        $this->process = proc_open($command, [$nothing, $nothing, $nothing], $pipes);
        $pid = proc_get_status($this->process)['pid'];
        wait_until(fn() => server_process($this->port) === $pid);
    }

    public function kill(): void
    {
        proc_terminate($this->process, SIGKILL);
        proc_close($this->process);
        $this->process = null;
    }

    // The numbers of a function: jobs, running jobs, workers.
    public function numbers(string $function): array
    {
        $stream = stream_socket_client("tcp://127.0.0.1:$this->port", $code, $text, 5);
        fwrite($stream, "status\n");
        $numbers = [0, 0, 0];
        while (($line = fgets($stream)) !== false && $line !== ".\n") {
            $words = explode("\t", rtrim($line));
            if ($words[0] === $function) {
                $numbers = array_map(intval(...), array_slice($words, 1));
            }
        }
        fclose($stream);
        return $numbers;
    }

    public function __destruct()
    {
        if (getmypid() === $this->owner && $this->process !== null) {
            $this->kill();
            unlink($this->pidFile);
        }
    }
}

// Waits until a condition holds, for at most ten seconds.
function wait_until(callable $is_so): bool
{
    for ($tries = 0; $tries < 5000; $tries++) {
        if ($is_so()) {
            return true;
        }
        usleep(2000);
    }
    return false;
}

// Bytes that several processes append to and count.
final class Counter
{
    private string $file;
    private int $owner;

    public function __construct()
    {
        $this->file = tempnam(sys_get_temp_dir(), 'gearman');
        $this->owner = getmypid();
    }

    public function add(): void
    {
        file_put_contents($this->file, '.', FILE_APPEND);
    }

    public function count(): int
    {
        clearstatcache();
        return filesize($this->file);
    }

    public function __destruct()
    {
        if (getmypid() === $this->owner) {
            unlink($this->file);
        }
    }
}
