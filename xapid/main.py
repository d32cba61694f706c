"""The daemon: builds the objects, hands them to each other, starts and stops them."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop

from xapid import __version__
from xapid.api.dispatch import Dispatcher
from xapid.api.implicit import implicit_run
from xapid.api.methods import find_operations, method_table
from xapid.auth import pam
from xapid.auth.admission import Admission
from xapid.auth.audit import AuditLog
from xapid.auth.callers import Callers
from xapid.auth.certificate import CertificateError
from xapid.auth.client_certificates import ClientCertificates
from xapid.auth.directory import PAM, PamDirectory
from xapid.auth.driver_sessions import DriverSessions
from xapid.auth.guesses import Guesses
from xapid.auth.hashing import CHECKS_AT_ONCE, Hashing
from xapid.auth.login import Login
from xapid.auth.pam_helpers import PamHelpers
from xapid.auth.passwords import PasswordFile
from xapid.auth.pool_secret import PoolSecret
from xapid.auth.sessions import Sessions
from xapid.backends.certificates.interface import INTERNAL, SERVER
from xapid.backends.interface import BackendError
from xapid.backends.storage.interface import Progress
from xapid.backends.whole_files import forget_unfinished
from xapid.datamodel import Host, Pool
from xapid.datamodel.errors import ApiError
from xapid.datamodel.types import CLASSES, NULL
from xapid.hardware import DriverChoiceError, Hardware, chosen_hardware, plugin_spec, started
from xapid.http.application import build_service
from xapid.http.audited import Uses
from xapid.http.authentication import Authentication
from xapid.http.handed_over import HandedOver
from xapid.http.listeners import ListenerConfig, ListenError, Listeners
from xapid.http.metrics import daemon_figures
from xapid.http.rpc import Endpoint
from xapid.http.service import Limits, Service
from xapid.http.system_status import LogsHandler, SystemStatusHandler, Writing
from xapid.observe.console_endpoints import ConsoleEndpoints
from xapid.observe.domains import DomainWatch
from xapid.observe.figures import Figures
from xapid.observe.first_start.installation import first_start, needed
from xapid.observe.guests import GuestWatch
from xapid.observe.repositories import plug_all
from xapid.observe.startup import startup
from xapid.observe.storage_plugins import PluginWatch
from xapid.observe.tracing import keep_tracing
from xapid.ops import MODULES, host_crashdump, host_driver, management, pci, pusb
from xapid.ops.event.collect import Batches
from xapid.ops.event.log import EventLog
from xapid.ops.guest_ports import Guarded
from xapid.ops.host.coming_up import ComingUp
from xapid.ops.host.extensions import call_here
from xapid.ops.host.going_down import GoingDown
from xapid.ops.host.heartbeat import Heartbeats
from xapid.ops.host.ssh import Closings
from xapid.ops.pif.link_state import LinkStates
from xapid.ops.pif.plugging import restore
from xapid.ops.space import Space
from xapid.ops.vm import aftermath
from xapid.ops.vm.balloons import Balloons
from xapid.rules.registry import CHECKS, DERIVATIONS
from xapid.runtime.clock import Clock
from xapid.runtime.config import Config, LogFormat
from xapid.runtime.context import Backends, Context, Runtime
from xapid.runtime.database_copy import forget_copies
from xapid.runtime.ending import Ending
from xapid.runtime.figures import CallFigures, RequestFigures
from xapid.runtime.going_down import spared
from xapid.runtime.guard import Guard
from xapid.runtime.local_settings import LocalSettings
from xapid.runtime.logs import set_up_logging
from xapid.runtime.notify import keep_watchdog_quiet, notify
from xapid.runtime.reach import Reach
from xapid.runtime.recovery import end_orphans, take_back
from xapid.runtime.tasks import Tasks
from xapid.runtime.tracing.tracer import Tracer
from xapid.store.database import Database, DatabaseError, JournalLine, StateDirectory, has_space
from xapid.store.loading import assert_complete, load
from xapid.store.log_file import lay_out
from xapid.store.rows import STORED
from xapid.store.store import Store, StoreFailed
from xapid.store.writer import Ballast, Writer
from xapid.upkeep import upkeep
from xapid.wire import xmlrpc
from xapid.wire.records import record_encoder

log = logging.getLogger(__name__)

BALLAST = 4 * 1024 * 1024
"""Bytes kept back for the day the disk is full."""

AGAIN = 75
"""Exit status that says: start me again."""
SWITCH_INTERVAL = 0.0005
"""Seconds for which a busy event loop keeps the interpreter's lock from the thread that writes. A commit needs the lock
some six times; at Python's 5 ms that takes longer than the disk."""


COLLECTED_AFTER = (2_000, 4, 6000)
"""New objects after which the youngest are looked through; how often that is until older ones are, and the oldest."""


def serve(config: Config) -> int:
    """Run the daemon until it is told to stop. Returns the exit status; what keeps it from starting is one line."""
    set_up_logging(config.log)
    raise_file_limit()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        again = uvloop.run(serve_with(config))
    except StoreFailed as error:
        return refused(config, f"state directory {config.state_dir} cannot be written: {error}")
    except (DatabaseError, ListenError, CertificateError, DriverChoiceError, BackendError) as error:
        return refused(config, str(error))
    return start_again() if again else 0


def refused(config: Config, why: str) -> int:
    """Say why the daemon does not run: to a person, or to a program that reads its log. Returns the exit status."""
    if config.log.format is LogFormat.json:
        log.critical("%s", why)
    else:
        print(f"xapid: {why}", file=sys.stderr)
    return 1


def start_again() -> int:
    """Begin anew, as host.restart_agent asks: systemd sees to that, and where there is none we do it ourselves."""
    if "NOTIFY_SOCKET" not in os.environ:
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - as it was started
    return AGAIN


def raise_file_limit() -> None:
    """Have as many files open as may be: each connection is one, and shells give 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


Choose = Callable[[Config], Awaitable[Hardware]]


async def serve_with(config: Config, choose: Choose = chosen_hardware) -> bool:
    """Run the daemon until it is told to stop, on the drivers that ``choose`` finds. Returns whether to start again."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(config, choose) as daemon:
        ending: Ending = daemon.runtime.services["ending"]
        ending.heard_by(stopping.set)
        spare_collector()
        notify("READY=1")
        watchdog = asyncio.ensure_future(keep_watchdog_quiet())
        log.info("xapid %s is ready: %s", __version__, daemon.described())
        await warm_encoders()
        await stopping.wait()
        watchdog.cancel()
        notify("STOPPING=1")
        log.info("xapid is stopping; guests run on")
    return ending.again


def spare_collector() -> None:
    """Let the garbage collector pass over all there is by now, and look seldom: 1,000 objects hold the loop for 1 ms.

    What it is for, objects that refer to each other in a circle, is rare here; all else goes by counting references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


async def warm_encoders() -> None:
    """Make the encoders of all classes, one at a time, before a first client asks for everything at once."""
    for name in STORED:
        record_encoder(CLASSES[name])
        await asyncio.sleep(0)


class Running:
    """A daemon that answers."""

    def __init__(self, runtime: Runtime, dispatcher: Dispatcher, service: Service, listeners: list[Listeners]) -> None:
        self.runtime = runtime
        self.dispatcher = dispatcher
        self.service = service
        self.listeners = listeners

    def described(self) -> str:
        config = self.runtime.config
        addresses = [f"http://{each}" for listener in self.listeners for each in listener.http]
        addresses += [f"https://{each}" for listener in self.listeners for each in listener.https]
        return ", ".join([*addresses, *map(str, config.unix)])


@asynccontextmanager
async def running(config: Config, choose: Choose = chosen_hardware) -> AsyncIterator[Running]:
    """A daemon with its listeners open, inside ``async with``."""
    async with AsyncExitStack() as stack:
        store, database = await stack.enter_async_context(opened_store(config.state_dir))
        hardware = await choose(config)
        runtime = build_runtime(config, store, hardware.backends)
        audit: AuditLog = runtime.services["audit"]
        audit.start()
        stack.callback(audit.stop)
        helpers: PamHelpers = runtime.services["pam_helpers"]
        stack.push_async_callback(helpers.close)
        hashing: Hashing = runtime.services["hashing"]
        stack.push_async_callback(hashing.close)
        watch = DomainWatch(runtime, aftermath)
        runtime.services["domain_events"] = watch
        guests = GuestWatch(runtime)
        # What is heard before the host is known is seen by `reconcile`.
        hardware.watch_domains(lambda event: watch.heard(event) if runtime.localhost != NULL else None)
        hardware.watch_domains(guests.heard)
        space = Space(runtime)
        hardware.watch_domains(space.heard)
        hardware.watch_storage(partial(tell_progress, runtime))
        await stack.enter_async_context(started(hardware))
        plugins = PluginWatch(hardware.backends, runtime.localhost, partial(plugin_spec, config=config))
        await plugins.serve()
        stack.push_async_callback(watch.close)
        stack.push_async_callback(guests.close)
        unfinished = database.journal()
        await recover(runtime, unfinished)
        await begin(runtime, hardware)
        stack.callback(leave_unplugged, runtime)
        await look_at_devices(runtime)
        await restore(Context(runtime, runtime.tasks.dummy("restore")), runtime.store.get(Host, runtime.localhost))
        _resume_what_was_due(stack, runtime)
        await watch.reconcile()
        tracer: Tracer = runtime.services["tracer"]
        stack.push_async_callback(tracer.close)
        stack.callback(asyncio.ensure_future(keep_tracing(runtime)).cancel)
        dispatcher = build_dispatcher(runtime)
        service = build(runtime, dispatcher, watch)
        handed_over = HandedOver.to_this_process()
        listeners = [
            await stack.enter_async_context(Listeners(each, service, handed_over))
            for each in listener_configs(runtime, hardware)
        ]
        handed_over.close()
        reach: Reach = runtime.services["reach"]
        reach.listeners = [each.follow for each in listeners]
        trials: management.Trials = runtime.services["management_trials"]
        trials.resume(runtime)
        stack.push_async_callback(trials.close)
        stack.push_async_callback(dispatcher.stop)
        await begin_with_plugins(runtime, hardware, unfinished)
        coming_up: ComingUp = runtime.services["coming_up"]
        coming_up.begin()
        stack.push_async_callback(coming_up.close)
        await stack.enter_async_context(upkeep(runtime, hardware.certificate, plugins, space))
        yield Running(runtime, dispatcher, service, listeners)


def _resume_what_was_due(stack: AsyncExitStack, runtime: Runtime) -> None:
    """What an earlier daemon was to do at some moment: close SSH, go down."""
    closings: Closings = runtime.services["ssh_closings"]
    closings.resume()
    stack.callback(closings.close)
    going_down: GoingDown = runtime.services["going_down"]
    going_down.resume(runtime)
    stack.push_async_callback(going_down.close)


def tell_progress(runtime: Runtime, progress: Progress) -> None:
    """Say in its task how far a copy is."""
    task = runtime.tasks.active.get(progress.of)
    if task is not None:
        task.progress(progress.fraction)


@asynccontextmanager
async def opened_store(state: Path) -> AsyncIterator[tuple[Store, Database]]:
    """The store of a state directory, with every row in it. Raises DatabaseError."""
    directory = StateDirectory(state)
    directory.open()
    try:
        forget_copies(state)
        forget_unfinished(state)
        ballast = Ballast(state / "ballast", BALLAST)
        if not has_space(state):
            ballast.give_back()
        _refuse_emptied(state / "xapid.db", state / SERVER)
        database = Database(state / "xapid.db")
        database.open()
        generation = int(database.meta().get("generation_ceiling", 0))
        writer = Writer(database.engine, generation, ballast)
        store = Store(DERIVATIONS, writer, generation)
        load(store, database)
        assert_complete(store, database)
        lay_out(database.path)
        writer.start(asyncio.get_running_loop())
        try:
            yield store, database
        finally:
            writer.stop()
    finally:
        directory.close()


def _refuse_emptied(database: Path, certificate: Path) -> None:
    """A file without a byte is what a broken disk leaves of a database; a new pool in its place would hide the loss."""
    if database.exists() and not database.stat().st_size and certificate.exists():
        raise DatabaseError(
            f"database {database} is empty, although this state directory was in use: restore a backup "
            "(`xapid db restore`), or remove the file to begin anew"
        )


def build_runtime(config: Config, store: Store, backends: Backends, clock: Clock | None = None) -> Runtime:
    """The objects that operations work with."""
    clock = clock or Clock()
    runtime = Runtime(store, config, clock, Tasks(store, clock), Guard(store, CHECKS), backends)
    limits = config.limits
    sessions = Sessions(store, clock, limits.sessions_per_user, limits.sessions, runtime.tasks.busy_sessions)
    event_log = EventLog(sessions, clock)
    store.feed.stream, store.feed.streamed = event_log, event_log.heeds
    guesses = Guesses(clock, config.limits.login_failure_delay)
    helpers = PamHelpers(config.pam_service)
    # Who asks PAM about root, where this host describes the service to it.
    about_root = helpers if config.pam_service and pam.is_described(config.pam_service) else None
    hashing = runtime.services["hashing"] = Hashing()
    login = Login(PasswordFile(config.passwords), guesses, about_root, hashing, partial(checks_at_once, store))
    audit = AuditLog(config.audit_log, config.audit.size, config.audit.files)
    runtime.services |= {"sessions": sessions, "event_log": event_log, "login": login, "audit": audit}
    runtime.services["event_batches"] = Batches()
    certificates = ClientCertificates(store, config.state_dir)
    runtime.services["client_certificates"] = certificates
    pool_secret = PoolSecret(config.state_dir / "pool-secret")
    runtime.services |= {"pam_helpers": helpers, "pool_secret": pool_secret}
    runtime.services["admission"] = Admission(
        store,
        clock,
        sessions,
        login,
        certificates,
        pool_secret,
        {PAM: PamDirectory(helpers)},
        lambda: runtime.localhost,
    )
    runtime.services |= {"call_figures": CallFigures(), "request_figures": RequestFigures()}
    runtime.services |= {"coming_up": ComingUp(runtime), "going_down": GoingDown()}
    runtime.services["tracer"] = Tracer(config.tracing, config.traces)
    runtime.services |= {"ending": Ending(), "heartbeats": Heartbeats()}
    runtime.services |= {"reach": Reach(), "management_trials": management.Trials()}
    runtime.services["local_settings"] = LocalSettings(config.state_dir / "local.json")
    runtime.services["ssh_closings"] = Closings(runtime)
    runtime.services["callers"] = Callers(store, clock, config.limits.rate_limit)
    runtime.services["balloons"] = Balloons(runtime)
    runtime.services["figures"] = Figures(runtime)
    runtime.services["guarded"] = Guarded()
    runtime.services["link_states"] = LinkStates()
    return runtime


def checks_at_once(store: Store) -> int:
    """How many passwords may be checked in parallel: what the pool says, as far as the processors do."""
    pool = next(iter(store.all(Pool)), None)
    return CHECKS_AT_ONCE if pool is None else min(pool.local_auth_max_threads, CHECKS_AT_ONCE)


def build_dispatcher(runtime: Runtime) -> Dispatcher:
    methods = method_table(find_operations(MODULES), implicit_run)
    members = runtime.store.members
    return Dispatcher(
        runtime,
        methods,
        runtime.services["sessions"],
        lambda kind, value: xmlrpc.value_text(kind, value, members),
        runtime.services["audit"].note,
        call_here,
        lambda: runtime.services["figures"].taken,
    )


async def recover(runtime: Runtime, lines: list[JournalLine]) -> None:
    """Take back what was half done when the last daemon died, and end its tasks."""
    if lines:
        done = await take_back(lines, runtime.store, runtime.backends)
        log.warning("the last run ended in the middle of something: %d steps were taken back", done)
    orphans = end_orphans(runtime.store, runtime.clock.date(), spared(runtime.services["local_settings"]))
    if orphans:
        log.warning("%d tasks were under way when the last run ended; they have failed", orphans)


async def begin(runtime: Runtime, hardware: Hardware) -> None:
    """Make what a fresh host has, at the first start; then look at the machine anew."""
    machine = await hardware.machine()
    if needed(runtime.store):
        log.info("first start: making pool and host")
        await first_start(runtime, machine)
    await startup(runtime, machine)


async def begin_with_plugins(runtime: Runtime, hardware: Hardware, lines: list[JournalLine]) -> None:
    """What had to wait until storage plug-ins can call us back: taking back what they left half done, and plugging."""
    sessions: Sessions = runtime.services["sessions"]
    hardware.backends.brief = DriverSessions(runtime, sessions, runtime.config.unix).brief
    await take_back(lines, runtime.store, runtime.backends, of_plugins=True)
    await plug_all(runtime, runtime.store.get(Host, runtime.localhost), of_plugins=True)


def leave_unplugged(runtime: Runtime) -> None:
    """Wait no longer for repositories that a dead server holds up."""
    for each in runtime.services.get("plugging", ()):
        each.cancel()


async def look_at_devices(runtime: Runtime) -> None:
    """See what was plugged into the host and taken from it while nobody looked."""
    ctx = Context(runtime, runtime.tasks.dummy("look_at_devices"))
    host = runtime.store.get(Host, runtime.localhost)
    for look in (pusb.scan, host_driver.rescan, pci.scan, host_crashdump.look):
        try:
            await look(ctx, host)
        except ApiError as error:
            log.warning("devices of this host are not known: %s", error)


def build(runtime: Runtime, dispatcher: Dispatcher, watch: DomainWatch) -> Service:
    limits = runtime.config.limits
    audit: AuditLog = runtime.services["audit"]
    authentication = Authentication(
        runtime.services["sessions"], runtime.services["admission"], Uses(audit.note, runtime.clock.now)
    )
    bounds = Limits(
        tcp_head=limits.tcp_head,
        unix_head=limits.unix_head,
        head_idle=limits.head_idle,
        head_total=limits.head_total,
        rpc_body=limits.rpc_body,
        tcp_connections=limits.tcp_connections,
        unix_connections=limits.unix_connections,
    )
    writing = Writing()
    return build_service(
        runtime.store,
        runtime.tasks,
        authentication,
        ConsoleEndpoints(runtime, watch).find,
        Endpoint(dispatcher),
        bounds,
        audit,
        partial(daemon_figures, runtime),
        partial(speaks_https_only, runtime),
        runtime.services["request_figures"],
        SystemStatusHandler(authentication, runtime, writing),
        LogsHandler(authentication, runtime, writing),
        runtime.services["tracer"],
        runtime.services["reach"].came,
    )


def speaks_https_only(runtime: Runtime) -> bool:
    """Whether this host answers other machines over TLS alone."""
    host = runtime.store.find(Host, runtime.localhost)
    return host is not None and host.https_only


def listener_configs(runtime: Runtime, hardware: Hardware) -> list[ListenerConfig]:
    """TCP and the first Unix socket together, each further socket by itself."""
    config = runtime.config
    known: ClientCertificates = runtime.services["client_certificates"]
    sockets: list[Path | None] = [*config.unix] or [None]
    for path in config.unix:
        path.parent.mkdir(parents=True, exist_ok=True)
    certificate = hardware.certificate if config.https else None
    internal = certificate.with_name(INTERNAL) if certificate is not None else None
    first = ListenerConfig(
        config.http,
        config.https,
        certificate,
        sockets[0],
        host=management.reached_at(runtime),
        internal=internal,
        authorities=known.authorities,
    )
    return [first, *(ListenerConfig(unix=path) for path in sockets[1:])]
