import numpy as np

from triage.health.localise import Reading, rank

CALLS = {"front": {"api", "search"}, "api": {"database"}}


def reading(service: str, healthy: float, current: float, rng: np.random.Generator) -> Reading:
    return Reading(service, rng.normal(healthy, healthy / 50, 200), np.full(5, current), traffic=100.0)


def test_the_callee_is_guilty_and_not_the_callers_that_wait_for_it(rng):
    readings = [
        reading("front", 0.2, 0.7, rng),
        reading("api", 0.1, 0.6, rng),
        reading("database", 0.01, 0.51, rng),
        reading("search", 0.05, 0.05, rng),
    ]
    first = rank(readings, calls=CALLS, target="front")[0]
    assert first.service == "database"
    assert first.share > 0.9


def test_what_the_target_does_not_reach_is_not_blamed(rng):
    readings = [reading("front", 0.2, 0.7, rng), reading("batch", 0.2, 9.0, rng)]
    assert rank(readings, calls=CALLS, target="front")[0].service == "front"


def test_a_service_without_samples_is_left_out_and_not_ranked_healthy():
    gone = Reading("front", np.ones(10), np.full(3, np.nan))
    assert rank([gone]) == ()
