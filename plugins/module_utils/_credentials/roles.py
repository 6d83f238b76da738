# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles: of a pod, of a CVM, or on top of credentials; and the services that give their credentials.

Names are those of the vendor's SDK: ``tencentcloud.sts.v20180813.models``, and ``CVMRoleCredential`` in
``tencentcloud/common/credential.py``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._base import pace
from .._base.errors import (
    ConnectionFailed,
    CredentialsNotFound,
    InvalidArgument,
    Refused,
    UnexpectedAnswer,
    shown_value,
)
from .._base.limits import parse_json, read_text
from .credentials import Credentials, parse_temporary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .profiles import Profile

METADATA_VARIABLE = "TENCENTCLOUD_METADATA_ENDPOINT"
METADATA_PATH = "latest/meta-data/cam/security-credentials/"
SERVICE = "sts"
VERSION = "2018-08-13"
ROLE_VARIABLES = ("TENCENTCLOUD_ROLE_ARN", "TENCENTCLOUD_ASSUME_ROLE_ARN")
"""tccli's, then that of the vendor's Terraform provider; so are the next two."""
NAME_VARIABLES = ("TENCENTCLOUD_ROLE_SESSION_NAME", "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME")
DURATION_VARIABLES = ("TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION",)
USUAL_NAME = "ansible-tencentcloud-clb"
TOKEN_FILE_VARIABLE = "TKE_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - the name of a variable
_NEEDED = ("TKE_ROLE_ARN", "TKE_PROVIDER_ID", TOKEN_FILE_VARIABLE)
MAX_ARN = 2048
"""Characters of a role's name: more than STS accepts."""
_SECONDS = re.compile("[0-9]{1,9}", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_NAME = re.compile(r"[\w+=,.@-]{2,128}", re.ASCII)


class Api(Protocol):
    """The part of the client that this module uses."""

    def read(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that changes nothing."""


class RoleSession(NamedTuple):
    """A role, and how to assume it.

    :param name: the session's name, which the account's audit log shows.
    :param seconds: the lifetime of the credentials.
    """

    arn: str
    name: str
    seconds: int


class PodIdentity(NamedTuple):
    """The identity that TKE gives a pod.

    :param token_file: has a token that TKE replaces before it ends.
    """

    role_arn: str
    provider_id: str
    token_file: Path

    def read_token(self) -> str:
        """Read the token, which must not be empty.

        :raises CredentialsNotFound: the file is not there, is unreadable or is empty.
        """
        problem = "it is empty"
        try:
            token = read_text(self.token_file).strip()
        except OSError as exc:
            token, problem = "", exc.strerror or type(exc).__name__
        if not token:
            raise CredentialsNotFound(f"Can't use {self.token_file}, which {TOKEN_FILE_VARIABLE} names: {problem}.")
        return token


def find_pod_identity(environ: Mapping[str, str]) -> PodIdentity | None:
    """Find the identity that TKE gives a pod; None outside of such a pod, an error where only a part of it is there.

    :raises CredentialsNotFound: only a part of it is there.
    """
    missing = [name for name in _NEEDED if not environ.get(name)]
    if len(missing) == len(_NEEDED):
        return None
    if missing:
        given = next(name for name in _NEEDED if name not in missing)
        raise CredentialsNotFound(
            f"{' and '.join(missing)} missing in the environment, where {given} is set: a pod of TKE has them all."
        )
    role_arn, provider_id, token_file = (environ[name] for name in _NEEDED)
    return PodIdentity(role_arn, provider_id, Path(token_file))


def find_role(options: Mapping[str, Any], environ: Mapping[str, str], profile: Profile | None) -> RoleSession | None:
    """Find and check the role that is to be assumed on top of the credentials; None where no role is asked for.

    :raises InvalidArgument: the role, the session's name or the duration can't be right.
    """
    arn = str(options.get("role_arn") or _first(environ, ROLE_VARIABLES) or (profile and profile.role_arn) or "")
    if not arn:
        return None
    # Nothing else can be sent: half of a character, as JSON can have it, is not printable.
    if not arn.isprintable() or len(arn) > MAX_ARN:
        raise InvalidArgument(
            f"role_arn {shown_value(arn)} is not the name of a role; give at most {MAX_ARN} printable "
            "characters, for example qcs::cam::uin/100000000001:roleName/deploy."
        )
    return session_of(arn, options, environ, profile)


def session_of(
    arn: str, options: Mapping[str, Any], environ: Mapping[str, str], profile: Profile | None = None
) -> RoleSession:
    """Find and check the name and the length of a role's session.

    :raises InvalidArgument: one of them can't be right.
    """
    name = options.get("role_session_name") or _first(environ, NAME_VARIABLES)
    name = str(name or (profile and profile.role_session_name) or USUAL_NAME)
    if not _NAME.fullmatch(name):
        raise InvalidArgument(
            f"role_session_name {shown_value(name)} must be 2 to 128 letters, digits or any of _+=,.@- and no others."
        )
    given = options.get("role_session_duration")
    origin = "role_session_duration"
    if given is None:
        origin = DURATION_VARIABLES[0]
        given = environ.get(origin) or pace.ROLE_SECONDS
    # A text by its length first: Python takes long to convert thousands of digits.
    readable = not isinstance(given, str) or _SECONDS.fullmatch(given.strip())
    seconds = int(given) if readable else 0
    if not 1 <= seconds <= pace.MAX_ROLE_SECONDS:
        raise InvalidArgument(
            f"{origin} {shown_value(given)} must be a whole number of seconds from 1 to {pace.MAX_ROLE_SECONDS}."
        )
    return RoleSession(arn, name, seconds)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name] for name in names if environ.get(name)), None)


def assume_role(api: Api, session: RoleSession) -> Credentials:
    """Get the credentials of a role, with the credentials that the client signs with.

    :raises CredentialsNotFound: STS refuses.
    :raises ClbError: STS can't be reached, or answers something else.
    """
    advice = "Check role_arn, the role's trust policy, and that these credentials may call sts:AssumeRole."
    return _ask(api, "AssumeRole", session, {}, advice)


def assume_role_with_web_identity(api: Api, session: RoleSession, provider_id: str, web_token: str) -> Credentials:
    """Get the credentials of a role with a token of another identity provider; the request needs no signature.

    :param api: a client of STS without credentials.
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
        message = f"Can't assume the role {session.arn}: {refusal.message} {advice}"
        raise CredentialsNotFound.of(refusal, message) from refusal
    except (ConnectionFailed, UnexpectedAnswer) as fault:
        # The sentences about the address are those of every client.
        fault.add("The endpoint of STS is the option sts_endpoint.")
        raise
    return parse_temporary(answer.get("Credentials"), answer.get("ExpiredTime"), f"{action} of STS")


def fetch_role(url: str, get: Callable[[str, str], tuple[int, bytes]]) -> Credentials:
    """Get the credentials of the instance's role.

    :param url: of the metadata service.
    :param get: given a path and words for messages, gets the status and the body.
    :raises CredentialsNotFound: nothing answers there, or there is no role.
    :raises UnexpectedAnswer: something else than a metadata service answers.
    """
    role = str(_get_metadata(url, METADATA_PATH, get), "utf-8", "replace").strip()
    where = f"The metadata service at {url}{METADATA_PATH}"
    if not _ROLE_NAME.fullmatch(role):
        raise UnexpectedAnswer(f"{where} answered something that is no role's name.")
    try:
        answer: Any = parse_json(_get_metadata(url, METADATA_PATH + role, get))
    except ValueError:
        answer = None
    where += role
    if not isinstance(answer, dict):
        raise UnexpectedAnswer(f"{where} answered something that is no JSON object.")
    code = answer.get("Code")
    if code != "Success":
        how = f"with the code {code[:64]!r}" if isinstance(code, str) else "without a code"
        raise CredentialsNotFound(f"{where} answered {how} instead of credentials.")
    return parse_temporary(answer, answer.get("ExpiredTime"), where)


def _get_metadata(url: str, path: str, get: Callable[[str, str], tuple[int, bytes]]) -> bytes:
    where = f"The metadata service at {url}{path}"
    try:
        status, body = get(f"/{path}", where)
    except ConnectionFailed as fault:
        raise CredentialsNotFound(fault.message) from None
    if status == 404:
        raise CredentialsNotFound(f"{where} has no role: bind one to the instance.")
    if status != 200:
        raise UnexpectedAnswer(f"{where} answered HTTP {status}.")
    return body
