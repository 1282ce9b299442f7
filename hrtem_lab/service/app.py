"""The service's HTTP interface."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

import hrtem_lab
from hrtem_lab.figures.style import COLOURS
from hrtem_lab.service.access import COOKIE, Access
from hrtem_lab.service.archive import write_archive
from hrtem_lab.service.jobs import DONE, Job, Jobs
from hrtem_lab.service.page import PAGE, POLICY
from hrtem_lab.service.refusal import Refusal
from hrtem_lab.service.task import TABLE, Upload
from hrtem_lab.service.uploads import UPLOADED_SUFFIXES, check_pixel_size, check_suffix, receive, safe_name

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
RESULT_FILES = re.compile(rf"{re.escape(TABLE)}|(picture|overlay)-\d+\.png|mask-\d+\.tif")
"""Names of the files of a result that are given out."""


def make_app(jobs: Jobs, access: Access, *, max_upload_bytes: int, upload_limit_s: float) -> FastAPI:
    """Make the application.

    Args:
        jobs: Analyses.
        access: Rules for requests.
        max_upload_bytes: Largest file.
        upload_limit_s: Time that a file may take to arrive.
    """
    # the pages of its documentation would load scripts from elsewhere
    app = FastAPI(title="hrtem_lab", version=hrtem_lab.__version__, docs_url=None, redoc_url=None)
    _answer_mistakes(app)
    _guard(app, access)
    _add_page(app)
    _add_analyses(app, jobs, max_upload_bytes, upload_limit_s)
    _add_results(app, jobs)
    return app


def _add_analyses(app: FastAPI, jobs: Jobs, max_upload_bytes: int, upload_limit_s: float) -> None:
    """Take files in, and tell how far their analyses are."""

    @app.post("/analyses")
    async def analyse(request: Request, name: str = "", pixel_size_nm: str = "", wait: bool = True) -> Response:
        """Analyse the file in the body; `wait=false` answers at once, and GET tells how far it is."""
        shown = safe_name(name)
        suffix, size_nm = check_suffix(shown), check_pixel_size(pixel_size_nm)
        job = jobs.open(shown)
        upload = Upload(job.folder / f"upload{suffix}", shown, size_nm)
        try:
            announced = request.headers.get("content-length")
            await receive(request.stream(), upload.path, announced, max_upload_bytes, upload_limit_s)
        except BaseException:
            jobs.remove(job)
            raise
        jobs.start(job, upload)
        if not wait:
            return JSONResponse(_describe(job), 202, {"Location": f"/analyses/{job.id}"})
        await asyncio.shield(asyncio.wrap_future(job.finished))
        if job.refusal is not None:
            raise job.refusal
        return JSONResponse(_describe(job))

    @app.get("/analyses/{job_id}")
    def describe(job_id: str) -> Response:
        """How far an analysis is, and its result."""
        return JSONResponse(_describe(jobs.get(job_id)))

    @app.delete("/analyses/{job_id}")
    def forget(job_id: str) -> Response:
        """Remove the files of an analysis that has ended."""
        job = jobs.get(job_id)
        if not job.ended:
            raise Refusal(409, f"{job.name}: is being analysed; wait for its end")
        jobs.remove(job)
        return Response(status_code=204)


def _add_results(app: FastAPI, jobs: Jobs) -> None:
    """Give out the files of results."""

    @app.get("/analyses/{job_id}/{file}")
    def result_file(job_id: str, file: str) -> Response:
        """A file of a result."""
        path = jobs.get(job_id).folder / file
        if not RESULT_FILES.fullmatch(file) or not path.is_file():
            raise Refusal(404, "there is no such file")
        return FileResponse(path)

    @app.get("/results.zip")
    def archive(job_id: Annotated[list[str], Query(alias="id")]) -> Response:
        """Everything of several analyses that are done."""
        done = [job for job in map(jobs.get, dict.fromkeys(job_id)) if job.state == DONE]
        path = write_archive(done, jobs.folder)
        return FileResponse(path, filename="results.zip", background=BackgroundTask(path.unlink))


def _describe(job: Job) -> dict[str, Any]:
    """A job with the addresses of its files."""
    described = job.describe()
    for row in described.get("result", {}).get("micrographs", []):
        row |= {key: f"/analyses/{job.id}/{row[key]}" for key in ("picture", "overlay", "mask")}
    return described


def _add_page(app: FastAPI) -> None:
    @app.get("/about")
    def about() -> Response:
        """Version, suffixes and colours, for the page."""
        return JSONResponse({"version": hrtem_lab.__version__, "suffixes": UPLOADED_SUFFIXES, "colours": COLOURS})

    @app.get("/")
    def page(token: str = "") -> Response:
        """The page; with the token as a cookie for its requests, where it was opened with one."""
        if not token:
            return HTMLResponse(PAGE)
        response = RedirectResponse("/", 303)
        response.set_cookie(COOKIE, token, httponly=True, samesite="strict")
        return response


def _guard(app: FastAPI, access: Access) -> None:
    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        """Refuse what may not come in, before anything of it is read."""
        refused = access.refuse(request.headers)
        opens_page = request.url.path == "/" and access.is_token(request.query_params.get("token", ""))
        if refused is not None and not (refused[0] == 401 and opens_page):
            response: Response = JSONResponse({"error": refused[1]}, refused[0])
        else:
            response = await answer(request)
        response.headers.update(HEADERS)
        return response


def _answer_mistakes(app: FastAPI) -> None:
    """Answer every mistake in one line."""

    @app.exception_handler(Refusal)
    async def refuse(_: Request, error: Refusal) -> Response:
        headers = {"Retry-After": "5"} if error.status == 429 else None
        return JSONResponse({"error": error.reason}, error.status, headers)

    @app.exception_handler(RequestValidationError)
    async def explain(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}"}, 422)

    @app.exception_handler(HTTPException)
    async def repeat(_: Request, error: HTTPException) -> Response:
        return JSONResponse(
            {"error": f"{error.detail}; POST /analyses takes a file, GET / is the page"}, error.status_code
        )
