# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where credentials come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ._errors import CredentialsNotFound


@dataclass(frozen=True)
class Credentials:
    """One set of credentials; the secret parts are left out of ``repr``.

    :param secret_id: the ID of the key.
    :param secret_key: the key.
    :param token: for temporary credentials, else None.
    :param expires_at: seconds since the epoch, None for permanent ones.
    """

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None

    def secrets(self) -> tuple[str, ...]:
        """The texts that must never be shown."""
        return tuple(text for text in (self.secret_key, self.token) if text)


class CredentialSource(Protocol):
    """Gives credentials that are good now; asked before every request, so that expired ones can be renewed."""

    def current(self) -> Credentials:
        """The credentials to sign the next request with."""


class FixedCredentials:
    """Credentials that do not change while a task runs."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def current(self) -> Credentials:
        """The credentials given at the start."""
        return self._credentials


def find_credentials(options: Mapping[str, Any], environ: Mapping[str, str]) -> CredentialSource:
    """Find credentials in the options, else in the environment.

    :param options: the connection options.
    :param environ: the environment variables.
    :raises CredentialsNotFound: there are none, or only half a pair.
    """
    for names, values in (
        (("secret_id", "secret_key", "token"), options),
        (("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"), environ),
    ):
        secret_id, secret_key, token = (values.get(name) for name in names)
        if secret_id and secret_key:
            return FixedCredentials(Credentials(secret_id, secret_key, token or None))
        if secret_id or secret_key:
            missing = names[1] if secret_id else names[0]
            raise CredentialsNotFound(f"{missing} is missing: its other half is given.")
    raise CredentialsNotFound(
        "No credentials: give secret_id and secret_key, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY."
    )
