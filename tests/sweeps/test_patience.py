"""How long a silent cluster is waited for: never too short for a slow machine, never for ever."""

from itertools import repeat

from hypothesis import given
from hypothesis import strategies as st

from opsportal.sweeps.patience import Patience

LEAST = 90.0
LOOK = 5.0


def live(patience: Patience, start: float, gaps: list[float]) -> int:
    """Clusters on a machine that takes `start` seconds to the first beat, then `gaps`: how many were killed?"""
    kills, to_come = 0, iter([start, *gaps])
    wanted = next(to_come)
    patience.start()
    while True:
        patience.wait(LOOK)
        if patience.silence >= wanted:
            patience.answered()
            wanted = next(to_come, -1.0)
            if wanted < 0:
                return kills
        elif patience.has_ended:
            kills += 1
            patience.give_up()
            patience.start()
            to_come = iter([start, *gaps])
            wanted = next(to_come)


def test_a_machine_that_keeps_up_is_given_what_is_configured():
    patience = Patience(LEAST)
    assert live(patience, 20, list(repeat(5.0, 100))) == 0
    assert patience.limit == LEAST


def test_a_start_that_takes_longer_than_the_limit_succeeds_after_a_few_tries():
    assert live(Patience(LEAST), 300, [5.0]) == 2


def test_beats_slower_than_the_limit_do_not_kill_the_cluster_again_and_again():
    assert live(Patience(LEAST), 100, list(repeat(170.0, 50))) == 1


def test_a_machine_that_has_recovered_is_soon_judged_as_before():
    patience = Patience(LEAST)
    live(patience, 300, list(repeat(5.0, 20)))
    assert patience.limit == LEAST


def test_a_cluster_that_never_beats_is_given_up_again_and_again_but_ever_more_seldom():
    patience, limits = Patience(LEAST), []
    for _ in range(6):
        patience.start()
        while not patience.has_ended:
            patience.wait(LOOK)
        limits.append(patience.limit)
        patience.give_up()
    assert limits == [90, 180, 360, 600, 600, 600]


def test_a_cluster_that_hangs_each_time_is_cured_in_the_configured_time():
    """A hang is no sign of a slow machine: the patience shown to it ends with the next one's first beat."""
    patience = Patience(LEAST)
    for _ in range(20):
        patience.start()
        patience.wait(10)
        patience.answered()
        assert patience.limit == LEAST
        while not patience.has_ended:
            patience.wait(LOOK)
        patience.give_up()


@given(
    least=st.floats(0.1, 2_000),
    story=st.lists(st.one_of(st.floats(0, 5_000), st.sampled_from(["beat", "start", "kill"])), max_size=60),
)
def test_the_limit_stays_between_what_is_configured_and_ten_minutes(least: float, story: list[float | str]):
    patience = Patience(least)
    moves = {"beat": patience.answered, "start": patience.start, "kill": patience.give_up}
    for move in story:
        moves[move]() if isinstance(move, str) else patience.wait(move)
        assert least <= patience.limit <= max(600, least)
