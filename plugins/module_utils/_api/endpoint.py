# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address of an API: parse and check what a user gave as ``endpoint``."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from .._base.errors import InvalidArgument, printable
from .._base.secrets import may_show

DEFAULT_ENDPOINT = "clb.intl.tencentcloudapi.com"
"""The host on the vendor's page of BatchRegisterTargets."""
CHINA_ENDPOINT = "clb.tencentcloudapi.com"

DEFAULT_STS_ENDPOINT = "sts.intl.tencentcloudapi.com"
"""STS on the same site as DEFAULT_ENDPOINT."""
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)
_FORM = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{0,5}))?/?",
    re.ASCII | re.IGNORECASE,
)
_DOMAIN = "tencentcloudapi.com"
_PORTS = {"https": 443, "http": 80}
MAX_PORT = 65535
MAX_SHOWN = 200
"""Characters of a wrong value that a message shows."""


class Endpoint(NamedTuple):
    """One API endpoint.

    :param scheme: ``https``, or ``http`` on loopback.
    :param host: the ``Host`` header, with the port where the URL has one.
    :param loopback: whether this machine answers there.
    """

    scheme: str
    host: str
    loopback: bool

    @property
    def url(self) -> str:
        """The address that requests are posted to."""
        return f"{self.scheme}://{self.host}/"

    @property
    def site_hint(self) -> str:
        """A sentence on the vendor's two sites, whose keys do not work on the other one."""
        host = self.host.partition(":")[0]
        if host.endswith(f".intl.{_DOMAIN}"):
            return f"{host} is the international site; keys of the China site need the endpoint {CHINA_ENDPOINT}."
        if host.endswith(f".{_DOMAIN}") and ".internal." not in host:
            return f"{host} is the China site; keys of the international site need the endpoint {DEFAULT_ENDPOINT}."
        return (
            f"A key belongs to one site: the international one needs the endpoint {DEFAULT_ENDPOINT}, the China one "
            f"{CHINA_ENDPOINT}."
        )


def is_loopback(hostname: str) -> bool:
    """Whether a host name or IP address is this machine's own.

    :param hostname: without port and without brackets.
    """
    if hostname.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def _is_host(text: str) -> bool:
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse_endpoint(text: str, option: str = "endpoint") -> Endpoint:
    """Parse a host, host:port or URL.

    :param option: the name of the option, for the message.
    :raises InvalidArgument: it is none of these, or asks for ``http`` to another machine. The message shows no value
        that can contain a password.
    """
    if not may_show(text):
        raise InvalidArgument(f"{option} must not carry a user name or password; give a host, host:port or URL.")
    shown = printable(repr(text), MAX_SHOWN)
    example = f"for example {DEFAULT_ENDPOINT}"
    found = _FORM.fullmatch(text.strip())
    name = found["name"].lower() if found else ""
    hostname = name.strip("[]")
    if found is None or not _is_host(hostname):
        raise InvalidArgument(f"{option} {shown} is not a host, host:port or URL without a path; {example}.")
    scheme = (found["scheme"] or "https").lower()
    if scheme not in _PORTS:
        raise InvalidArgument(f"{option} {shown} has the scheme {scheme!r}; use https.")
    loopback = is_loopback(hostname)
    if scheme == "http" and not loopback:
        raise InvalidArgument(
            f"{option} {shown} asks for http to a host that is not loopback: requests would travel in the clear. "
            f"Use https://{hostname}."
        )
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= MAX_PORT:
        raise InvalidArgument(f"{option} {shown} has the port {port}; give one from 1 to {MAX_PORT}.")
    return Endpoint(scheme, name if port == _PORTS[scheme] else f"{name}:{port}", loopback)


def sts_host(endpoint: Endpoint) -> str:
    """Find STS on the site of a CLB endpoint: ``clb.intl.tencentcloudapi.com`` has ``sts.intl...`` beside it.

    :returns: the host; that of the default site where the endpoint is not the vendor's.
    """
    service, site = endpoint.host.partition(".")[::2]
    if service == "clb" and (site == _DOMAIN or site.endswith(f".{_DOMAIN}")):
        return f"sts.{site}"
    return DEFAULT_STS_ENDPOINT
