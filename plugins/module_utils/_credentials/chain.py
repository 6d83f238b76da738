# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The chain: where credentials come from, first hit wins, and the role on top."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._base.errors import ClbError, CredentialsNotFound
from .credentials import CredentialProvider, Credentials, RefreshableCredentials, StaticCredentials, read_pair
from .profiles import DEFAULT_PROFILE, Profile, ProfileChoice, ProfileFiles
from .roles import METADATA_VARIABLE, PodIdentity, RoleSession, find_pod_identity, find_role, session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._base.secrets import Secrets

OPTION_NAMES = ("secret_id", "secret_key", "token")
ID_VARIABLE, KEY_VARIABLE = "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"
TOKEN_VARIABLES = ("TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN")
"""The SDKs' and tccli's name, then that of the vendor's Terraform provider."""
WAYS = (
    "Give secret_id and secret_key (and token, where they are temporary), or profile; "
    f"or set {ID_VARIABLE} and {KEY_VARIABLE}; "
    f"or write a profile, with tccli configure (~/.tccli/{DEFAULT_PROFILE}.credential) or for the SDKs "
    "(~/.tencentcloud/credentials or /etc/tencentcloud/credentials); "
    "or run in a pod of TKE that has an identity, or on a CVM that has a role."
)


class Remote(Protocol):
    """The sources of the chain that need the network."""

    def from_metadata(self) -> Credentials:
        """Get the credentials of the CVM's role."""

    def from_role(self, base: CredentialProvider, session: RoleSession) -> Credentials:
        """Assume a role with other credentials."""

    def from_pod_identity(self, identity: PodIdentity, session: RoleSession) -> Credentials:
        """Assume a role as a pod of TKE."""


class ResolvedCredentials(NamedTuple):
    """The source that the chain has chosen, and its name for people, without any value."""

    source: CredentialProvider
    name: str
    warnings: tuple[str, ...] = ()


@dataclass(eq=False, repr=False)
class CredentialChain:
    """Looks for credentials.

    :param remote: used only when nothing earlier matched, or for a role.
    :param secrets: learns every key and token that is found.
    """

    options: Mapping[str, Any]
    environ: Mapping[str, str]
    files: ProfileFiles
    choice: ProfileChoice
    remote: Remote
    secrets: Secrets

    def find(self) -> ResolvedCredentials:
        """Go through the chain.

        :raises CredentialsNotFound: no source has complete credentials, or one that was chosen is unusable.
        :raises InvalidArgument: an option or variable is wrong.
        """
        base, from_profile = self._base()
        # A profile's role belongs to its keys; beside other keys it counts only where the profile was asked for.
        profile = self._profile if from_profile or self.choice.by is not None else None
        role = find_role(self.options, self.environ, profile)
        warnings = profile.warnings if profile is not None and from_profile else ()
        if role is None:
            return base._replace(warnings=warnings)
        source = RefreshableCredentials(lambda: self.remote.from_role(base.source, role), self.secrets)
        return ResolvedCredentials(source, f"the role {role.arn}, assumed with {base.name}", warnings)

    def _base(self) -> tuple[ResolvedCredentials, bool]:
        """The first hit, and True where it is the profile."""
        given = read_pair(self.options, OPTION_NAMES, "the options")
        if given is not None:
            return self._fixed(given, "the options"), False
        if self.options.get("token"):
            raise CredentialsNotFound("token is given without secret_id and secret_key, which it belongs to.")
        found = self._from_profile() if self.choice.by == "profile" else None
        if found is not None:
            return found, True
        found = self._from_environment()
        if found is not None:
            return found, False
        found = self._from_profile()
        if found is not None:
            return found, True
        return self._from_pod() or self._from_cvm(), False

    def _fixed(self, credentials: Credentials, name: str) -> ResolvedCredentials:
        self.secrets.add(credentials.secret_key, credentials.token)
        return ResolvedCredentials(StaticCredentials(credentials), name)

    def _from_environment(self) -> ResolvedCredentials | None:
        token = next((name for name in TOKEN_VARIABLES if self.environ.get(name)), TOKEN_VARIABLES[0])
        given = read_pair(self.environ, (ID_VARIABLE, KEY_VARIABLE, token), "the environment")
        return None if given is None else self._fixed(given, f"the environment ({ID_VARIABLE})")

    @cached_property
    def _profile(self) -> Profile | None:
        return self.files.find(self.choice)

    def _from_profile(self) -> ResolvedCredentials | None:
        profile = self._profile
        if profile is None:
            if self.choice.by is not None:
                raise self.files.missing(self.choice)
            return None
        if profile.cvm_role:
            name = f"the role of this CVM, as {profile.where} says"
            return ResolvedCredentials(RefreshableCredentials(self.remote.from_metadata, self.secrets), name)
        if profile.credentials is not None:
            return self._fixed(profile.credentials, profile.where)
        if self.choice.by is not None and not profile.role_arn:
            raise CredentialsNotFound(
                f"There are neither keys nor a role in {profile.where}, which {self.choice.by} names."
            )
        return None

    def _from_pod(self) -> ResolvedCredentials | None:
        identity = find_pod_identity(self.environ)
        if identity is None:
            return None
        session = session_of(identity.role_arn, self.options, self.environ)
        source = RefreshableCredentials(lambda: self.remote.from_pod_identity(identity, session), self.secrets)
        return ResolvedCredentials(source, f"the TKE pod identity ({identity.role_arn})")

    def _from_cvm(self) -> ResolvedCredentials:
        source = RefreshableCredentials(self.remote.from_metadata, self.secrets)
        try:
            # Only a request shows whether there is a role.
            source.current()
        except ClbError as exc:
            how = (
                f"The metadata service, tried last, failed ({METADATA_VARIABLE} can name another address): "
                f"{exc.message}"
            )
            raise CredentialsNotFound(f"No credentials. {WAYS} {how}") from exc
        return ResolvedCredentials(source, "the role of this CVM")
