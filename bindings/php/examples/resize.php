<?php
// Image resize with progress: a worker makes thumbnails of a picture in several sizes, sends
// each as soon as it is made, and says how far it is.
//
//   php resize.php [-h HOST] [-p PORT]
//
// Needs PHP's extension gd. The picture is one that the program draws.

require __DIR__ . '/demo.php';

const WIDTHS = [320, 160, 80, 40];

// The worker's function: the workload is a picture, each piece of the result a PNG.
function resize(GearmanJob $job): void
{
    $picture = @imagecreatefromstring($job->workload());
    if ($picture === false) {
        $job->sendFail();
        return;
    }
    [$width, $height] = [imagesx($picture), imagesy($picture)];
    foreach (WIDTHS as $done => $new_width) {
        $new_height = max(1, intdiv($height * $new_width, $width));
        $small = imagecreatetruecolor($new_width, $new_height);
        imagecopyresampled($small, $picture, 0, 0, 0, 0, $new_width, $new_height, $width, $height);
        ob_start();
        imagepng($small);
        $job->sendData(ob_get_clean());
        $job->sendStatus($done + 1, count(WIDTHS));
    }
}

// A picture of 640x480: a disc before a gradient.
function sample(): string
{
    $picture = imagecreatetruecolor(640, 480);
    for ($x = 0; $x < 640; $x++) {
        imageline($picture, $x, 0, $x, 479, imagecolorallocate($picture, intdiv($x * 255, 639), 64, 128));
    }
    imagefilledellipse($picture, 320, 240, 300, 300, imagecolorallocate($picture, 255, 255, 0));
    ob_start();
    imagejpeg($picture);
    return ob_get_clean();
}

if (!extension_loaded('gd')) {
    fail("PHP's extension gd is missing");
}
start_workers(1, ['resize' => resize(...)]);
$client = client();
$client->setDataCallback(function (GearmanTask $task) {
    [$width, $height, $type] = getimagesizefromstring($task->data());
    $small = imagecreatefromstring($task->data());
    $middle = imagecolorsforindex($small, imagecolorat($small, intdiv($width, 2), intdiv($height, 2)));
    $is_yellow = $middle['red'] > 200 && $middle['green'] > 200 && $middle['blue'] < 100;
    echo image_type_to_mime_type($type), " of {$width}x$height, yellow in the middle: ", $is_yellow ? 'yes' : 'no', "\n";
});
$client->setStatusCallback(function (GearmanTask $task) {
    echo intdiv($task->taskNumerator() * 100, $task->taskDenominator()), "%\n";
});
$client->setCompleteCallback(function (GearmanTask $task) {
    echo "complete\n";
});
$client->setFailCallback(function (GearmanTask $task) {
    fail('the worker cannot read the picture');
});
$client->addTask('resize', sample());
run_tasks($client);
