"""The instants at which a cron expression ticks in a time zone, also on days when clocks change. Pure.

Airflow's own ``CronDataIntervalTimetable`` works on the clock's face. Where a tick falls into the hour that spring leaves
out, its tick before the next tick is not the tick it came from: ``catchup=False`` then skips a day, and the last complete
interval has no length. Here every tick is an instant of one ordered set, so that the neighbours of each are the same from
both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile

from croniter import croniter

from chargebee_operators.chargebee.windows import as_utc
from chargebee_operators.common.exceptions import SettingsError
from chargebee_operators.common.spelling import nearest

# Airflow's presets: https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/cron.html
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}

# croniter draws another number for it at each reading, and asks for a seed in the place of H.
_RANDOM = re.compile(r"(?<![A-Z])[HR](?![A-Z])", re.IGNORECASE)
# No clock has been moved by more than a day at once.
_NEAR, _STEP, _MINUTE = timedelta(hours=26), timedelta(hours=4), timedelta(minutes=1)


def check_cron(name: str, cron: object) -> None:
    """Refuse what never ticks, or does not tick at the same times whenever it is read.

    :param name: what the expression is called, for the error.
    :raises SettingsError: with the nearest preset, where one is near.
    """
    expression = PRESETS.get(cron, cron) if isinstance(cron, str) else ""
    try:
        if len(expression.split()) == 5 and not _RANDOM.search(expression):
            croniter(expression, start_time=datetime(2024, 1, 1)).get_next(datetime)
            return
    except ValueError:  # of croniter, for a wrong field or a date that no year has
        pass
    near = nearest(cron, PRESETS) if isinstance(cron, str) else ""
    raise SettingsError(
        f"{name} {cron!r} is not a cron expression{near}: write five fields, for example '0 6 * * *', one of "
        f"{', '.join(PRESETS)}, or None for runs by hand only."
    )


class CronTicks:
    """The ticks of a cron expression in a time zone.

    A time that a clock leaves out ticks as much later as the clock was moved: 02:30 at 03:30. Of a time that a clock shows
    twice the second one ticks, as in Airflow; both tick where the expression ticks in every hour.

    :param cron: five fields, or a preset of Airflow; ``check_cron`` has accepted it.
    :param zone: the zone whose clock is meant.
    """

    def __init__(self, cron: str, zone: tzinfo) -> None:
        self._cron = PRESETS.get(cron, cron)
        self._zone = zone
        self._hourly = croniter(self._cron).expanded[1] == ["*"]

    def after(self, instant: datetime) -> datetime:
        """Return the first tick after an instant, in UTC."""
        instant = as_utc(instant)  # a plain one: pendulum's is slow to add to
        start = self._face(instant) - self._moved(instant)
        faces = self._faces(start.replace(second=0, microsecond=0), forward=True)
        for face in faces:
            ticks = [tick for tick in self._instants(face) if tick > instant]
            if ticks:
                break
        # Where the clock is moved, a later face may be an earlier instant.
        moved = self._moved(ticks[0])
        for other in takewhile(lambda each: each < face + moved, faces) if moved else ():
            ticks += [tick for tick in self._instants(other) if tick > instant]
        return min(ticks)

    def before(self, instant: datetime) -> datetime:
        """Return the last tick before an instant, in UTC."""
        instant = as_utc(instant)  # a plain one: pendulum's is slow to add to
        start = self._face(instant) + self._moved(instant)
        faces = self._faces(_up_to_minute(start), forward=False)
        for face in faces:
            ticks = [tick for tick in self._instants(face) if tick < instant]
            if ticks:
                break
        moved = self._moved(ticks[0])
        for other in takewhile(lambda each: each > face - moved, faces) if moved else ():
            ticks += [tick for tick in self._instants(other) if tick < instant]
        return max(ticks)

    def last_interval(self, at: datetime) -> tuple[datetime, datetime]:
        """Return the last two ticks that are not after an instant, in UTC.

        :param at: an instant with a zone.
        """
        end = self.before(at + timedelta(microseconds=1))
        return self.before(end), end

    def _faces(self, start: datetime, forward: bool) -> Iterator[datetime]:
        """Yield what the clock shows at the ticks before or after a time on it."""
        cron = croniter(self._cron, start_time=start)
        while True:
            yield cron.get_next(datetime) if forward else cron.get_prev(datetime)

    def _instants(self, face: datetime) -> list[datetime]:
        """Return when the clock shows a time, in UTC."""
        first, second = (face.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first > second:  # a time that the clock leaves out: fold 0 counts by the offset before
            return [first]
        return [first, second] if self._hourly else [second]

    def _face(self, instant: datetime) -> datetime:
        return instant.astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _moved(self, instant: datetime) -> timedelta:
        """Return by how much the clock is moved about an instant; mostly nothing."""
        at = instant - _NEAR
        offsets = {(at + _STEP * number).astimezone(self._zone).utcoffset() for number in range(2 * _NEAR // _STEP + 1)}
        known = [each for each in offsets if each is not None]
        return max(known) - min(known)


def _up_to_minute(face: datetime) -> datetime:
    floor = face.replace(second=0, microsecond=0)
    return floor if floor == face else floor + _MINUTE
