"""The catalog as a process, on a real Valkey, a real primary and a real replica."""

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import redis
from sqlalchemy.engine import make_url

from reference_services.catalog.migrate import migrate
from reference_services.runtime.timing import parse_server_timing
from tests.databases import Databases, running_postgres
from tests.reference_services.conftest import TITLES
from tests.servers import ROOT, free_port, running_service, running_valkey, wait_until
from worlds.processes.binaries import postgres_program

pytestmark = pytest.mark.servers

Json = Mapping[str, Any]


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Client:
    """Asks one catalog."""

    port: int

    def ask(
        self, method: str, path: str, body: Json | None = None, headers: Json | None = None
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            content = answer.read()
            received = {name.lower(): value for name, value in answer.getheaders()}
            is_json = received.get("content-type") == "application/json"
            return Answer(answer.status, json.loads(content) if is_json else content, received)
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """Read."""
        return self.ask("GET", path)

    def metric(self, name: str) -> float:
        """Return a metric's value; 0 if nothing was counted yet."""
        page = self.get("/metrics").body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
        return float(found[1]) if found else 0.0


@contextmanager
def running_catalog(
    valkey: str, databases: Databases, **settings: str
) -> Iterator[tuple[Client, "subprocess.Popen[bytes]"]]:
    """Run one catalog of its own on these parts."""
    port = free_port()
    environment = {
        "CATALOG_PORT": str(port),
        "CATALOG_CACHE_URL": valkey,
        "CATALOG_DATABASE_PRIMARY_URL": databases.primary_url,
        "CATALOG_DATABASE_REPLICA_URLS": json.dumps(databases.replica_urls),
        "CATALOG_DATABASE_PASSWORD_FILE": str(databases.password_file),
        **settings,
    }
    with running_service("reference_services.catalog", environment, port) as process:
        yield Client(port), process


@pytest.fixture(scope="module")
def catalog(valkey: str, databases: Databases) -> Iterator[Client]:
    with running_catalog(valkey, databases) as (client, _):
        yield client


def sql(databases: Databases, url: str, statement: str) -> str:
    """Return what a server answers to ``statement``."""
    parts = make_url(url)
    environment = {**os.environ, "PGPASSWORD": databases.password_file.read_text()}
    command = [str(postgres_program("psql")), "-XAtq", "-h", str(parts.host), "-p", str(parts.port)]
    command += ["-U", str(parts.username), "-d", str(parts.database), "-c", statement]
    run = subprocess.run(  # noqa: S603  # our own wheel's binary
        command, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


@contextmanager
def paused_replay(databases: Databases) -> Iterator[None]:
    """Keep the replica from seeing what is committed, surely."""
    [replica] = databases.replica_urls
    sql(databases, replica, "SELECT pg_wal_replay_pause()")
    state = "SELECT pg_get_wal_replay_pause_state()"
    try:
        wait_until(lambda: sql(databases, replica, state) == "paused")
        yield
    finally:
        sql(databases, replica, "SELECT pg_wal_replay_resume()")


@pytest.fixture
def replica_reader(catalog: Client, valkey: str) -> Client:
    """Give the catalog once it trusts its replica; one that has just started does not."""
    from_replica = 'database_reads_total{server="replica-0"}'
    before = catalog.metric(from_replica)

    def reads_replica() -> bool:
        with redis.Redis.from_url(valkey) as client:
            client.delete("cache:{titles:1}")
        return catalog.get("/titles/1").status == 200 and catalog.metric(from_replica) > before

    wait_until(reads_replica)
    return catalog


@pytest.mark.requirement("stream-1.1")
@pytest.mark.requirement("stream-1.4")
def test_a_title_comes_with_its_version_and_from_the_cache_the_second_time(
    catalog: Client,
) -> None:
    first, second = catalog.get("/titles/3"), catalog.get("/titles/3")
    assert first.status == 200
    assert first.body["name"] == "Title 3"
    assert first.headers["etag"] == f'"{first.body["version"]}"'
    assert second.body == first.body
    assert set(parse_server_timing(first.headers["server-timing"])) == {
        "catalog",
        "cache",
        "database",
    }
    assert set(parse_server_timing(second.headers["server-timing"])) == {"catalog", "cache"}


def test_whoever_has_the_version_is_not_sent_it_again(catalog: Client) -> None:
    tag = catalog.get("/titles/4").headers["etag"]
    again = catalog.ask("GET", "/titles/4", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert catalog.ask("GET", "/titles/4", headers={"If-None-Match": '"0"'}).status == 200


@pytest.mark.requirement("learning-6.4")
def test_a_write_is_seen_by_every_read_after_it_though_the_replica_has_not_seen_it(
    replica_reader: Client, databases: Databases
) -> None:
    catalog = replica_reader
    before = catalog.get("/titles/5").body["version"]
    with paused_replay(databases):
        for turn in range(1, 6):
            name = f"Renamed {turn} times"
            written = catalog.ask("PUT", "/titles/5", {"name": name, "synopsis": ""})
            assert written.body["version"] == before + turn
            reads = [catalog.get("/titles/5").body for _ in range(3)]
            assert reads == [written.body] * 3
        [replica] = databases.replica_urls
        shown = sql(databases, replica, "SELECT version FROM titles WHERE id = 5")
        assert int(shown) == before, "otherwise this shows nothing"
    assert catalog.get("/titles/5").body["name"] == "Renamed 5 times"


@pytest.mark.requirement("learning-6.1")
def test_a_flashcard_that_is_written_is_seen_alone_and_among_those_of_its_title(
    replica_reader: Client, databases: Databases
) -> None:
    catalog = replica_reader
    before = catalog.get("/titles/6/flashcards")
    card = before.body["items"][1]
    fields = {"title_id": 6, "question": "Who?", "answer": "Ada"}
    with paused_replay(databases):
        assert catalog.ask("PUT", f"/flashcards/{card['id']}", fields).status == 200
        one = catalog.get(f"/flashcards/{card['id']}").body
        among = catalog.get("/titles/6/flashcards")
    assert one == {"id": card["id"], **fields, "version": card["version"] + 1}
    assert among.body["items"][1] == one
    assert among.headers["etag"] != before.headers["etag"]


def test_fifty_readers_of_a_cold_title_ask_the_database_once(catalog: Client, valkey: str) -> None:
    with redis.Redis.from_url(valkey) as client:
        client.delete("cache:{titles:7}")
    loads = 'cache_loads_total{reason="lease"}'
    before = catalog.metric(loads)
    with ThreadPoolExecutor(50) as readers:
        answers = list(readers.map(catalog.get, ["/titles/7"] * 50))
    assert [answer.status for answer in answers] == [200] * 50
    assert catalog.metric(loads) - before == 1


@pytest.mark.requirement("learning-12.4")
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_hold_every_title_once_in_order(catalog: Client, limit: int) -> None:
    ids: list[int] = []
    after: int | None = 0
    while after is not None:
        page = catalog.get(f"/titles?limit={limit}&after={after}").body
        assert len(page["items"]) <= limit
        ids += [item["id"] for item in page["items"]]
        after = page["next_after"]
    assert ids[:TITLES] == list(range(1, TITLES + 1))
    assert ids == sorted(set(ids))


def test_flashcards_of_one_title_are_paged_too(catalog: Client) -> None:
    first = catalog.get("/flashcards?title_id=9&limit=2").body
    assert [item["title_id"] for item in first["items"]] == [9, 9]
    rest = catalog.get(f"/flashcards?title_id=9&limit=2&after={first['next_after']}").body
    assert len(rest["items"]) == 1
    assert rest["next_after"] is None
    assert catalog.get("/titles/9/flashcards").body["items"] == first["items"] + rest["items"]


TITLE = {"name": "A name", "synopsis": ""}
WRONG: dict[str, tuple[str, str, Json | None, int]] = {
    "no such title": ("GET", "/titles/999999", None, 404),
    "no such title to replace": ("PUT", "/titles/999999", TITLE, 404),
    "flashcards of no title": ("GET", "/titles/999999/flashcards", None, 404),
    "a quiz for no title": ("POST", "/quizzes", {"title_id": 999_999, "questions": [{}]}, 404),
    "no such path": ("GET", "/films/1", None, 404),
    "not a number": ("GET", "/titles/seven", None, 422),
    "below the first id": ("GET", "/titles/0", None, 422),
    "larger than any id": ("GET", "/titles/9223372036854775808", None, 422),
    "a page of none": ("GET", "/titles?limit=0", None, 422),
    "too large a page": ("GET", "/titles?limit=101", None, 422),
    "after what cannot be": ("GET", "/titles?after=-1", None, 422),
    "no name": ("POST", "/titles", {"synopsis": ""}, 422),
    "an empty name": ("POST", "/titles", {"name": "", "synopsis": ""}, 422),
    "a character that no column holds": ("POST", "/titles", {**TITLE, "name": "a\0"}, 422),
    "a field that there is not": ("POST", "/titles", {**TITLE, "version": 9}, 422),
    "titles of a title": ("GET", "/titles?title_id=1", None, 400),
    "a flashcard of another title": (
        "PUT",
        "/flashcards/1",
        {"title_id": 2, "question": "", "answer": ""},
        409,
    ),
    "a method that there is not": ("DELETE", "/titles/1", None, 405),
}


@pytest.mark.parametrize(("method", "path", "body", "status"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused_with_its_status(
    catalog: Client, method: str, path: str, body: Json | None, status: int
) -> None:
    answer = catalog.ask(method, path, body)
    assert answer.status == status
    assert set(answer.body["error"]) >= {"code", "message", "request_id"}


def test_a_title_is_there_once_it_was_made_also_for_those_who_asked_before(
    catalog: Client,
) -> None:
    made = catalog.ask("POST", "/titles", TITLE)
    assert made.status == 201
    following = made.body["id"] + 1
    assert catalog.get(f"/titles/{following}").status == 404
    assert catalog.get(f"/titles/{following}/quizzes").status == 404
    made = catalog.ask("POST", "/titles", {"name": "Größe, größer", "synopsis": "∞"})
    assert made.headers["location"] == f"/titles/{following}"
    assert catalog.get(f"/titles/{following}").body == made.body
    assert catalog.get(f"/titles/{following}/quizzes").body == {"items": [], "next_after": None}
    quiz = {"title_id": following, "questions": [{"question": "Why?", "choices": [1, None]}]}
    assert catalog.ask("POST", "/quizzes", quiz).status == 201
    [found] = catalog.get(f"/titles/{following}/quizzes").body["items"]
    assert found["questions"] == quiz["questions"]


def test_who_replaces_what_has_changed_since_is_told_so(catalog: Client) -> None:
    tag = catalog.get("/titles/11").headers["etag"]
    replaced = [catalog.ask("PUT", "/titles/11", TITLE, {"If-Match": tag}).status for _ in range(2)]
    assert replaced == [200, 412]
    assert [catalog.get("/titles/11").body["name"] for _ in range(2)] == [TITLE["name"]] * 2
    parts = parse_server_timing(catalog.get("/titles/11").headers["server-timing"])
    assert "database" not in parts, "a write that was not done is not waited for"
    assert catalog.ask("PUT", "/titles/11", TITLE, {"If-Match": "W/x"}).status == 400


@pytest.mark.requirement("stream-10.1")
def test_without_the_cache_titles_are_read_and_written(databases: Databases) -> None:
    with (
        running_valkey() as url,
        redis.Redis.from_url(url) as cache,
        running_catalog(url, databases) as (catalog, _),
    ):
        assert catalog.get("/titles/12").status == 200
        cache.shutdown(nosave=True)
        assert [catalog.get("/titles/12").status for _ in range(5)] == [200] * 5
        written = catalog.ask("PUT", "/titles/12", {"name": "Without", "synopsis": ""})
        assert written.status == 200
        assert catalog.get("/readyz").status == 200
        assert catalog.metric('cache_reads_total{answer="away"}') == 5
        assert catalog.metric('cache_writes_missed_total{command="invalidate"}') == 1


def test_told_to_stop_it_ends_well(valkey: str, databases: Databases) -> None:
    with running_catalog(valkey, databases) as (catalog, process):
        assert catalog.get("/titles/13").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_every_setting_that_is_missing_or_wrong_is_named_at_once() -> None:
    environment = {
        "CATALOG_POOL_SIZE": "101",
        "CATALOG_DATABASE_PRIMARY_URL": "postgresql+asyncpg://user:secret@127.0.0.1/database",
    }
    run = subprocess.run(
        [sys.executable, "-m", "reference_services.catalog"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    named = {line.split(" ")[0].rstrip(":") for line in run.stderr.splitlines()}
    assert named == {
        "CATALOG_PORT",
        "CATALOG_CACHE_URL",
        "CATALOG_DATABASE_PRIMARY_URL",
        "CATALOG_DATABASE_PASSWORD_FILE",
        "CATALOG_POOL_SIZE",
    }
    assert "secret" not in run.stderr


def test_a_catalog_may_be_seeded_again_and_by_several_at_once() -> None:
    with running_postgres() as databases:
        environment = {
            **os.environ,
            "CATALOG_DATABASE_PRIMARY_URL": databases.primary_url,
            "CATALOG_DATABASE_PASSWORD_FILE": str(databases.password_file),
        }
        command = [sys.executable, "-m", "reference_services.catalog.migrate", "--titles"]

        def seed(titles: int) -> int:
            return subprocess.run(  # noqa: S603  # our own module
                [*command, str(titles)], cwd=ROOT, env=environment, check=False
            ).returncode

        def ask(statement: str) -> str:
            return sql(databases, databases.primary_url, statement)

        async def seed_at_once() -> None:
            url, password = databases.primary_url, databases.password_file.read_text
            await asyncio.gather(*(migrate(url, password, titles=20) for _ in range(5)))

        asyncio.run(seed_at_once())
        ask("UPDATE titles SET name = 'Kept' WHERE id = 1")
        assert seed(30) == 0
        counts = "SELECT (SELECT count(*) FROM titles), (SELECT count(*) FROM flashcards)"
        assert ask(counts) == "30|90"
        assert ask("SELECT name FROM titles WHERE id = 1") == "Kept"
        assert ask("INSERT INTO titles (name, synopsis) VALUES ('', '') RETURNING id") == "31"
