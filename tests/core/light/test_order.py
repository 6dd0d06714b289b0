"""What came first on one pair, and light that comes back."""

from __future__ import annotations

import pytest

from stationd.core.light.order import EARLIER_S, LATER_S, RESTART_S, Followers, Returns, Span, follows

LOST = Span(100.0, 100.001)


@pytest.mark.parametrize(
    ("sent", "received", "expected"),
    [
        (None, LOST, False),
        (LOST, None, False),
        (Span(99.0, 99.001), LOST, False),
        (Span(100.8, 100.801), LOST, True),
        (Span(99.5, 101.0), LOST, None),
        (LOST, LOST, None),
    ],
)
def test_sending_that_stopped_after_receiving_follows_from_it_and_what_overlaps_is_not_ordered(
    sent: Span | None, received: Span | None, expected: bool | None
) -> None:
    assert follows(sent, received) is expected


@pytest.mark.parametrize(("loss", "stands"), [(100.0 - LATER_S, False), (100.0 + EARLIER_S, False), (100.0 + EARLIER_S + 1.0, True)])
def test_light_that_comes_back_belongs_to_a_loss_that_began_with_it_and_to_no_later_one(loss: float, stands: bool) -> None:
    returns = Returns()
    assert returns.look(100.0, (), comes_back=True) == (True, True)
    assert returns.look(loss, (loss,), comes_back=True) == (True, stands)


def test_what_began_with_a_loss_is_kept_while_an_amplifier_that_shut_off_sends_nothing_that_could_come_back() -> None:
    returns = Returns()
    returns.look(100.5, (100.0,), comes_back=True)
    assert returns.look(102.0, (100.0,), comes_back=False) == (True, False)
    assert returns.look(160.0, (), comes_back=False) == (False, False)
    assert returns.look(200.0, (100.0,), comes_back=True) == (True, True)


def test_light_that_came_back_before_and_then_no_more_is_forgotten() -> None:
    returns = Returns()
    returns.look(50.0, (), comes_back=True)
    assert returns.look(51.0, (51.0 + 30.0,), comes_back=False) == (False, False)


def test_why_sending_stopped_stays_known_when_the_light_is_back_until_we_send_or_should_have() -> None:
    pairs, sent = Followers(), Span(100.8, 100.801)
    assert pairs.look(1, sent, LOST, 101.0) is True
    assert pairs.look(1, sent, None, 150.0) is True
    assert pairs.look(2, sent, None, 150.0) is False
    assert pairs.look(1, sent, None, 101.0 + RESTART_S + 1.0) is False
    assert pairs.look(1, None, None, 160.0) is False
    assert pairs.look(1, sent, None, 161.0) is False  # a new stop, with no light lost
