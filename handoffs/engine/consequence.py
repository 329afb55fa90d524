"""What a stage does: who is told, who takes over, what goes up. Decided on ids alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from handoffs.engine.ladder import Stage


@dataclass(frozen=True, slots=True)
class Standing:
    """How the people around a record stand at one instant. `away` holds who is absent or has left; `held_by`
    everybody who has owned it in this cycle; `managers` maps a person to their manager.
    """

    owner: int | None
    backup: int | None
    fallback: int | None
    held_by: tuple[int, ...] = ()
    away: frozenset[int] = frozenset()
    managers: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effect:
    """What a stage comes to. `alerted` and `notified` may overlap: each person is told once. `kept` says that a
    takeover was due and nobody was left.
    """

    alerted: tuple[int, ...] = ()
    notified: tuple[int, ...] = ()
    new_owner: int | None = None
    breached: bool = False
    kept: bool = False
    escalates: bool = False

    @property
    def recipients(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys((*self.alerted, *self.notified)))


def effect_of(stage: Stage, standing: Standing) -> Effect:
    """What the stage does now. The takeover is decided first, so that whoever is told is told who owns it."""
    actions = set(stage.actions)
    new_owner = take_over(standing) if "reassign_to_backup" in actions else None
    return Effect(
        alerted=_alerted(actions, standing),
        notified=_notified(actions, standing, new_owner),
        new_owner=new_owner,
        breached="mark_breached" in actions,
        kept="reassign_to_backup" in actions and new_owner is None,
        escalates="escalate" in actions,
    )


def take_over(standing: Standing) -> int | None:
    """Who takes over from the owner: the backup, else the fallback person; nobody who is away or has had it already."""
    barred = {standing.owner, *standing.held_by, *standing.away, None}
    return next((person for person in (standing.backup, standing.fallback) if person not in barred), None)


def after(standing: Standing, effect: Effect) -> Standing:
    """How people stand once the effect has come about: what the next stage of the same sweep starts from."""
    if effect.new_owner is None:
        return standing
    return replace(standing, owner=effect.new_owner, held_by=(*standing.held_by, effect.new_owner))


def _alerted(actions: set[str], standing: Standing) -> tuple[int, ...]:
    told = []
    if "alert_owner" in actions:
        told.append(standing.owner)
        if standing.owner is None or standing.owner in standing.away:
            told.append(standing.backup)
    if "alert_backup" in actions:
        told.append(standing.backup)
    return _people(*told)


def _notified(actions: set[str], standing: Standing, new_owner: int | None) -> tuple[int, ...]:
    told: list[int | None] = []
    if "notify_both" in actions:
        told += [standing.owner, new_owner if new_owner else standing.backup]
    elif new_owner:
        told.append(new_owner)
    if "notify_manager" in actions:
        told.append(_manager(standing, new_owner))
    return _people(*told)


def _manager(standing: Standing, new_owner: int | None) -> int | None:
    """The manager of whoever owns it now; where none is named, of somebody who had it before."""
    holders = [new_owner, standing.owner, *reversed(standing.held_by)]
    return next((standing.managers[one] for one in holders if one is not None and one in standing.managers), None)


def _people(*ids: int | None) -> tuple[int, ...]:
    return tuple(dict.fromkeys(one for one in ids if one is not None))
