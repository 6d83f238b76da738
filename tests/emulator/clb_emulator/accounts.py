# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key pairs that may call: permanent ones, and temporary ones that expire."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_SECRET_ID = "AKIDemulatorEXAMPLE00000000000000000"
DEFAULT_SECRET_KEY = "emulatorEXAMPLEkey00000000000000"
DEFAULT_ACCOUNT = "100000000001"


@dataclass(frozen=True)
class Credential:
    """One key pair. ``expires`` is a time of day, seconds since 1970; None for a permanent pair."""

    secret_id: str
    secret_key: str
    token: str | None = None
    account: str = DEFAULT_ACCOUNT
    expires: float | None = None


class Accounts:
    """All key pairs that the server knows."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self._known = {credential.secret_id: credential for credential in credentials}

    @property
    def first(self) -> Credential:
        """The pair that is printed at the start, for clients to use."""
        return next(iter(self._known.values()))

    def issue(self, account: str, expires: float) -> Credential:
        """Make a temporary pair of ``account`` that expires at ``expires`` (seconds since 1970)."""
        credential = Credential(
            secret_id=f"AKIDtmp{secrets.token_hex(24)}",
            secret_key=secrets.token_urlsafe(32),
            token=secrets.token_urlsafe(128),
            account=account,
            expires=expires,
        )
        self._known[credential.secret_id] = credential
        return credential

    def expire(self) -> None:
        """Let all temporary pairs expire now."""
        self._known = {
            name: credential if credential.expires is None else replace(credential, expires=0.0)
            for name, credential in self._known.items()
        }

    def find(self, secret_id: str) -> Credential:
        """Return the pair of this ID.

        :raises ApiError: there is none.
        """
        if secret_id not in self._known:
            raise ApiError("AuthFailure.SecretIdNotFound", "The SecretId is not found, please check it.")
        return self._known[secret_id]

    @staticmethod
    def check_token(credential: Credential, token: str | None, wall: float) -> None:
        """Check the token sent beside a pair, at the time of day ``wall``.

        :raises ApiError: it is not the pair's token, or has ended.
        """
        if (token or None) != credential.token:
            raise ApiError("AuthFailure.TokenFailure", "The provided token is wrong or missing.")
        if credential.expires is not None and wall >= credential.expires:
            raise ApiError("AuthFailure.TokenFailure", "The provided token has expired.")
