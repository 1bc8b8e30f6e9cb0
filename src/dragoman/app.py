"""The only constructor of objects: configuration → keys, pool, gateway → server; start, reload,
drain.

A :class:`Gateway` is frozen. A reload builds a new one from the new configuration, lets it adopt
what the old one knows (counters of keys, health of accounts), and swaps it in with one assignment:
requests under way keep the one they started with.
"""

import asyncio
import gc
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dragoman import build, routes
from dragoman.account import Account, Terms
from dragoman.auth import keyfile
from dragoman.auth.keys import digest
from dragoman.caches import Caches
from dragoman.clock import SYSTEM, Clock
from dragoman.config import Config, ConfigError
from dragoman.config.load import DATA_VARIABLE
from dragoman.control.api import application
from dragoman.control.book import Book, declared_names, merged
from dragoman.control.desk import Desk, Running
from dragoman.control.server import AdminServer
from dragoman.dialects import registry
from dragoman.errors import Failure
from dragoman.gateway import Gateway
from dragoman.health import NAME, Keeper
from dragoman.hedges import Hedges
from dragoman.http.call import Call
from dragoman.http.forwarded import client_address
from dragoman.http.server import Server, ServerLimits
from dragoman.http.server_tls import server_context
from dragoman.limits import Limits
from dragoman.media.converter import Converter
from dragoman.observe.ended import Ended
from dragoman.observe.log import FLUSH_S, EventLine, Log
from dragoman.observe.redaction import frames
from dragoman.observe.tally import Tally
from dragoman.pool import Pool
from dragoman.routes import HEALTH, Work
from dragoman.supervisor import Supervisor
from dragoman.thoughts import Thoughts
from dragoman.turns import Turns
from dragoman.waiting import Room, WaitingRoom

GC_THRESHOLD = 10_000
"""Container objects by which the heap grows before the collector looks at the young ones."""
WATCH_S = 1.0
"""How often the configuration file is looked at."""
TURN_AWAY_S = 5.0
"""How long new requests are told that the gateway is going, while there is still work: balancers
and probes need a moment to notice."""
AT_START = (
    "host",
    "port",
    "max_body_bytes",
    "max_connections_per_ip",
    "cors_origins",
    "tls_cert",
    "tls_key",
)
"""Fields of ``server`` that a reload cannot change."""


class FirstKey(NamedTuple):
    """A key made at this start."""

    text: str


class Built(NamedTuple):
    """What a configuration comes to, not yet in force."""

    gateway: Gateway
    accounts: list[tuple[Account, Terms]]


class App:
    """One process: its gateway, its server, its tasks.

    ``load`` reads the configuration; it is asked again at every reload and raises ConfigError.
    """

    def __init__(self, load: Callable[[], Config], log: Log, clock: Clock = SYSTEM) -> None:
        self._declared = load()
        self._book = Book(Path(self._declared.data_dir))
        self.config = config = merged(self._declared, self._book.changes)
        self._started_with = config
        self.clock = clock
        self._load = load
        self._log = log
        self.supervisor = Supervisor(self._crashed)
        self.first_key = self._make_first_key(config)
        self._converter = Converter()
        self.thoughts = Thoughts(clock)
        self._turns = Turns(clock)
        self._hedges = Hedges(clock.mono)
        self.caches = Caches()
        self.tally = Tally()
        self._ended = Ended(clock, self.tally, self._write)
        self.pool = Pool((), clock)
        self.waiting = WaitingRoom(Room(self.pool.snapshot, clock), config.routing.queue_timeout_s)
        self.gateway, accounts = self._build(config)
        self.pool.change(accounts)
        self._keeper = Keeper(Path(config.data_dir) / NAME, self.pool, clock)
        self.pool.hedges = self._hedges if config.routing.hedging else None
        self._trusted = build.networks(config.server.trusted_proxies)
        self._server: Server | None = None
        self._admin: AdminServer | None = None
        self._admin_key = b""
        self.first_admin_key: FirstKey | None = None
        self._stopping = asyncio.Event()
        self._signals = 0

    async def start(self) -> tuple[str, int]:
        """Listen. Gives back the bound address; raises OSError when it is taken."""
        server = self.config.server
        self.supervisor.listen(asyncio.get_running_loop())
        self._keeper.open(self.supervisor.spawn, self._event)
        self._server = Server(
            self.handle,
            ServerLimits(
                max_body_bytes=server.max_body_bytes,
                max_connections_per_ip=server.max_connections_per_ip,
            ),
            clock=self.clock,
            spawn=self.supervisor.start,
            refuse=refuse,
            cors_origins=tuple(server.cors_origins),
        )
        tls = server_context(server.tls_cert, server.tls_key) if server.tls_cert else None
        bound = await self._server.listen(server.host, server.port, tls)
        # What start-up allocated stays; the collector need not look at it again. Requests leave no
        # cycles behind, so it may look less often, too.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 50)
        return bound

    async def open_admin(self) -> tuple[str, int]:
        """Serve the admin API on its own port, too. Makes its key where there is none.

        Gives back the bound address; raises OSError when it is taken, ValueError when there can be
        no key.
        """
        desk = Desk(
            clock=self.clock,
            running=self._running,
            book=self._book,
            apply=self._apply_changes,
            tally=self.tally,
            audit=partial(self._event, "audit"),
            crashed=self._crashed,
        )
        server = AdminServer(application(desk, self._admin_digest))
        admin = self.config.admin
        bound = await server.listen((admin.host, admin.port), self.supervisor.spawn)
        self._admin = server
        if not self.config.admin.key:
            # Made only now that it will be shown.
            self._admin_key = self._stored_admin_key(Path(self.config.data_dir))
        return bound

    async def run(self) -> None:
        """Serve until a signal, then drain. SIGHUP or a changed file reloads."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        self.supervisor.spawn(self._watch())
        await self._stopping.wait()
        await self.drain()

    def stop(self) -> None:
        """Begin to drain; the second time, end what is left."""
        self._signals += 1
        if self._signals > 1 and self._server is not None:
            self.supervisor.spawn(self._server.drain(0))
        self._stopping.set()

    async def drain(self) -> None:
        """Turn new requests away, let those under way end, close everything."""
        self._event("draining", f"waiting up to {self.config.server.drain_timeout_s:g} s")
        if self._server is not None:
            until = self.clock.mono() + self.config.server.drain_timeout_s
            told_s = min(TURN_AWAY_S, self.config.server.drain_timeout_s)
            await self._server.turn_away(self.turn_away, told_s)
            await self._server.drain(max(0.0, until - self.clock.mono()))
            await self._server.close()
        if self._admin is not None:
            await self._admin.close()
        await self.supervisor.close()
        await self._keeper.close()
        await self.pool.close()
        await self._converter.close()
        self._event("stopped")
        self._log.close()

    def turn_away(self, call: Call) -> Work:
        """What the server runs for each call once a drain is announced."""
        if call.path in HEALTH:
            return self.handle(call)
        failure = Failure("draining", "The gateway is shutting down.", retry_after_s=1)
        return routes.refuse(call, self.gateway, failure)

    def handle(self, call: Call) -> Work:
        """What the server runs for each call."""
        if self._trusted:
            forwarded = call.headers.get("x-forwarded-for")
            call.peer = client_address(call.peer, forwarded, self._trusted)
        return routes.find(call, self.gateway)

    def reload(self) -> None:
        """Read the configuration again; a broken one is said and changes nothing."""
        try:
            declared = self._load()
            fresh = merged(declared, self._book.changes)
            built = self._build(fresh)
        except (ConfigError, ValueError) as error:
            self._event("reload_failed", str(error))
            return
        self._declared = declared
        self._put_in_force(fresh, built)
        keys = len(self.gateway.keys)
        self._event("reloaded", f"accounts={len(self.pool.snapshot())} keys={keys}")
        late = [
            f"server.{name}"
            for name in AT_START
            if getattr(fresh.server, name) != getattr(self._started_with.server, name)
        ]
        late += [
            f"admin.{name}"
            for name in ("host", "port")
            if getattr(fresh.admin, name) != getattr(self._started_with.admin, name)
        ]
        if late:
            self._event("restart_needed", f"{', '.join(late)}: read at the start only")

    def _put_in_force(self, fresh: Config, built: Built) -> None:
        """From now on requests use this; those under way keep what they started with.

        Accounts that stayed the same are the same, with new terms.
        """
        before, self.gateway, self.config = self.gateway, built.gateway, fresh
        self._trusted = build.networks(fresh.server.trusted_proxies)
        self.gateway.limits.adopt(before.limits, list(self.gateway.keys))
        self.pool.change(built.accounts)
        self.pool.hedges = self._hedges if fresh.routing.hedging else None
        self.waiting.timeout_s = fresh.routing.queue_timeout_s
        self.waiting.changed()

    def _apply_changes(self) -> None:
        """Put in force what the admin API changed. Raises ValueError, having changed nothing."""
        fresh = merged(self._declared, self._book.changes)
        self._put_in_force(fresh, self._build(fresh))

    def _running(self) -> Running:
        """What the admin API looks at."""
        return Running(
            config=self.config,
            declared=declared_names(self._declared),
            pool=self.pool,
            catalogue=self.gateway.catalogue,
            keys=self.gateway.keys,
            waiting=self.waiting,
            caches=self.caches,
        )

    def _admin_digest(self) -> bytes:
        """The digest of the admin key in force; the one before, where a reload left none."""
        key = self.config.admin.key
        if key:
            self._admin_key = digest(key.reveal())
        return self._admin_key

    async def _watch(self) -> None:
        """Reload when the configuration file changes."""
        if self.config.source is None:
            return
        path = Path(self.config.source)
        seen = _stamp(path)
        while True:
            await asyncio.sleep(WATCH_S)
            now = _stamp(path)
            if now is not None and now != seen:
                seen = now
                self.reload()

    def _make_first_key(self, config: Config) -> FirstKey | None:
        """With no key anywhere, make one, so that a first start works."""
        if config.keys or keyfile.read(Path(config.data_dir)):
            return None
        text, _ = _make_key(Path(config.data_dir), "default", keyfile.CLIENTS)
        return FirstKey(text)

    def _stored_admin_key(self, folder: Path) -> bytes:
        """The digest of the admin key in the data folder, which is made where there is none."""
        stored = keyfile.read(folder, keyfile.ADMIN)
        if not stored:
            text, made = _make_key(folder, "admin", keyfile.ADMIN)
            self.first_admin_key = FirstKey(text)
            stored = [made]
        return bytes.fromhex(stored[0].sha256)

    def _build(self, config: Config) -> Built:
        rows = build.catalogue(config, self.clock.wall())
        self.tally.tiers(rows.bounds())
        accounts = build.accounts(config, rows, self.clock, self.pool.snapshot())
        keys = build.keys(config, keyfile.read(Path(config.data_dir)))
        for principal in keys:
            principal.recall = partial(self.thoughts.recall, principal.id)
        gateway = Gateway(
            clock=self.clock,
            keys=keys,
            limits=Limits(self.clock),
            catalogue=rows,
            pool=self.pool,
            media=build.media(config, self._converter, self.clock),
            thoughts=self.thoughts,
            caches=self.caches,
            waiting=self.waiting,
            turns=self._turns,
            options=build.options(config),
            finished=self._ended.add,
        )
        return Built(gateway, accounts)

    def _event(self, event: str, message: str = "") -> None:
        self._ended.settle()
        self._write(EventLine(time=round(self.clock.wall(), 3), event=event, message=message))

    def _crashed(self, error: BaseException) -> None:
        self._event("crash", frames(error))

    def _write(self, line: Any) -> None:
        if self._log.write(line):
            asyncio.get_running_loop().call_later(FLUSH_S, self._log.flush)


def refuse(failure: Failure, path: str) -> bytes:
    """The body of an answer that the server gives by itself, before any route."""
    return registry.of(path).error_body(failure)


def _make_key(folder: Path, name: str, file: str) -> tuple[str, keyfile.StoredKey]:
    """A key and what is kept of it. Raises ValueError where the folder takes no files."""
    try:
        return keyfile.create(folder, name, file)
    except OSError as error:
        reason = f"{folder} cannot be written: {error.strerror}"
        raise ValueError(f"{reason}; name another folder with {DATA_VARIABLE}") from None


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
