# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From connection options to a client that can call the CLB API. Knows nothing of modules or plugins."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._base import pace
from .._base.budget import Budget
from .._base.errors import InvalidArgument, shown_value
from .._base.secrets import MINIMUM_PART, Secrets, embedded_passwords
from .._credentials.chain import CredentialChain
from .._credentials.credentials import MIN_LENGTH
from .._credentials.profiles import ProfileFiles, choose_profile
from .._credentials.roles import METADATA_VARIABLE, RoleSession, assume_role, assume_role_with_web_identity, fetch_role
from .._credentials.roles import SERVICE as STS_SERVICE
from .._credentials.roles import VERSION as STS_VERSION
from .clb import VERSION, Clb
from .client import CallCounts, Client
from .endpoint import DEFAULT_ENDPOINT, METADATA_ENDPOINT, Endpoint, parse_endpoint, sts_host
from .pacer import Pacer
from .transport import Tls, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._credentials.credentials import CredentialProvider, Credentials
    from .._credentials.roles import PodIdentity

    Options = Mapping[str, Any]
    Environ = Mapping[str, str]

ENDPOINT_VARIABLE = "TENCENTCLOUD_CLB_ENDPOINT"
STS_ENDPOINT_VARIABLE = "TENCENTCLOUD_STS_ENDPOINT"
REGION_VARIABLE = "TENCENTCLOUD_REGION"
POD_REGION_VARIABLE = "TKE_REGION"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables in which other tools that use requests look for the certificates of private authorities."""
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Connection:
    """A way to one region's CLB API.

    :param api_calls: those to STS as well.
    :param source: the source of the credentials, in words and without any value.
    :param endpoint: the host of the API.
    """

    clb: Clb
    region: str
    api_calls: CallCounts
    source: str = ""
    warnings: tuple[str, ...] = ()
    secrets: Secrets = field(default_factory=Secrets)
    endpoint: str = ""


def connect(
    options: Options, environ: Environ, budget: Budget, *, pacer: Pacer | None = None, secrets: Secrets | None = None
) -> Connection:
    """Check the connection options and find credentials; nothing is sent to the APIs yet.

    Only where nothing else is configured, the metadata service is asked.

    :param pacer: shared by connections of one task to several regions, as the secrets are; None makes one.
    :raises InvalidArgument: an option is wrong or missing.
    :raises CredentialsNotFound: no source has complete credentials.
    """
    files, choice = ProfileFiles(environ), choose_profile(options, environ)
    given = options.get("region") or environ.get(REGION_VARIABLE) or files.region(choice)
    region = _check_region(given or environ.get(POD_REGION_VARIABLE))
    network = _Network(options, environ, budget, pacer or Pacer(), region or "", secrets or Secrets())
    found = CredentialChain(options, environ, files, choice, network, network.secrets).find()
    if region is None:
        raise InvalidArgument(f"region is missing; give region, for example ap-guangzhou, or set {REGION_VARIABLE}.")
    client = network.client(network.endpoint, "clb", VERSION, found.source)
    return Connection(
        Clb(client), region, network.api_calls, found.name, found.warnings, network.secrets, network.endpoint.host
    )


class _Network:
    """Makes the clients of one task, which share its options, its budget, its counts and its secrets."""

    def __init__(
        self, options: Options, environ: Environ, budget: Budget, pacer: Pacer, region: str, secrets: Secrets
    ) -> None:
        self.api_calls = CallCounts()
        self.secrets = secrets
        secrets.add(*_proxy_passwords(environ))
        self.endpoint = _find_endpoint(options, environ, "endpoint", ENDPOINT_VARIABLE, DEFAULT_ENDPOINT)
        self._sts_endpoint = _find_endpoint(
            options, environ, "sts_endpoint", STS_ENDPOINT_VARIABLE, sts_host(self.endpoint)
        )
        self._metadata = parse_endpoint(
            environ.get(METADATA_VARIABLE) or METADATA_ENDPOINT, METADATA_VARIABLE, metadata=True
        )
        self._region = region
        self._pacer = pacer
        self._budget = budget
        self._timeout = options.get("timeout") or pace.REQUEST_SECONDS
        self._tls = _find_tls(options, environ)

    def client(self, endpoint: Endpoint, service: str, version: str, credentials: CredentialProvider | None) -> Client:
        """Make a client of one service."""
        return Client(
            endpoint=endpoint,
            service=service,
            version=version,
            region=self._region,
            credentials=credentials,
            budget=self._budget,
            timeout=self._timeout,
            secrets=self.secrets,
            tls=self._tls,
            api_calls=self.api_calls,
            pacer=self._pacer,
        )

    def from_metadata(self) -> Credentials:
        """Get the credentials of the CVM's role."""
        budget = Budget(min(pace.METADATA_SECONDS, self._budget.until_end()), 0)
        transport = Transport(self._metadata, self.secrets, self._tls, advice="")

        def get(path: str, where: str) -> tuple[int, bytes]:
            seconds = max(pace.MIN_REQUEST_SECONDS, budget.remaining())
            answer = transport.send("GET", path, where, {}, seconds=seconds, fresh=True)
            return answer.status, answer.content

        return fetch_role(self._metadata.url, get)

    def from_role(self, base: CredentialProvider, session: RoleSession) -> Credentials:
        """Assume a role with other credentials."""
        return assume_role(self.client(self._sts_endpoint, STS_SERVICE, STS_VERSION, base), session)

    def from_pod_identity(self, identity: PodIdentity, session: RoleSession) -> Credentials:
        """Assume a role as a pod of TKE."""
        web_token = identity.read_token()
        # A real one is long; masking a short one would spoil every result.
        self.secrets.add(web_token if len(web_token) >= MIN_LENGTH else None)
        sts = self.client(self._sts_endpoint, STS_SERVICE, STS_VERSION, None)
        return assume_role_with_web_identity(sts, session, identity.provider_id, web_token)


def _find_endpoint(options: Options, environ: Environ, option: str, variable: str, usual: str) -> Endpoint:
    given = options.get(option)
    return parse_endpoint(given, option) if given else parse_endpoint(environ.get(variable) or usual, variable)


def _find_tls(options: Options, environ: Environ) -> Tls:
    given: str | None = options.get("ca_path")
    if given:
        tls = Tls(given)
        # A mistake in an option is reported even where the endpoint is reached without TLS.
        tls.context()
        return tls
    return next((Tls(environ[name], name) for name in CA_VARIABLES if environ.get(name)), None) or Tls()


def _proxy_passwords(environ: Environ) -> Iterator[str]:
    """The passwords of the environment's proxies: libraries show the addresses in their exceptions.

    Shorter ones than of a few characters are left out: masking them would spoil every result.
    """
    for name, value in environ.items():
        if name.lower().endswith("_proxy"):
            yield from (password for password in embedded_passwords(value) if len(password) >= MINIMUM_PART)


def _check_region(region: str | None) -> str | None:
    if not region:
        return None
    if not _REGION.fullmatch(region):
        raise InvalidArgument(f"region {shown_value(region)} is not the name of a region; for example ap-guangzhou.")
    return region
