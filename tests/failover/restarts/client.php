<?php
// Submits jobs to two servers until its standard input ends, in the background and waiting for
// results in turn. Prints a line per call: "acked" or the code, the number of the job, and the
// milliseconds of the call. Arguments: two ports.

$client = new GearmanClient();
// Longer than a commit takes on a busy disk: no server is silent here.
$client->setTimeout(20000);
try {
    $client->addServers("127.0.0.1:$argv[1],127.0.0.1:$argv[2]");
} catch (GearmanException $exception) {
    fwrite(STDERR, $exception->getMessage() . "\n");
    exit(1);
}
stream_set_blocking(STDIN, false);
for ($number = 0; !feof(STDIN); $number++) {
    fread(STDIN, 1);
    $began = hrtime(true);
    $job = ($number % 2 ? 'awaited' : 'background') . "-$number";
    if ($number % 2) {
        @$client->doNormal('record', $job);
    } else {
        @$client->doBackground('record', $job);
    }
    $code = $client->returnCode();
    $outcome = $code == GEARMAN_SUCCESS ? 'acked' : "code-$code";
    printf("%s %s %.1f\n", $outcome, $job, (hrtime(true) - $began) / 1e6);
}
