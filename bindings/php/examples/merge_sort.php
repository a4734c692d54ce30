<?php
// Map and reduce: sorts numbers on many workers by merge sort.
//
//   php merge_sort.php [-h HOST] [-p PORT]
//
// The map step sorts pieces, all at the same time. The reduce step merges neighbours, round
// after round, until one piece is left. Numbers travel as text with blanks.

require __DIR__ . '/demo.php';

const NUMBERS = 20000;
const PIECES = 6;

// The worker's function of the map step.
function sort_piece(GearmanJob $job): string
{
    $numbers = array_map('intval', explode(' ', $job->workload()));
    sort($numbers);
    return implode(' ', $numbers);
}

// The worker's function of the reduce step: the workload is two sorted pieces, a line each.
function merge(GearmanJob $job): string
{
    [$one, $other] = array_map(fn($piece) => explode(' ', $piece), explode("\n", $job->workload()));
    $merged = [];
    for ($x = $y = 0; $x < count($one) && $y < count($other);) {
        $merged[] = (int) $one[$x] <= (int) $other[$y] ? $one[$x++] : $other[$y++];
    }
    return implode(' ', [...$merged, ...array_slice($one, $x), ...array_slice($other, $y)]);
}

// Runs a job for each workload at the same time. The results are in the order of the
// workloads, whatever order they arrive in.
function run(string $function, array $workloads): array
{
    $results = [];
    $client = client();
    $client->setCompleteCallback(function (GearmanTask $task) use (&$results) {
        $results[(int) $task->unique()] = $task->data();
    });
    foreach ($workloads as $number => $workload) {
        $client->addTask($function, $workload, null, (string) $number);
    }
    run_tasks($client);
    ksort($results);
    return array_values($results);
}

mt_srand(1);
$numbers = [];
while (count($numbers) < NUMBERS) {
    $numbers[] = mt_rand(0, 999999);
}
start_workers(3, ['sort' => sort_piece(...), 'merge' => merge(...)]);
$chunks = array_chunk($numbers, (int) ceil(NUMBERS / PIECES));
$pieces = run('sort', array_map(fn($chunk) => implode(' ', $chunk), $chunks));
echo 'map: ', count($pieces), " pieces sorted\n";
while (count($pieces) > 1) {
    $pairs = array_chunk($pieces, 2);
    // A piece without a neighbour waits for the next round.
    $rest = count(end($pairs)) === 1 ? array_pop($pairs) : [];
    $merged = run('merge', array_map(fn($pair) => implode("\n", $pair), $pairs));
    echo 'reduce: ', count($pieces), ' pieces merged to ', count($merged) + count($rest), "\n";
    $pieces = [...$merged, ...$rest];
}
$sorted = array_map('intval', explode(' ', $pieces[0]));
sort($numbers);
if ($sorted !== $numbers) {
    fail('the result is not the sorted numbers');
}
echo count($sorted), " numbers from $sorted[0] to ", end($sorted), " are in order\n";
