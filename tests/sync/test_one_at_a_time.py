"""One cycle at a time, over threads, processes and hosts that share a database; and whoever lost the lease commits nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from databases import KINDS, database
from fake_house import House
from sqlalchemy.exc import OperationalError

from crmsync.errors import RetryLater, StopConnector
from crmsync.store import Store
from crmsync.store.leases import HOLDS_FOR, Held, Holder, Leases, database_clock
from crmsync.sync import lease
from crmsync.sync.forget import forget, readmit
from crmsync.sync.lease import Process, alone, is_dead
from crmsync.sync.letters import retry
from crmsync.sync.parting import take_back
from crmsync.sync.pipeline import run_cycle
from crmsync.sync.reviews import different, same
from crmsync.sync.workspace import Moment

HERE, THERE = Holder("here:1", "run"), Holder("there:1", "run")
BOTH = ("ma", "sfa")


class Clock:
    """The database's clock, which a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, tzinfo=UTC)

    def __call__(self, _db: object) -> datetime:
        return self.now


def opened(url: str, clock: Clock) -> Store:
    """The shared database as another process opens it."""
    store = Store.open(url)
    store.leases._clock = clock
    return store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def here(url: str, clock: Clock):
    store = opened(url, clock)
    yield store
    store.close()


@pytest.fixture
def there(url: str, clock: Clock, here: Store):
    store = opened(url, clock)
    yield store
    store.close()


def test_who_comes_second_is_told_who_is_at_work(here: Store, there: Store) -> None:
    here.leases.acquire(BOTH, HERE)
    with pytest.raises(RetryLater) as refused:
        there.leases.acquire(("sfa",), THERE)
    assert refused.value.code == "lease.taken"
    assert refused.value.params["holder"] == "here:1"
    assert refused.value.params["verb"] == "run"
    assert 0 < refused.value.after_seconds <= HOLDS_FOR.total_seconds()


def test_all_connections_are_taken_or_none(here: Store, there: Store) -> None:
    here.leases.acquire(("sfa",), HERE)
    with pytest.raises(RetryLater):
        there.leases.acquire(BOTH, THERE)
    assert there.leases.held is None
    there.leases.acquire(("ma",), THERE)


def test_a_lease_given_back_is_free_at_once(here: Store, there: Store) -> None:
    here.leases.release(here.leases.acquire(BOTH, HERE))
    assert there.leases.acquire(BOTH, THERE).fence == 2


def test_a_lease_that_was_renewed_holds_and_one_that_ran_out_is_taken_over(here: Store, there: Store, clock: Clock) -> None:
    here.leases.acquire(BOTH, HERE)
    clock.now += HOLDS_FOR - timedelta(seconds=1)
    here.leases.renew()
    clock.now += HOLDS_FOR - timedelta(seconds=1)
    with pytest.raises(RetryLater):
        there.leases.acquire(BOTH, THERE)
    clock.now += timedelta(seconds=2)
    there.leases.acquire(BOTH, THERE)


def test_who_lost_the_lease_commits_nothing(here: Store, there: Store, clock: Clock) -> None:
    here.leases.acquire(BOTH, HERE)
    here.runs.set_meta("cursor", "mine")
    clock.now += HOLDS_FOR
    there.leases.acquire(BOTH, THERE)
    with pytest.raises(StopConnector, match=r"lease\.lost"):
        here.runs.set_meta("cursor", "mine, later")
    with pytest.raises(StopConnector, match=r"lease\.lost"), here.transaction() as db:
        here.runs.set_meta_in(db, "cursor", "mine, in a transaction")
    with pytest.raises(StopConnector, match=r"lease\.lost"):
        here.leases.renew()
    there.runs.set_meta("cursor", "theirs")
    assert here.runs.meta("cursor") == "theirs"


def test_who_lost_the_lease_takes_nothing_from_who_has_it_by_giving_it_back(here: Store, there: Store, clock: Clock) -> None:
    lost = here.leases.acquire(BOTH, HERE)
    clock.now += HOLDS_FOR
    there.leases.acquire(BOTH, THERE)
    here.leases.release(lost)
    there.runs.set_meta("cursor", "theirs")
    assert here.runs.meta("cursor") == "theirs", "whoever has the lease commits on"


def test_a_clock_that_jumps_ahead_costs_the_lease_and_never_the_data(here: Store, there: Store, clock: Clock) -> None:
    """As a host whose clock is wrong would: it takes over too early, and only one of the two can go on."""
    here.leases.acquire(BOTH, HERE)
    clock.now += timedelta(days=400)
    there.leases.acquire(BOTH, THERE)
    clock.now -= timedelta(days=400)
    there.runs.set_meta("cursor", "theirs")
    with pytest.raises(StopConnector):
        here.runs.set_meta("cursor", "mine")


def test_of_many_who_race_for_it_one_gets_it(url: str) -> None:
    stores = [Store.open(url) for _ in range(6)]
    gate, got, refused = threading.Barrier(len(stores)), [], []

    def race(store: Store) -> None:
        gate.wait()
        try:
            got.append(store.leases.acquire(BOTH, Holder("x:1", "run")))
        except RetryLater as error:
            refused.append(error)

    threads = [threading.Thread(target=race, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert (len(got), len(refused)) == (1, 5)


def test_the_databases_clock_is_the_real_one(here: Store) -> None:
    with here.transaction() as db:
        told = database_clock(db)
    assert abs((told - datetime.now(UTC)).total_seconds()) < 5  # noqa: TID251 - that is what it is compared with


# ------------------------------------------------------------------------------------------------------------- whole cycles


def test_a_second_cycle_on_the_same_database_does_nothing_and_says_why(house: House) -> None:
    house.mql()
    with alone(house.workspace, "run"), pytest.raises(RetryLater, match=r"lease\.taken"):
        run_cycle(house.workspace, Moment(house.clock.now()))
    assert house.writes == []
    house.cycle()
    assert house.writes


def test_a_rehearsed_instant_does_not_make_a_lease_run_out(house: House) -> None:
    with alone(house.workspace, "run"), pytest.raises(RetryLater):
        run_cycle(house.workspace, Moment(datetime(2099, 1, 1, tzinfo=UTC), is_rehearsal=True))


def test_a_cycle_that_loses_its_lease_while_it_writes_keeps_nothing_of_it_and_sends_no_further_batch(house: House) -> None:
    house.mql("a@acme.example")
    other = Store.open(f"sqlite:///{house.directory / 'house.db'}")

    def take_over(_change: object) -> None:
        house.sfa.trouble.before_write = lambda _change: None
        other.leases.acquire(BOTH, THERE, is_dead=lambda _name: True)

    house.sfa.trouble.before_write = take_over
    with pytest.raises(StopConnector, match=r"lease\.lost"):
        house.cycle()
    assert {"planned", "sending"} <= set(other.outbox.outcomes(other.runs.frame()["run_id"][-1])), "and what the MA took"
    assert {change.object for change in house.sfa.writes} == {"tasks"}, "one batch was under way, the next was not sent"
    other.leases.release(other.leases.held or Held((), 0))
    other.close()
    house.cycle()
    house.cycle()
    assert len(house.tasks()) == 1
    house.forget_writes()
    house.cycle()
    assert house.writes == []


def test_a_long_cycle_shows_a_sign_of_life(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = threading.Event()
    monkeypatch.setattr(lease, "_RENEW_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(Leases, "renew", lambda _leases: renewed.set())
    with alone(house.workspace, "run"):
        assert renewed.wait(10)


@pytest.mark.parametrize("error", [OperationalError("select", {}, Exception("database is locked")), StopConnector("lease.lost")])
def test_a_sign_of_life_that_fails_ends_no_cycle(house: House, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    tried = threading.Event()

    def fail(_leases: Leases) -> None:
        tried.set()
        raise error

    monkeypatch.setattr(lease, "_RENEW_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(Leases, "renew", fail)
    with alone(house.workspace, "run"):
        assert tried.wait(10)


# --------------------------------------------------------------------------------------------------------- other processes

AT_WORK = """
import sys, time
from crmsync.store import Store
from crmsync.store.leases import Holder
from crmsync.sync.lease import Process
store = Store.open(sys.argv[1])
store.leases.acquire(("ma", "sfa"), Holder(str(Process.this()), "run"))
print("at work", flush=True)
sys.stdin.readline()
store.runs.set_meta("cursor", "of a process that was taken for dead")
"""


def start(url: str) -> subprocess.Popen[str]:
    """Another process that takes the lease and works until it is told to commit."""
    process = subprocess.Popen(
        [sys.executable, "-c", AT_WORK, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told apart by /proc")
def test_a_process_that_was_killed_is_not_waited_for_and_one_that_lives_is(url: str) -> None:
    store = Store.open(url)
    process = start(url)
    with pytest.raises(RetryLater):
        store.leases.acquire(BOTH, HERE, is_dead)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert store.leases.acquire(BOTH, HERE, is_dead).fence == 2
    store.close()


def test_of_two_processes_only_the_writes_of_the_one_with_the_lease_land(url: str) -> None:
    store = Store.open(url)
    process = start(url)
    store.leases.acquire(BOTH, HERE, is_dead=lambda _name: True)
    store.runs.set_meta("cursor", "of the one with the lease")
    _, told = process.communicate("commit\n", timeout=60)
    assert process.returncode != 0
    assert "lease.lost" in told
    assert store.runs.meta("cursor") == "of the one with the lease"
    store.close()


def test_this_process_lives_and_strangers_are_not_declared_dead() -> None:
    this = Process.this()
    assert not is_dead(str(this))
    assert not is_dead("elsewhere:1")
    assert not is_dead(str(Process("elsewhere", 1, "1", "another-kernel")))
    if this.kernel:
        assert is_dead(str(Process(this.host, this.id, "1", this.kernel))), "its id was given to another"
        assert is_dead(str(Process(this.host, 2**22 + 1, "1", this.kernel))), "nobody has that id"
    assert this.id == os.getpid()


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param(lambda house: forget(house.workspace, "a@acme.example", house.clock.now()), id="forget"),
        pytest.param(lambda house: readmit(house.workspace, "a@acme.example"), id="readmit"),
        pytest.param(lambda house: retry(house.workspace, None), id="retry"),
        pytest.param(lambda house: same(house.workspace, "sfa/contacts/1", None, "head", house.clock.now()), id="same"),
        pytest.param(lambda house: different(house.workspace, "sfa/contacts/1", None, "head", house.clock.now()), id="different"),
        pytest.param(lambda house: take_back(house.workspace, "sfa/contacts/1", "head", house.clock.now()), id="take back"),
    ],
)
def test_what_an_admin_does_never_falls_into_a_cycle_that_would_store_what_it_read_before(
    house: House, deed: Callable[[House], object]
) -> None:
    house.mql("a@acme.example")
    house.cycle()
    with alone(house.workspace, "run"), pytest.raises(RetryLater, match=r"lease\.taken"):
        deed(house)
