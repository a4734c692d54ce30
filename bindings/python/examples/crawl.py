"""A crawl pipeline: three functions that feed each other in the background.

    python3 crawl.py [-h HOST] [-p PORT] [--database FILE] [--workers N] [ADDRESS]

    fetch   gets a page and gives it to parse
    parse   gives every new link to fetch, and the page to store
    store   writes the page into SQLite

Without ADDRESS the program crawls a small site that it serves itself. Links to other hosts
are not followed.

A job's unique id is made from its address: while a page waits or is fetched, other links to
it add no job. What was found before is not submitted again. Each function can be repeated, so a
worker that dies loses no page: the job server gives its job to another one.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import sqlite3
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Iterator

import demo
from libgearman import Client, Job

#: The site that is served without an address: path, title and links of each page.
SITE: dict[str, tuple[str, list[str]]] = {
    "/": ("Front page", ["/news", "/about", "/archive", "/"]),
    "/news": ("News", ["/", "/news/1", "/news/2", "/news/3"]),
    "/news/1": ("A server was started", ["/news", "/news/2"]),
    "/news/2": ("A worker was added", ["/news/1", "/news/3", "/about"]),
    "/news/3": ("A job was done", ["/news/2", "/picture"]),
    "/about": ("About this site", ["/", "http://elsewhere.invalid/"]),
    "/archive": ("Archive", ["/news/1", "/news/2", "/news/3", "/archive#top"]),
}


class Pages:
    """The results. Several processes may use the file at once."""

    def __init__(self, file: str) -> None:
        self.connection = sqlite3.connect(file, timeout=demo.DEADLINE_SECONDS)
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS page (address TEXT PRIMARY KEY, status INTEGER,"
            " title TEXT, bytes INTEGER, links INTEGER)"
        )

    def state(self, address: str) -> str:
        """`unknown`, `expected` or `stored`."""
        query = "SELECT status FROM page WHERE address = ?"
        row = self.connection.execute(query, (address,)).fetchone()
        return "unknown" if row is None else "expected" if row[0] is None else "stored"

    def expect(self, address: str) -> None:
        """Notes that an address was found and submitted."""
        with self.connection:
            self.connection.execute("INSERT OR IGNORE INTO page (address) VALUES (?)", (address,))

    def store(self, page: dict[str, Any]) -> None:
        with self.connection:
            self.connection.execute(
                "REPLACE INTO page VALUES (:address, :status, :title, :bytes, :links)", page
            )

    def is_complete(self) -> bool:
        query = "SELECT COUNT(*) FROM page WHERE status IS NULL"
        return bool(self.connection.execute(query).fetchone()[0] == 0)

    def all(self) -> list[tuple[str, int, str, int, int]]:
        return self.connection.execute("SELECT * FROM page ORDER BY address").fetchall()

    def close(self) -> None:
        self.connection.close()


class LinksAndTitle(HTMLParser):
    """The title of a page and the targets of its links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.title = ""
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_title = tag == "title"
        if tag == "a":
            self.links.extend(value for name, value in attrs if name == "href" and value)

    def handle_endtag(self, tag: str) -> None:
        self.in_title = False

    def handle_data(self, data: str) -> None:
        self.title += data if self.in_title else ""


def links_of(address: str, found: list[str]) -> list[str]:
    """Absolute addresses at the same host, each once, without the part behind #."""
    host = urllib.parse.urlsplit(address).netloc
    absolute = (urllib.parse.urldefrag(urllib.parse.urljoin(address, one)).url for one in found)
    return sorted({one for one in absolute if urllib.parse.urlsplit(one).netloc == host})


def unique(address: str) -> str:
    """A unique id, which may be shorter than an address."""
    return hashlib.sha1(address.encode()).hexdigest()


class Pipeline:
    """The three functions."""

    def __init__(self, server: str, database: str) -> None:
        self.server = server
        self.database = database

    def submit(self, function: str, address: str, **more: Any) -> None:
        """Submits a background job of the pipeline."""
        workload = json.dumps({"address": address, **more}).encode()
        with Client(self.server, timeout=demo.DEADLINE_SECONDS) as client:
            client.do_background(function, workload, unique=unique(address))

    def fetch(self, job: Job) -> None:
        address = json.loads(job.workload)["address"]
        with contextlib.closing(Pages(self.database)) as pages:
            if pages.state(address) == "stored":
                return
        try:
            with urllib.request.urlopen(address, timeout=demo.DEADLINE_SECONDS) as response:
                status, body = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, b""
        self.submit("parse", address, status=status, body=body.decode(errors="replace"))

    def parse(self, job: Job) -> None:
        page = json.loads(job.workload)
        address = page["address"]
        parser = LinksAndTitle()
        parser.feed(page["body"])
        links = links_of(address, parser.links)
        with contextlib.closing(Pages(self.database)) as pages:
            for link in links:
                if pages.state(link) == "unknown":
                    # Noted when it is submitted: a job that is repeated leaves no link out.
                    self.submit("fetch", link)
                    pages.expect(link)
        size = len(page["body"].encode())
        self.submit(
            "store", address, status=page["status"], title=parser.title, bytes=size, links=len(links)
        )

    def store(self, job: Job) -> None:
        with contextlib.closing(Pages(self.database)) as pages:
            pages.store(json.loads(job.workload))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with a page of SITE."""

    def do_GET(self) -> None:
        title, links = SITE.get(self.path, ("", []))
        if not title:
            self.send_error(404)
            return
        items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
        page = f"<title>{title}</title><ul>{items}</ul>\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        """What the site's log would say is not printed."""


@contextlib.contextmanager
def own_site() -> Iterator[str]:
    """Serves SITE on a free port of the loopback address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/"
        site.shutdown()


def crawl(pipeline: Pipeline, start: str) -> None:
    with contextlib.closing(Pages(pipeline.database)) as pages:
        pages.expect(start)
        pipeline.submit("fetch", start)
        demo.until(pages.is_complete, "storing every page")
        found = pages.all()
    for address, status, title, size, links in found:
        path = urllib.parse.urlsplit(address).path
        print(f"{path:<10} {status} {size:>4} bytes {links:>2} links  {title}".rstrip())
    missing = sum(1 for page in found if page[1] != 200)
    print(f"{len(found)} pages stored, {missing} of them missing at the site")


def main() -> None:
    parser = demo.options(__doc__)
    parser.add_argument("--database", help="file of the results [a temporary one]")
    parser.add_argument("--workers", type=int, default=3, help="worker processes [3]")
    parser.add_argument("address", nargs="?", help="first page [of a site of its own]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        database = arguments.database or str(Path(directory) / "pages.db")
        Pages(database).close()
        pipeline = Pipeline(demo.address(arguments), database)
        functions = {"fetch": pipeline.fetch, "parse": pipeline.parse, "store": pipeline.store}
        # The workers are forked before there is a thread.
        with demo.workers(pipeline.server, functions, arguments.workers):
            if arguments.address:
                crawl(pipeline, arguments.address)
            else:
                with own_site() as start:
                    crawl(pipeline, start)


if __name__ == "__main__":
    main()
