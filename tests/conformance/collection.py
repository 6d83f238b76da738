# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways to a cloud: the collection's own client, and the emulator. Only this file imports the collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, Refused
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.refusals import Remedy, ruling_for
from clb_emulator.errors import ApiError, BrokenAnswer

from .calls import Answer, Kind, Unusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clb_emulator.clock import Clock
    from clb_emulator.inprocess import InProcess

_DAY = 86400.0
# Nobody knows whether an internal error has changed something.
_KINDS = {Remedy.WAIT_THROTTLED: Kind.THROTTLED, Remedy.WAIT_BUSY: Kind.BUSY, Remedy.TRANSIENT: Kind.LOST}


def refused(code: str, message: str) -> Answer:
    """Return the answer that a refusal is, with what the collection takes it for."""
    return Answer(_KINDS.get(ruling_for(code, message).remedy, Kind.REFUSED), code=code, message=message)


class EmulatorApi:
    """The emulated cloud inside this process, on a clock that only waiting moves."""

    def __init__(self, cloud: InProcess) -> None:
        self._cloud = cloud
        self.now, self.sleep = cloud.now, cloud.sleep

    def call(self, action: str, params: Mapping[str, Any], *, write: bool) -> Answer:
        try:
            return Answer(Kind.ACCEPTED, self._cloud.call(action, params))
        except ApiError as error:
            return refused(error.code, error.message)
        except BrokenAnswer as error:
            return Answer(Kind.LOST, code="UnexpectedAnswer", message=str(error))


class CollectionApi:
    """One region's API, as the collection's modules call it, with the connection options of ``environ``."""

    def __init__(self, environ: Mapping[str, str], timeout: float, clock: Clock) -> None:
        self.now, self.sleep = clock.now, clock.sleep
        budget = Budget(_DAY, timeout, clock=clock.now, pause=clock.sleep)
        try:
            connection = connect({"timeout": timeout}, environ, budget)
        except ClbError as error:
            raise Unusable(error.message) from error
        self._client = connection.clb.api
        self.endpoint, self.region, self.secrets = connection.endpoint, connection.region, connection.secrets

    def call(self, action: str, params: Mapping[str, Any], *, write: bool) -> Answer:
        try:
            if write:
                return Answer(Kind.ACCEPTED, self._client.write(action, params))
            return Answer(Kind.ACCEPTED, self._client.read(action, params, last_attempt=True))
        except Refused as error:
            return refused(error.code, error.api_message)
        except ClbError as error:
            return Answer(Kind.LOST, code=error.code, message=error.message)
