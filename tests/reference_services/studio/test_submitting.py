"""Orders at the studio's door: accepted once, refused with a reason, never half."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from reference_services.runtime.clock import NS_PER_MS, NS_PER_S, block_ns, monotonic_ns
from tests.reference_services.studio.studio_processes import TITLE, Platform
from tests.servers import free_port, running_valkey

pytestmark = pytest.mark.servers

OTHER = {**TITLE, "parameters": {"text": "Another"}}


def test_an_order_is_accepted_with_an_id_before_anything_is_rendered(platform: Platform) -> None:
    answer = platform.submit()
    assert answer.status_code == 202
    job_id = answer.json()["id"]
    assert answer.json() == {"id": job_id, "state": "queued"}
    assert answer.headers["Location"] == f"jobs/{job_id}"
    job = platform.job(job_id)
    assert job.pop("submitted_at_unix_ns") > 0
    assert job == {
        "id": job_id,
        "state": "queued",
        "progress": 0,
        "attempts": 0,
        "finished_at_unix_ns": None,
        "result": None,
        "error": None,
    }


def test_the_time_at_the_queue_is_told_apart_from_the_studios_own(platform: Platform) -> None:
    timing = platform.submit().headers["Server-Timing"]
    assert [part.split(";")[0] for part in timing.split(", ")] == ["studio", "queue"]


@pytest.mark.requirement("learning-7.2")
def test_twenty_submits_at_once_under_one_key_become_one_job(platform: Platform) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda _: platform.submit(Idempotency_Key="k", X_User="ada"), range(20))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert httpx.get(f"{platform.studio}/queue").json()["waiting"] == 1


def test_the_same_key_with_another_order_is_a_conflict_and_queues_nothing(
    platform: Platform,
) -> None:
    first = platform.submit(TITLE, Idempotency_Key="k")
    refused = platform.submit(OTHER, Idempotency_Key="k")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert platform.submit(TITLE, Idempotency_Key="k").content == first.content
    assert httpx.get(f"{platform.studio}/queue").json()["waiting"] == 1


def test_an_order_that_only_looks_different_is_the_same_order(platform: Platform) -> None:
    first = platform.submit(TITLE, Idempotency_Key="k")
    spelled_out = {"priority": 0, **TITLE, "parameters": {"text": "  Hello "}}
    assert platform.submit(spelled_out, Idempotency_Key="k").content == first.content


def test_the_keys_of_two_users_are_strangers(platform: Platform) -> None:
    ada = platform.submit(TITLE, Idempotency_Key="k", X_User="ada")
    bob = platform.submit(OTHER, Idempotency_Key="k", X_User="bob")
    assert (ada.status_code, bob.status_code) == (202, 202)
    assert ada.json()["id"] != bob.json()["id"]
    # No spelling of user and key may be read as another pair.
    assert platform.submit(OTHER, Idempotency_Key="b:k", X_User="a").status_code == 202
    assert platform.submit(TITLE, Idempotency_Key="k", X_User="a:b").status_code == 202


def test_a_job_is_nobody_elses_business(platform: Platform) -> None:
    job_id = platform.submit(X_User="ada").json()["id"]
    for path in ("", "/events", "/result"):
        address = f"{platform.studio}/jobs/{job_id}{path}"
        assert httpx.get(address, headers={"X-User": "bob"}).status_code == 404
    own = httpx.get(f"{platform.studio}/jobs/{job_id}", headers={"X-User": "ada"})
    assert own.status_code == 200


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({**TITLE, "scene": "nonesuch"}, "there is no scene 'nonesuch'; there are title_card"),
        ({**TITLE, "parameters": {}}, "parameters.text: Field required"),
        ({**TITLE, "parameters": {"text": "a\x00b"}}, "parameters.text: String should match"),
        ({**TITLE, "priority": 101}, "priority: Input should be less than or equal to 100"),
        ({**TITLE, "quality": "huge"}, "quality: Input should be 'draft', 'standard' or 'high'"),
        ({**TITLE, "extra": 1}, "extra: Extra inputs are not permitted"),
        ({"scene": "title_card"}, "parameters: Field required"),
    ],
)
def test_an_order_that_cannot_be_rendered_is_refused_with_the_reason(
    shared_platform: Platform, order: dict[str, object], complaint: str
) -> None:
    refused = shared_platform.submit(order)
    assert refused.status_code == 422
    assert complaint in refused.json()["error"]["message"]


def test_an_unknown_job_is_not_found(shared_platform: Platform) -> None:
    for path in ("", "/events", "/result"):
        answer = httpx.get(f"{shared_platform.studio}/jobs/nobody{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_job"


def test_an_unfinished_job_has_no_result_yet(platform: Platform) -> None:
    job_id = platform.submit().json()["id"]
    answer = httpx.get(f"{platform.studio}/jobs/{job_id}/result")
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == f"job {job_id} is queued"


def test_the_depth_of_the_queue_is_a_metric(platform: Platform) -> None:
    platform.submit()
    platform.submit()
    deadline_ns = monotonic_ns() + 20 * NS_PER_S
    while 'queue_jobs{state="waiting"} 2.0' not in _metrics(platform):
        assert monotonic_ns() < deadline_ns
        block_ns(100 * NS_PER_MS)
    assert 'queue_jobs{state="failed"} 0.0' in _metrics(platform)


def _metrics(platform: Platform) -> str:
    return httpx.get(f"{platform.studio}/metrics").text


def test_without_the_queue_nothing_is_accepted_and_the_client_is_told_to_return(
    tmp_path: Path,
) -> None:
    port = free_port()
    platform = Platform(f"redis://127.0.0.1:{port}/0", tmp_path)
    with platform.running_studio():
        refused = platform.submit(Idempotency_Key="k")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["error"]["code"] == "queue_unavailable"
        assert httpx.get(f"{platform.studio}/readyz").status_code == 503
        assert httpx.get(f"{platform.studio}/healthz").status_code == 200
        with running_valkey(port=port):
            assert platform.submit(Idempotency_Key="k").status_code == 202
            assert httpx.get(f"{platform.studio}/readyz").status_code == 200


def test_a_studio_that_is_told_to_stop_ends_its_streams_and_exits_with_zero(
    valkey: str, tmp_path: Path
) -> None:
    platform = Platform(valkey, tmp_path)
    with platform.running_studio() as process:
        job_id = platform.submit().json()["id"]
        events = platform.events(job_id)
        assert next(events) == ("progress", {"id": job_id, "attempt": 0, "progress": 0})
        process.send_signal(signal.SIGTERM)
        assert list(events) == []
        assert process.wait(timeout=20) == 0
