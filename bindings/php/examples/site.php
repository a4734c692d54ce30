<?php
// The pages that crawl.php crawls, as a script of PHP's own web server.

const SITE = [
    '/' => ['Front page', ['/news', '/about', '/archive', '/']],
    '/news' => ['News', ['/', '/news/1', '/news/2', '/news/3']],
    '/news/1' => ['A server was started', ['/news', '/news/2']],
    '/news/2' => ['A worker was added', ['/news/1', '/news/3', '/about']],
    '/news/3' => ['A job was done', ['/news/2', '/picture']],
    '/about' => ['About this site', ['/', 'http://elsewhere.invalid/']],
    '/archive' => ['Archive', ['/news/1', '/news/2', '/news/3', '/archive#top']],
];

[$title, $links] = SITE[$_SERVER['REQUEST_URI']] ?? ['', []];
if ($title === '') {
    http_response_code(404);
    exit;
}
$items = array_map(fn($link) => "<li><a href=\"$link\">$link</a></li>", $links);
echo "<title>$title</title><ul>", implode('', $items), "</ul>\n";
