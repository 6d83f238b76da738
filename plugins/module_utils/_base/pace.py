# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All lengths of time: how long the plugins wait for what, and who gives up when. The guide's table is made from it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator


class Waits(NamedTuple):
    """The waits in one situation: they grow from the first to a maximum and stay there.

    :param situation: the reason for the waits, for the guide.
    :param first: seconds.
    :param growth: each wait is so many times the one before.
    :param maximum: seconds.
    :param gives_up: the end of the waits, for the guide.
    :param least: where it is given, each wait is random: between these seconds and the growing number.
    """

    situation: str
    first: float
    growth: float
    maximum: float
    gives_up: str
    least: Optional[float] = None

    def delays(self) -> Iterator[float]:
        """The waits in seconds, one after the other, without end."""
        delay = min(self.first, self.maximum)
        while True:
            yield delay if self.least is None else random.uniform(self.least, delay)  # noqa: S311 - no secret
            delay = min(delay * self.growth, self.maximum)


_TASK = "the task, after ``wait_timeout``"

# -- how long a request, a task and its faults may take

REQUEST_SECONDS = 30
"""One HTTP request may take so long, where ``timeout`` is not given."""
MIN_REQUEST_SECONDS = 0.1
"""The last request of a task may take so long, however little time is left."""
MAX_REQUEST_SECONDS = 3600
"""``timeout`` is at most so long."""
DEADLINE_SLACK_SECONDS = 0.25
"""A request is given up so long after its time is over: the sockets' own time-outs, which say more, come first."""
MAX_TASK_SECONDS = 86400
"""``wait_timeout`` and the ``interval`` of the event source are at most so long."""
READ_SECONDS = 300
"""``targets_info``, the inventory and the event source read for so long at most."""
INTERVAL_SECONDS = 30
"""The event source waits so long between two reads, where ``interval`` is not given."""
MAX_FAILED_INTERVAL_SECONDS = 300
"""The event source doubles its interval up to so long while reads fail, unless the interval is longer."""
PATIENCE_SECONDS = 60.0
"""A request is sent again for so long after the first of its faults that may pass."""
FIRST_ATTEMPTS = 4
"""Attempts of a read without a connection, where the API has not answered yet: the address is probably wrong."""
ROUNDING_SECONDS = 0.001
"""Sums of seconds are off by less than this."""

# -- how fast a task sends

MAX_RATE = 18.5
"""Requests of one action a second: below the API's 20, so that a late request makes no second too full."""
MIN_RATE = 0.5
"""Requests of one action a second that a task sends at least, however often it is throttled."""
RECOVERY_RATE = 1.0
"""The rate grows by so many requests a second in each second."""
HALVING_SECONDS = 1.0
"""The rate is halved at most once in this time: requests under way at the old rate say nothing of the new one."""
CATCH_UP_SECONDS = 0.005
"""The next turn catches up on an oversleep of at most so long."""

THROTTLED = Waits(
    "A request was answered 'too many requests'; all requests of its action wait, and then come half as fast",
    1.0,
    2.0,
    16.0,
    _TASK,
    least=0.0,
)
BUSY = Waits(
    "A request was answered 'the load balancer is busy'; after a write the task reads and plans again",
    0.75,
    2.0,
    3.25,
    _TASK,
    least=0.25,
)
FAULT = Waits(
    "A read failed: no connection, a cut one, ``InternalError``, or HTTP 5xx",
    0.5,
    2.0,
    4.0,
    f"the read, {PATIENCE_SECONDS:g} s after the first such fault; without a connection, after {FIRST_ATTEMPTS} "
    "attempts if the API has not answered yet",
    least=0.0,
)
UNSENT = Waits(
    "A write did not reach the endpoint",
    0.5,
    2.0,
    4.0,
    f"the task, {PATIENCE_SECONDS:g} s after the first such fault",
    least=0.2,
)

# -- how long the cloud takes to carry out a write, and its reads to show it

SETTLE_SECONDS = 5.0
"""A read may lag so long behind a write: an absence is not believed before (API notes: 'a few seconds')."""
LAST_DOUBT_SECONDS = 3 * SETTLE_SECONDS
"""The last call of unknown outcome may take so long: no later 'busy' can show that its task still runs."""
FIRST_LOOK_SECONDS = 0.2
"""The first read after an accepted write: the API may have applied it before it answered."""
LEARN_SECONDS = 5.0
"""A load balancer waits so long at most for what the first ones learn of the cloud's pace."""
FIRST_LOOK_SHARE = 0.95
"""A call that waits for the end of a task looks for it after this share of the last task's time."""

LAST_TASK = Waits("The cloud carries out a write, and no other write waits", 0.8, 1.4, 2.0, _TASK)
NEXT_TASK = Waits("The cloud carries out a write, and the next one waits for its end", 0.01, 1.1, 0.25, _TASK)
READ_BACK = Waits(
    "An accepted write, or one of unknown outcome, does not show in reads yet",
    0.3,
    1.7,
    2.0,
    f"the wait, {SETTLE_SECONDS:g} s after the end of the write; {LAST_DOUBT_SECONDS:g} s for the last one of unknown "
    "outcome",
)
HEALTH = Waits("Targets are not healthy yet (``wait_for_health``)", 0.5, 1.7, 3.0, _TASK)

# -- how old what was read may be

HEALTH_SECONDS = 2.0
"""Health may be so old when a loss is sent."""
FRESH_SECONDS = 5.0
"""An older entry of a restore file gets a new time before the next call for its binding."""
REMEMBERED_STEP_SECONDS = 1
"""An entry of a restore file that is written again gets a time that is later by so much at least."""
CLOCK_SKEW_SECONDS = 60
"""A refused signature is blamed on this host's clock where it is off by so much: requests take time as well."""

# -- how long tasks on one controller wait for each other

LOCK = Waits("Another task on this controller holds a guard's lock, or the restore file", 0.05, 1.0, 0.05, _TASK)
ROTATION_FILE_SECONDS = 60
"""The role waits so long for its restore file."""

# -- credentials

RENEW_BEFORE_SECONDS = 300.0
"""Temporary credentials are replaced so long before their end: the cloud accepts clocks that are off by as much."""
RENEW_PAUSE_SECONDS = 30.0
"""Credentials that are still good are used for so long after new ones could not be had."""
METADATA_SECONDS = 2.0
"""A CVM's metadata service is on the same host; a role's name and its credentials together may take so long."""
ROLE_SECONDS = 7200
"""A role is assumed for so long, where ``role_session_duration`` is not given."""
MAX_ROLE_SECONDS = 43200
"""A role can be assumed for so long at most."""
