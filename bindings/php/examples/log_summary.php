<?php
// A log pipeline: from a web server's log, line by line, to a summary.
//
//   php log_summary.php [-h HOST] [-p PORT]
//
// The worker's function "logger" counts a line. Apache sends its log there with
//
//   CustomLog "|gearman -n -f logger" common
//
// and so does this program with a log of its own: the environment variable GEARMAN names the
// tool [gearman]. One process counts: the counts are in its memory.

require __DIR__ . '/demo.php';

// Requests of the demonstration: path, number, status, size of the body.
const REQUESTS = [['/', 6, 200, 1200], ['/news', 3, 200, 800], ['/missing', 2, 404, 0], ['/picture.png', 1, 200, 40000]];

class Summary
{
    private array $counts = ['statuses' => [], 'paths' => [], 'bytes' => 0];

    // Counts one line of the common log format.
    public function logger(GearmanJob $job): void
    {
        $line = '~^\S+ \S+ \S+ \[[^]]*\] "\S+ (\S+)[^"]*" (\d{3}) (\d+|-)\s*$~';
        if (!preg_match($line, $job->workload(), $match)) {
            $job->sendFail();
            return;
        }
        [, $path, $status, $size] = $match;
        $this->counts['statuses'][$status] = ($this->counts['statuses'][$status] ?? 0) + 1;
        $this->counts['paths'][$path] = ($this->counts['paths'][$path] ?? 0) + 1;
        $this->counts['bytes'] += (int) $size;
    }

    public function show(): string
    {
        return json_encode($this->counts);
    }
}

// Pipes the log into the tool, and returns the number of lines.
function pipe_log(string $tool): int
{
    [$host, $port] = explode(':', server());
    $process = proc_open([$tool, '-h', $host, '-p', $port, '-n', '-f', 'logger'], [['pipe', 'r']], $pipes);
    $lines = 0;
    foreach (REQUESTS as [$path, $number, $status, $size]) {
        for ($n = 0; $n < $number; $n++, $lines++) {
            $stamp = date('d/M/Y:H:i:s O');
            fwrite($pipes[0], "127.0.0.1 - - [$stamp] \"GET $path HTTP/1.1\" $status " . ($size ?: '-') . "\n");
        }
    }
    fclose($pipes[0]);
    // The tool ends when the worker has done every line.
    $code = proc_close($process);
    return $code === 0 ? $lines : fail("$tool ended with code $code");
}

$summary = new Summary();
start_workers(1, ['logger' => $summary->logger(...), 'log_summary' => fn($job) => $summary->show()]);
$tool = getenv('GEARMAN') ?: 'gearman';
echo pipe_log($tool), ' lines went through ', basename($tool), " -n -f logger\n";
$counts = json_decode(result_of(client(), 'log_summary', '-'), true);
arsort($counts['paths']);
foreach ($counts['paths'] as $path => $number) {
    printf("%6d  %s\n", $number, $path);
}
ksort($counts['statuses']);
$statuses = array_map(fn($status, $number) => "$number x $status", array_keys($counts['statuses']), $counts['statuses']);
echo array_sum($counts['paths']), ' requests: ', implode(', ', $statuses), "; {$counts['bytes']} bytes\n";
