"""The worker processes: few, bounded, replaced when they die, gone when unused."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.errors import Failure
from dragoman.hub.media import Bounds
from dragoman.media.converter import Converted, Converter, Job, Limits, Unusable
from tests.media.pictures import BOUNDS, convert, empty_png, opened, saved, two_halves

pytestmark = pytest.mark.usefixtures("no_leaks")
HEIC = saved(two_halves(), "HEIF")


@contextlib.asynccontextmanager
async def workers(**limits: float) -> AsyncIterator[Converter]:
    converter = Converter(Limits(**limits))  # type: ignore[arg-type]
    try:
        yield converter
    finally:
        await converter.close()
        assert processes(converter) == []


def processes(converter: Converter) -> list[int]:
    """Ids of the workers that live."""
    return [worker.process.pid for worker in converter._alive]


async def until(what: "object") -> None:
    async with asyncio.timeout(10):
        while not what():  # type: ignore[operator]  # noqa: ASYNC110 - a process says nothing
            await asyncio.sleep(0.005)


def exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_nothing_runs_before_it_is_needed() -> None:
    async with workers() as converter:
        assert processes(converter) == []
        found = await convert(converter, HEIC)
        assert found.media_type == "image/jpeg"
        assert opened(found.base64).size == (300, 200)
        first = processes(converter)
        assert len(first) == 1
        assert await convert(converter, HEIC) == found
        assert processes(converter) == first
    assert not exists(first[0])


async def test_never_more_than_allowed() -> None:
    async with workers(workers=2) as converter:
        made = await asyncio.gather(*[convert(converter, HEIC) for _ in range(20)])
        assert len({one.base64 for one in made}) == 1
        assert len(processes(converter)) == 2


async def test_raw_bytes_do_as_well() -> None:
    async with workers() as converter:
        found = await converter.convert(Job(memoryview(HEIC), False, BOUNDS))
        assert found == await convert(converter, HEIC)


async def test_an_image_that_fits_comes_back_as_nothing() -> None:
    async with workers() as converter:
        assert await convert(converter, saved(two_halves(), "PNG")) == Converted("image/png", b"")


@pytest.mark.parametrize(
    "data", [HEIC[:200], b"", saved(two_halves(), "PNG")[:50]], ids=["cut", "empty", "cut-png"]
)
async def test_a_broken_image_costs_no_worker(data: bytes) -> None:
    async with workers() as converter:
        await convert(converter, HEIC)
        before = processes(converter)
        with pytest.raises(Unusable, match="broken or incomplete"):
            await convert(converter, data)
        assert processes(converter) == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_a_worker_that_dies_over_an_image_is_replaced(how: signal.Signals) -> None:
    async with workers(workers=1) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        job = asyncio.ensure_future(convert(converter, HEIC))
        other = asyncio.ensure_future(convert(converter, HEIC))
        await asyncio.sleep(0.02)
        assert not job.done()
        os.kill(pid, how)
        if how != signal.SIGKILL:  # that one ends a stopped process, too
            os.kill(pid, signal.SIGCONT)
        with pytest.raises(Unusable, match="could not be decoded"):
            await job
        # Only the image it was busy with is lost.
        assert (await other).media_type == "image/jpeg"
        assert processes(converter) != [pid]
        assert not exists(pid)


async def test_a_worker_that_died_while_idle_costs_no_image() -> None:
    async with workers(workers=1) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        (worker,) = converter._idle
        os.kill(pid, signal.SIGKILL)
        await until(worker.output.at_eof)
        assert (await convert(converter, HEIC)).media_type == "image/jpeg"


async def test_a_worker_that_takes_too_long_is_killed() -> None:
    async with workers(workers=1, wall_s=0.2) as converter:
        await convert(converter, saved(two_halves(10, 10), "BMP"))
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(Unusable, match="took too long"):
            await convert(converter, HEIC)
        await until(lambda: not exists(pid))
        assert processes(converter) == []


async def test_a_worker_that_burns_cpu_is_ended_by_the_system() -> None:
    async with workers(workers=1, cpu_s=0) as converter:
        # Nothing fits into ten bytes, so every size is tried.
        with pytest.raises(Unusable, match="could not be decoded"):
            await convert(converter, saved(two_halves(6000, 6000), "BMP"), Bounds(10, 10, 8000))


async def test_memory_has_a_limit() -> None:
    async with workers(workers=1, memory_bytes=400 << 20) as converter:
        await convert(converter, HEIC)
        before = processes(converter)
        with pytest.raises(Unusable):
            await convert(converter, empty_png(9900, 9900))
        # Whether it answered or died, the next image is converted.
        assert (await convert(converter, HEIC)).media_type == "image/jpeg"
        assert len(before) == 1


async def test_a_bomb_is_refused_before_it_goes_off() -> None:
    async with workers(workers=1) as converter:
        with pytest.raises(Unusable, match="too large"):
            await convert(converter, empty_png(12_000, 12_000))


async def test_the_queue_is_bounded() -> None:
    async with workers(workers=1, waiting=2) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        jobs = [asyncio.ensure_future(convert(converter, HEIC)) for _ in range(3)]
        await asyncio.sleep(0.02)
        with pytest.raises(Failure) as refused:
            await convert(converter, HEIC)
        assert (refused.value.kind, refused.value.status) == ("busy", 503)
        assert refused.value.retry_after_s
        os.kill(pid, signal.SIGCONT)
        assert len({one.base64 for one in await asyncio.gather(*jobs)}) == 1


async def test_nobody_waits_for_ever() -> None:
    async with workers(workers=1, queue_s=0.05) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        job = asyncio.ensure_future(convert(converter, HEIC))
        await asyncio.sleep(0.02)
        with pytest.raises(Failure) as refused:
            await convert(converter, HEIC)
        assert refused.value.kind == "busy"
        os.kill(pid, signal.SIGCONT)
        assert (await job).media_type == "image/jpeg"


async def test_a_client_that_leaves_frees_its_worker() -> None:
    async with workers(workers=1) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        job = asyncio.ensure_future(convert(converter, HEIC))
        waiting = asyncio.ensure_future(convert(converter, HEIC))
        await asyncio.sleep(0.02)
        waiting.cancel()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        await until(lambda: not exists(pid))
        assert (await convert(converter, HEIC)).media_type == "image/jpeg"


async def test_an_idle_worker_ends() -> None:
    async with workers(idle_s=0.05) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        await until(lambda: not processes(converter))
        await until(lambda: not exists(pid))
        assert (await convert(converter, HEIC)).media_type == "image/jpeg"


async def test_closing_ends_what_runs() -> None:
    async with workers(workers=1) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        os.kill(pid, signal.SIGSTOP)
        jobs = [asyncio.ensure_future(convert(converter, HEIC)) for _ in range(2)]
        await asyncio.sleep(0.02)
        await converter.close()
        ended = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(ended[0], Unusable)
        assert isinstance(ended[1], Failure)
        assert ended[1].kind == "draining"
        assert not exists(pid)


async def test_a_worker_that_cannot_start_is_our_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async with workers() as converter:
        for program in ("/does/not/exist", "/bin/true"):
            monkeypatch.setattr(sys, "executable", program)
            with pytest.raises(Failure) as failed:
                await convert(converter, HEIC)
            assert failed.value.kind == "internal"
        monkeypatch.undo()
        assert (await convert(converter, HEIC)).media_type == "image/jpeg"


async def test_a_worker_knows_and_may_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    async with workers(memory_bytes=1 << 30) as converter:
        await convert(converter, HEIC)
        (pid,) = processes(converter)
        folder = Path(f"/proc/{pid}")
        assert b"ANTHROPIC" not in (folder / "environ").read_bytes()
        limits = {
            line[:26].strip(): line[26:].split()[0]
            for line in (folder / "limits").read_text().splitlines()[1:]
        }
        assert limits["Max address space"] == str(1 << 30)
        assert limits["Max file size"] == limits["Max core file size"] == "0"
        assert limits["Max open files"] == "16"
        assert limits["Max cpu time"] != "unlimited"
        assert (folder / "oom_score_adj").read_text().strip() == "1000"
        # Three pipes or /dev/null; nothing of the gateway's sockets and files.
        opened_files = {os.readlink(one).split(":")[0] for one in (folder / "fd").iterdir()}
        assert opened_files <= {"pipe", "/dev/null", "socket"}
        assert len(list((folder / "fd").iterdir())) == 3


def test_the_gateway_itself_decodes_nothing() -> None:
    """Pillow takes a tenth of a second to import, and is no part of the gateway's process."""
    code = (
        "import sys, dragoman.cli.main, dragoman.app\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'PIL', 'pillow_heif', '_pillow_heif'}, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
