"""Where parts of large work are done: in this process, or as tasks on Ray.

A part must be safe to do twice: a task whose worker or node is lost is tried again. Nothing here
knows what the parts are; those of image sets are in `image_sets/fetching/part.py`.
"""

import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from off_platform.settings import Settings
from off_platform.storage.objects import is_local

Part = TypeVar("Part")
Result = TypeVar("Result")

# A task may lose this many workers or nodes before its part is given up.
TRIES = 5
# Ray is given up on this machine after as many starts.
START_TRIES = 3
# How often an interruption of this process is noticed while tasks run.
LOOK_SECONDS = 1.0
# A cancelled task finishes the requests in progress. After the first of these it is cancelled
# again, as Ray's interrupt can be lost; after the second its worker is killed.
CANCEL_SECONDS = (10.0, 5.0)
# Results are counts: Ray's minimum is 75 MiB, and its default a third of the memory.
STORE_BYTES = 80 * 2**20
PACKAGE = "off-platform"
# https://docs.ray.io/en/latest/ray-security/token-auth.html
_TOKEN_SETTINGS = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


class LostPartsError(OSError):
    """Parts were lost with their workers, again and again; the message is one sentence.

    Attributes:
        parts: that were not done; the others were.
    """

    def __init__(self, parts: list[Any], reason: str) -> None:
        """Takes the parts, and why the last of them was lost."""
        self.parts = parts
        super().__init__(
            f"{len(parts):,} parts of the work were lost {TRIES} times, each with its worker "
            f"({reason}). Finished work is kept: run again to resume."
        )


class UnusableFleetError(ValueError):
    """The work cannot be done where the settings say; the message says what to do."""


class FleetUnreachableError(ConnectionError):
    """Ray cannot be started or reached; the message is one sentence."""


@dataclass
class Ran:
    """What a fleet did: parts done, parts tried again, and where."""

    parts: int = 0
    again: int = 0
    nodes: set[str] = field(default_factory=set)

    @property
    def sentence(self) -> str:
        """One line, for logs and metadata."""
        again = f", {self.again:,} tried again after a worker was lost" if self.again else ""
        nodes = f" on {len(self.nodes):,} nodes" if len(self.nodes) > 1 else ""
        return f"{self.parts:,} parts{nodes}{again}"


class Fleet(Protocol):
    """Does parts of work.

    Attributes:
        places: number of parts that are done at the same time.
        is_here: whether parts are done in this process.
        one_disk: whether all places have the files of this machine.
        ran: what was done so far.
    """

    ran: Ran

    @property
    def places(self) -> int:
        """See above."""

    @property
    def is_here(self) -> bool:
        """See above."""

    @property
    def one_disk(self) -> bool:
        """See above."""

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Generator[Result]:
        """Yields the results of the work on the parts, in any order.

        At most twice as many parts as places are taken at once. Closing the iterator, or an error,
        cancels the parts in progress.

        Args:
            work: a function of a module, or a `partial` of one; with its arguments it can be
                pickled. It may be called more than once with a part.
            parts: read lazily; they can be pickled.

        Raises:
            Exception: of the work, as it was raised there.
            LostPartsError: after all other parts were done.
            FleetUnreachableError: there is no place.
        """


class Here:
    """This process: one part after another."""

    places = 1
    is_here = True
    one_disk = True

    def __init__(self) -> None:
        """Needs nothing."""
        self.ran = Ran()

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Generator[Result]:
        """See `Fleet.map`."""
        for part in parts:
            result = work(part)
            self.ran.parts += 1
            yield result


class _Answer(NamedTuple):
    """What a task returns: where it ran, and its result."""

    node: str
    result: Any


@dataclass
class _Task:
    part: Any
    tries: int = 1


class RayFleet:
    """Tasks on Ray: processes of this machine, or of a cluster.

    Ray is started or joined at the first use, and left when this process ends.
    """

    is_here = False

    def __init__(self, address: str = "local", places: int = 0, *, one_disk: bool = True) -> None:
        """Takes where Ray is.

        Args:
            address: `local` starts it on this machine, `auto` is the cluster that this machine
                belongs to, `host:port` any other.
            places: number of tasks at the same time; 0 for as many as there are CPUs, including
                those of nodes that join.
            one_disk: whether all nodes have the files of this machine.
        """
        self._address, self._most, self.one_disk = address, places, one_disk
        self.ran = Ran()

    @property
    def places(self) -> int:
        """See `Fleet`."""
        return self._most or max(int(self._ray.cluster_resources().get("CPU", 1)), 1)

    def map(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> Generator[Result]:
        """See `Fleet.map`."""
        # Tries are counted here, as Ray does not report its own.
        task = self._ray.remote(num_cpus=1, max_retries=0)(_done)
        waiting = iter(parts)
        under_way: dict[Any, _Task] = {}
        lost: list[Any] = []
        reason = ""

        def start(each: _Task) -> None:
            under_way[task.remote(work, each.part, version(PACKAGE))] = each

        try:
            while True:
                for part in islice(waiting, max(2 * self.places - len(under_way), 0)):
                    start(_Task(part))
                if not under_way:
                    break
                for ref in self._ray.wait([*under_way], timeout=LOOK_SECONDS)[0]:
                    ended = under_way.pop(ref)
                    answer = self._answer(ref)
                    if isinstance(answer, _Answer):
                        self.ran.parts += 1
                        self.ran.nodes.add(answer.node)
                        yield answer.result
                    elif ended.tries < TRIES:
                        self.ran.again += 1
                        start(_Task(ended.part, ended.tries + 1))
                    else:
                        lost.append(ended.part)
                        reason = answer
        finally:
            self._cancel([*under_way])
        if lost:
            raise LostPartsError(lost, reason)

    def _answer(self, ref: Any) -> _Answer | str:
        """What a task returned; why it is lost, if it is."""
        failures = self._ray.exceptions
        try:
            answer: _Answer = self._ray.get(ref)
        except failures.RayTaskError as error:
            # As it was raised there, and not in Ray's words.
            raise error.cause from None
        except failures.RayError as error:
            return str(error).split("\n", 1)[0].rstrip(".")
        return answer

    def _cancel(self, refs: list[Any]) -> None:
        if not refs:
            return
        left = refs
        for seconds in CANCEL_SECONDS:
            for ref in left:
                self._ray.cancel(ref)
            _, left = self._ray.wait(left, num_returns=len(left), timeout=seconds)
            if not left:
                return
        for ref in left:
            self._ray.cancel(ref, force=True)

    @cached_property
    def _ray(self) -> Any:
        # Ray reads its settings once, as it is imported.
        if self._address == "local" and "ray" not in sys.modules:
            _set_token()
        ray = _imported()
        if not ray.is_initialized():
            self._join(ray)
        return ray

    def _join(self, ray: Any) -> None:
        own: dict[str, Any] = {}
        if self._address == "local":
            own = {"num_cpus": self._most or None, "object_store_memory": STORE_BYTES}
            own["include_dashboard"] = False
        try:
            _retried(lambda: self._init(ray, own), ray.shutdown, START_TRIES if own else 1)
        except Exception as error:  # Ray raises bare ones, too: for a node that is slow to start
            reason = str(error).split("\n", 1)[0][:300]
            raise FleetUnreachableError(
                f"Ray cannot be used at {self._address} ({reason}); check OFF_PLATFORM_RAY_ADDRESS."
            ) from error

    def _init(self, ray: Any, own: dict[str, Any]) -> None:
        with _signals_kept():
            ray.init(self._address, log_to_driver=False, logging_level="warning", **own)


def _retried(start: Callable[[], None], clear: Callable[[], None], tries: int) -> None:
    """Starts Ray; again if it was too slow, for which its own bound of 30 seconds is fixed."""
    for left in reversed(range(tries)):
        try:
            start()
        except Exception:
            clear()
            if not left:
                raise
        else:
            return


def _done(work: Callable[[Any], Any], part: Any, expected: str) -> _Answer:
    """What a task does in a worker: the work on a part, with the name of the node."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As in what `nohup` or a script starts in the background; Ray interrupts by this signal.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if (found := version(PACKAGE)) != expected:
        raise UnusableFleetError(
            f"a node of the cluster has {PACKAGE} {found}, this machine {expected}: install the "
            "same version on both."
        )
    return _Answer(_imported().get_runtime_context().get_node_id(), work(part))


def _imported() -> Any:
    """Ray, which is an extra."""
    # As in all other tools here, no usage statistics are collected.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise UnusableFleetError(
            f"OFF_PLATFORM_FLEET=ray needs Ray: install {PACKAGE}[ray], or set it to here."
        ) from None
    return ray


def _set_token() -> None:
    """Lets only this run use the Ray that it starts, unless the user has set how.

    Ray listens on the network, and would otherwise write a token into the home folder.
    """
    if not any(name in os.environ for name in _TOKEN_SETTINGS):
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keeps the handler of SIGTERM, which `ray.init` replaces: Dagster ends a run by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def demand_reachable(fleet: Fleet, locations: Iterable[str]) -> None:
    """Ensures that all places of a fleet can reach folders and buckets.

    Raises:
        UnusableFleetError: one is a folder of this machine, and the fleet is not on it.
    """
    if fleet.one_disk:
        return
    for location in locations:
        if is_local(location):
            raise UnusableFleetError(
                f"{location} is a folder of this machine, which the other machines of a cluster "
                "cannot use: name an s3:// location, or set OFF_PLATFORM_FLEET=here."
            )


def fleet_from(settings: Settings) -> Fleet:
    """Where the settings say that parts are done.

    Raises:
        UnusableFleetError: the lake is a folder of this machine, and Ray is elsewhere.
    """
    if settings.fleet == "here":
        return Here()
    is_near = settings.ray_address == "local"
    fleet = RayFleet(settings.ray_address, settings.fleet_places, one_disk=is_near)
    demand_reachable(fleet, [settings.lake])
    return fleet
