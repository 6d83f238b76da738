# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two actions of the Security Token Service that give temporary credentials.

Field names are those of the vendor's SDK, ``tencentcloud.sts.v20180813.models``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._base.errors import CredentialsNotFound, Refused
from .credentials import Credentials, parse_temporary

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICE = "sts"
VERSION = "2018-08-13"


class Api(Protocol):
    """What this module needs of the client."""

    def read(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that changes nothing."""


class RoleSession(NamedTuple):
    """A role, and how to assume it.

    :param name: the session's name, which the account's audit log shows.
    :param seconds: how long the credentials are good.
    """

    arn: str
    name: str
    seconds: int


def assume_role(api: Api, session: RoleSession) -> Credentials:
    """Get the credentials of a role, with the credentials that the client signs with.

    :param session: the role, and how to assume it.
    :raises CredentialsNotFound: STS refuses.
    :raises ClbError: STS can't be reached, or answers something else.
    """
    advice = "Check role_arn, the role's trust policy, and that these credentials may call sts:AssumeRole."
    return _ask(api, "AssumeRole", session, {}, advice)


def assume_role_with_web_identity(api: Api, session: RoleSession, provider_id: str, web_token: str) -> Credentials:
    """Get the credentials of a role with a token of another identity provider; the request needs no signature.

    :param api: a client of STS without credentials.
    :param session: the role, and how to assume it.
    :raises CredentialsNotFound: STS refuses.
    :raises ClbError: STS can't be reached, or answers something else.
    """
    identity = {"ProviderId": provider_id, "WebIdentityToken": web_token}
    advice = "Check the role's trust policy, and that its identity provider is this cluster's."
    return _ask(api, "AssumeRoleWithWebIdentity", session, identity, advice)


def _ask(api: Api, action: str, session: RoleSession, more: dict[str, Any], advice: str) -> Credentials:
    params = {"RoleArn": session.arn, "RoleSessionName": session.name, "DurationSeconds": session.seconds, **more}
    try:
        answer = api.read(action, params)
    except Refused as refusal:
        # Not to be taken for a refusal of the write for which the credentials were wanted.
        raise CredentialsNotFound(
            f"Can't assume the role {session.arn}: {refusal.message} {advice}",
            code=refusal.code,
            action=refusal.action,
            request_id=refusal.request_id,
            api_message=refusal.api_message,
        ) from refusal
    return parse_temporary(answer.get("Credentials"), answer.get("ExpiredTime"), f"{action} of STS")
