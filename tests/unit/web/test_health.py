"""Alive, and ready: what is said, and how long one waits for it."""

import threading

from cds_service.web.health import Readiness


def test_a_living_process_says_so(web):
    response = web.client.get("/healthz")
    assert (response.status_code, response.content_type, response.data) == (
        200,
        "application/json",
        b'{"status":"alive"}',
    )


def test_a_service_with_its_database_is_ready_and_says_what_runs(web_that):
    ready = Readiness(lambda: True, {"software": "0.1.0", "cards": "ab" * 32})
    response = web_that(ready=ready).client.get("/readyz")
    assert response.status_code == 200
    assert response.get_json() == {
        "status": "ready",
        "library": "loaded",
        "database": "reachable",
        "versions": {"software": "0.1.0", "cards": "ab" * 32},
    }


def test_a_service_without_its_database_is_alive_and_not_ready(web_that):
    web = web_that(ready=Readiness(lambda: False, {}))
    response = web.client.get("/readyz")
    assert (response.status_code, response.get_json()["status"]) == (503, "not-ready")
    assert web.client.get("/healthz").status_code == 200


def test_health_is_not_logged(web):
    web.client.get("/healthz")
    web.client.get("/readyz")
    assert web.events == []


def test_a_database_that_fails_is_not_reachable():
    def fails():
        raise OSError

    assert not Readiness(fails, {}).database()


def test_the_database_is_asked_once_a_second():
    asked, at = [], [0.0]
    ready = Readiness(lambda: not asked.append(None), {}, ticks=lambda: at[0])
    for at[0] in (0.0, 0.5, 0.99):
        assert ready.database()
    assert len(asked) == 1
    at[0] = 1.0
    assert ready.database()
    assert len(asked) == 2


def test_a_database_that_hangs_is_waited_for_a_moment_and_asked_no_second_time():
    asked, answers = [], threading.Event()

    def hangs():
        asked.append(None)
        return answers.wait(10)

    ready = Readiness(hangs, {}, wait_s=0.01)
    assert not ready.database()
    assert not ready.database()
    assert len(asked) == 1
    answers.set()
    assert Readiness(lambda: True, {}).database()


def test_who_waits_hears_what_the_others_hear():
    """Whoever asks while the question is under way gets its answer."""
    started, answers, heard = threading.Event(), threading.Event(), []

    def slow():
        started.set()
        return answers.wait(10)

    ready = Readiness(slow, {}, wait_s=10)
    waiting = [threading.Thread(target=lambda: heard.append(ready.database())) for _ in range(3)]
    for thread in waiting:
        thread.start()
    assert started.wait(10)
    answers.set()
    for thread in waiting:
        thread.join()
    assert heard == [True, True, True]
