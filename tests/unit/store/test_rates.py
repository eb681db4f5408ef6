"""Rates: windows that all processes count in."""

from datetime import UTC, datetime, timedelta
from time import time

from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from cds_service.store.address import Address
from cds_service.store.command import migrate
from tests.unit.store.keeping import AT, opening


class Clock:
    def __init__(self):
        self.now = AT

    def __call__(self):
        return self.now


def test_processes_count_together(address, tmp_path):
    with opening(address, tmp_path / "a") as one, opening(address, tmp_path / "b") as other:
        three = RateLimitItemPerMinute(3)
        here, there = FixedWindowRateLimiter(one.rates), FixedWindowRateLimiter(other.rates)
        assert here.hit(three, "hospital")
        assert there.hit(three, "hospital", cost=2)
        assert not here.hit(three, "hospital")
        assert not there.test(three, "hospital")
        assert here.hit(three, "practice")


def test_a_window_ends(address, tmp_path):
    clock = Clock()
    with opening(address, tmp_path / "spill", clock=clock) as store:
        once = FixedWindowRateLimiter(store.rates)
        assert once.hit(RateLimitItemPerMinute(1), "hospital")
        clock.now += timedelta(seconds=59)
        assert not once.hit(RateLimitItemPerMinute(1), "hospital")
        window = once.get_window_stats(RateLimitItemPerMinute(1), "hospital")
        assert (window.reset_time, window.remaining) == ((AT + timedelta(minutes=1)).timestamp(), 0)
        clock.now += timedelta(seconds=1)
        assert once.test(RateLimitItemPerMinute(1), "hospital")
        assert once.hit(RateLimitItemPerMinute(1), "hospital")


def test_windows_can_be_forgotten(store):
    store.rates.incr("a", 60)
    store.rates.incr("b", 60)
    store.rates.clear("a")
    assert (store.rates.get("a"), store.rates.get("b")) == (0, 1)
    assert store.rates.reset() == 1
    assert store.rates.get("b") == 0
    assert store.rates.get_expiry("b") == AT.timestamp()
    assert store.rates.check()


def test_a_client_gains_nothing_when_the_database_goes(tmp_path, own_postgres):
    address = Address.read(own_postgres.database())
    migrate(address)
    with opening(address, tmp_path / "spill", clock=lambda: datetime.fromtimestamp(time(), UTC)) as store:
        assert store.rates.incr("hospital", 60) == 1
        assert store.rates.incr("hospital", 60) == 2
        own_postgres.kill()
        assert store.rates.incr("hospital", 60) == 3
        assert store.rates.get("hospital") == 3
        assert not store.rates.check()
        store.rates.clear("hospital")
        assert store.rates.reset() is None
        assert store.rates.incr("hospital", 60) == 1
