<?php
// A crawl pipeline: three functions that feed each other in the background.
//
//   php crawl.php [-h HOST] [-p PORT]
//
//   fetch   gets a page and gives it to parse
//   parse   gives every new link to fetch, and the page to store
//   store   writes the page into SQLite
//
// The pages are those of site.php, served by PHP's own web server on a free port of
// the loopback address. A job's unique id is made from its address: while a page waits or
// is fetched, other links to it add no job. Each function can be repeated, so a worker that dies
// loses no page: the job server gives its job to another one.

require __DIR__ . '/demo.php';

function open_pages(string $file): PDO
{
    $pages = new PDO("sqlite:$file", null, null, [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    $pages->exec('PRAGMA busy_timeout = 60000');
    $pages->exec('CREATE TABLE IF NOT EXISTS page (address TEXT PRIMARY KEY, status INTEGER,'
        . ' title TEXT, bytes INTEGER, links INTEGER)');
    return $pages;
}

function query(PDO $pages, string $sql, array $values = []): array
{
    $statement = $pages->prepare($sql);
    $statement->execute($values);
    return $statement->fetchAll(PDO::FETCH_ASSOC);
}

function submit(string $function, array $page): void
{
    $client = client();
    @$client->doBackground($function, json_encode($page), sha1($page['address']));
    if ($client->returnCode() !== GEARMAN_SUCCESS) {
        throw new RuntimeException($client->error());
    }
}

function fetch(GearmanJob $job): void
{
    ['address' => $address] = json_decode($job->workload(), true);
    $context = stream_context_create(['http' => ['ignore_errors' => true]]);
    $body = file_get_contents($address, false, $context);
    $status = (int) explode(' ', $http_response_header[0])[1];
    submit('parse', ['address' => $address, 'status' => $status, 'body' => $status === 200 ? $body : '']);
}

function parse(GearmanJob $job, PDO $pages): void
{
    $page = json_decode($job->workload(), true);
    $document = new Page($page['body']);
    $root = preg_replace('~^(http://[^/]+).*~', '$1', $page['address']);
    $links = array_map(fn($path) => $root . $path, $document->paths());
    foreach ($links as $link) {
        if (query($pages, 'SELECT 1 FROM page WHERE address = ?', [$link]) === []) {
            // Noted when it is submitted: a job that is repeated leaves no link out.
            submit('fetch', ['address' => $link]);
            query($pages, 'INSERT OR IGNORE INTO page (address) VALUES (?)', [$link]);
        }
    }
    submit('store', [
        'address' => $page['address'], 'status' => $page['status'],
        'title' => $document->title(), 'bytes' => strlen($page['body']), 'links' => count($links),
    ]);
}

// The title and the links of a page.
class Page
{
    public function __construct(private string $html)
    {
    }

    public function title(): string
    {
        return preg_match('~<title>(.*?)</title>~', $this->html, $match) ? $match[1] : '';
    }

    // Targets at the same host, each once, without the part behind #.
    public function paths(): array
    {
        preg_match_all('~<a href="(/[^"#]*)~', $this->html, $matches);
        $paths = array_unique($matches[1]);
        sort($paths);
        return $paths;
    }
}

// Serves the pages on a free port, and returns the address of the first.
function serve_site(): string
{
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $address = stream_socket_get_name($socket, false);
    fclose($socket);
    $quiet = ['file', '/dev/null', 'w'];
    $server = proc_open([PHP_BINARY, '-S', $address, __DIR__ . '/site.php'], [1 => $quiet, 2 => $quiet], $pipes);
    register_shutdown_function(function () use ($server) {
        proc_terminate($server);
        proc_close($server);
    });
    until('the web server listens', function () use ($address) {
        $connection = @stream_socket_client("tcp://$address");
        return $connection !== false && fclose($connection);
    });
    return "http://$address/";
}

$file = temporary_directory() . '/pages.db';
open_pages($file);
$open = function () use ($file) {
    static $pages = null;
    return $pages ??= open_pages($file);
};
start_workers(3, [
    'fetch' => fetch(...),
    'parse' => fn($job) => parse($job, $open()),
    'store' => fn($job) => query(
        $open(),
        'REPLACE INTO page VALUES (:address, :status, :title, :bytes, :links)',
        json_decode($job->workload(), true)
    ),
]);
$start = serve_site();
query($open(), 'INSERT INTO page (address) VALUES (?)', [$start]);
submit('fetch', ['address' => $start]);
until('every page is stored', fn() => query($open(), 'SELECT 1 FROM page WHERE status IS NULL') === []);
$found = query($open(), 'SELECT * FROM page ORDER BY address');
foreach ($found as $page) {
    $path = parse_url($page['address'], PHP_URL_PATH);
    echo rtrim(sprintf('%-10s %d %4d bytes %2d links  %s', $path, $page['status'], $page['bytes'], $page['links'], $page['title'])), "\n";
}
$missing = count(array_filter($found, fn($page) => $page['status'] !== 200));
echo count($found), " pages stored, $missing of them missing at the site\n";
