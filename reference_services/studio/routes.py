"""The studio's routes: parse, ask the queue, answer."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response, WebSocket
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketDisconnect

from policies.idempotency import Replay, fingerprint_of
from reference_services.runtime.errors import Conflict, NotFound, ServiceError, error_answer
from reference_services.runtime.queue import (
    PRIORITY_MAX,
    Job,
    JobEvent,
    JobState,
    JobStatus,
    QueueUnavailable,
    UnknownJob,
)
from reference_services.runtime.render_jobs import JOB_NAME, Render
from reference_services.runtime.timing import current_timings
from reference_services.studio.following import message, result_url, server_sent, until
from reference_services.studio.parts import Studio

router = APIRouter(tags=["jobs"])

_PUBLIC = {
    JobState.WAITING: "queued",
    JobState.DELAYED: "queued",
    JobState.ACTIVE: "running",
    JobState.COMPLETED: "done",
    JobState.FAILED: "failed",
}


class NotDone(Conflict):
    """The job has no result: not yet, or never."""

    code = "not_done"


class Order(Render):
    """What a client asks for."""

    priority: int = Field(default=0, ge=0, le=PRIORITY_MAX)
    """Higher goes first."""

    def fingerprint(self) -> str:
        """Return a digest that is equal for orders that mean the same."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return fingerprint_of([canonical.encode()])


class Accepted(BaseModel):
    """The answer to an order; the same each time that it is repeated under one key."""

    id: str
    state: str = "queued"


class JobView(BaseModel):
    """How a job goes."""

    id: str
    state: str
    progress: int
    attempts: int
    submitted_at_unix_ns: int
    finished_at_unix_ns: int | None
    result: str | None
    """Relative to this job's own address."""

    error: str | None


def _studio(connection: HTTPConnection) -> Studio:
    studio = connection.app.state.studio
    assert isinstance(studio, Studio)
    return studio


StudioOf = Annotated[Studio, Depends(_studio)]
User = Annotated[str | None, Header(alias="X-User")]


@router.post(
    "/jobs",
    status_code=202,
    responses={
        409: {"description": "The key was used for another order."},
        503: {"description": "Nothing was accepted; come back later."},
    },
)
async def submit(
    order: Order,
    studio: StudioOf,
    response: Response,
    user: User = None,
    key: Annotated[
        str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255)
    ] = None,
) -> Accepted:
    """Accept an order; once this has answered, the job is kept until it is done or has failed."""
    with current_timings().part("queue"):
        job_id = await _submit_once(order, studio, user or "", key)
    response.headers["Location"] = f"jobs/{job_id}"
    return Accepted(id=job_id)


async def _submit_once(order: Order, studio: Studio, owner: str, key: str | None) -> str:
    """Submit the order, unless its key says that this was done; return the job's id."""
    job_id = studio.new_id()
    fingerprint = order.fingerprint()
    if key is not None:
        verdict = await studio.keys.claim(owner, key, fingerprint, job_id)
        if isinstance(verdict, Replay):
            return verdict.answer
        job_id = verdict.work_id
    payload = order.model_dump(mode="json", exclude={"priority"})
    await studio.queue.submit(Job(job_id, JOB_NAME, {**payload, "user": owner}, order.priority))
    if key is not None:
        await studio.keys.keep(owner, key, fingerprint, job_id)
    return job_id


@router.get("/jobs/{job_id}", responses={404: {"description": "No such job."}})
async def look(job_id: str, studio: StudioOf, user: User = None) -> JobView:
    """Say how a job goes."""
    status = await _status(studio, job_id, user)
    return JobView(
        id=status.id,
        state=_PUBLIC[status.state],
        progress=status.progress_percent,
        attempts=status.attempts,
        submitted_at_unix_ns=status.submitted_at_unix_ns,
        finished_at_unix_ns=status.finished_at_unix_ns,
        result=result_url(job_id) if status.state is JobState.COMPLETED else None,
        error=status.error,
    )


@router.get("/jobs/{job_id}/events", response_class=StreamingResponse)
async def follow(
    job_id: str, request: Request, studio: StudioOf, user: User = None
) -> StreamingResponse:
    """Stream how a job goes as server-sent events, to its end."""
    await _status(studio, job_id, user)
    events = until(studio.queue.subscribe(job_id), request.app.state.shutdown.wait())
    first = await anext(events, None)
    return StreamingResponse(
        server_sent(job_id, first, events),
        media_type="text/event-stream",
        # nginx, and proxies that learnt from it, would otherwise collect the stream.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.websocket("/jobs/{job_id}/progress")
async def follow_by_websocket(
    websocket: WebSocket, job_id: str, studio: StudioOf, user: User = None
) -> None:
    """Send how a job goes as JSON messages, to its end; what the client sends is ignored."""
    try:
        await _status(studio, job_id, user)
    except ServiceError as error:
        refusal = error_answer(error, websocket.scope["request_id"])
        await websocket.send_denial_response(refusal)
        return
    await websocket.accept()
    events = until(studio.queue.subscribe(job_id), _gone(websocket))
    await websocket.close(await _send(websocket, job_id, events))


@router.get(
    "/jobs/{job_id}/result",
    response_class=FileResponse,
    responses={409: {"description": "Not done, or failed."}},
)
async def fetch(job_id: str, studio: StudioOf, user: User = None) -> FileResponse:
    """Return a finished video."""
    status = await _status(studio, job_id, user)
    if status.result is None:
        raise NotDone(f"job {job_id} is {_PUBLIC[status.state]}")
    key = str(status.result["key"])
    path = studio.results.find(key)
    if path is None:
        raise NotFound(f"the result of job {job_id} is no longer kept")
    # Keyed by content: what has this name never changes.
    headers = {"ETag": f'"{key}"', "Cache-Control": "private, max-age=31536000, immutable"}
    return FileResponse(path, media_type="video/mp4", headers=headers)


@router.get("/queue")
async def depth(studio: StudioOf) -> dict[str, int]:
    """Count the jobs in each state of the queue."""
    return {state.value: count for state, count in (await studio.queue.depth()).items()}


async def _status(studio: Studio, job_id: str, user: str | None) -> JobStatus:
    """Return the status of a job that ``user`` may know of.

    The gateway names the user and lets nobody else do so; who comes without one
    comes from inside the platform.
    """
    with current_timings().part("queue"):
        status = await studio.queue.status(job_id)
    if user is not None and status.payload.get("user") != user:
        raise UnknownJob(job_id)
    return status


async def _send(websocket: WebSocket, job_id: str, events: AsyncGenerator[JobEvent | None]) -> int:
    """Send ``events`` to their end; return the code to close with (RFC 6455 and its registry)."""
    async with aclosing(events):
        try:
            async for event in events:
                if event is not None:
                    told = message(job_id, event)
                    await websocket.send_json({"event": told.event, **told.data})
        except QueueUnavailable:
            return 1013  # try again later
        except WebSocketDisconnect:
            return 1001
    return 1000


async def _gone(websocket: WebSocket) -> None:
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
