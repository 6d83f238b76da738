# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The address of an API: parse and check what a user gave as ``endpoint``."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from .._base.errors import InvalidArgument, shown_value
from .._base.secrets import may_show

DEFAULT_ENDPOINT = "clb.intl.tencentcloudapi.com"
"""The host on the vendor's page of BatchRegisterTargets."""
CHINA_ENDPOINT = "clb.tencentcloudapi.com"
DEFAULT_STS_ENDPOINT = "sts.intl.tencentcloudapi.com"
METADATA_ENDPOINT = "http://metadata.tencentyun.com"
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)
_FORM = re.compile(
    r"(?:(?P<scheme>[a-z][a-z0-9+.-]*)://)?(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{0,5}))?/?",
    re.ASCII | re.IGNORECASE,
)
_DOMAIN = "tencentcloudapi.com"
_PORTS = {"https": 443, "http": 80}
MAX_PORT = 65535


class Endpoint(NamedTuple):
    """One API endpoint.

    :param scheme: ``https``; ``http`` on loopback, and for the metadata service.
    :param host: the ``Host`` header, with the port where the URL has one.
    :param direct: no proxy stands before it: this machine answers there, or its hypervisor.
    """

    scheme: str
    host: str
    direct: bool

    @property
    def url(self) -> str:
        """The address that requests are sent to."""
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


def parse_endpoint(text: str, option: str = "endpoint", *, metadata: bool = False) -> Endpoint:
    """Parse a host, host:port or URL.

    :param metadata: it is the metadata service's: a URL, with ``http`` to link-local addresses and its usual host, too.
    :raises InvalidArgument: it is none of these, or asks for ``http`` to another machine. The message shows no value
        that can contain a password.
    """
    if not may_show(text):
        raise InvalidArgument(f"{option} must not carry a user name or password; give a host, host:port or URL.")
    shown = f"{option} {shown_value(text)}"
    found = _FORM.fullmatch(text.strip())
    name = found["name"].lower() if found else ""
    hostname = name.strip("[]")
    address = _address(hostname)
    if found is None or not (address or _NAME.fullmatch(hostname)) or (metadata and not found["scheme"]):
        form = "URL without a path" if metadata else "host, host:port or URL without a path"
        example = METADATA_ENDPOINT if metadata else DEFAULT_ENDPOINT
        raise InvalidArgument(f"{shown} is not a {form}; for example {example}.")
    scheme = (found["scheme"] or "https").lower()
    if scheme not in _PORTS:
        raise InvalidArgument(f"{shown} has the scheme {scheme!r}; use https.")
    near = hostname == "localhost" or (address is not None and address.is_loopback)
    if metadata:
        usual = METADATA_ENDPOINT.endswith(f"//{hostname}")
        near = near or usual or (address is not None and address.is_link_local)
    if scheme == "http" and not near:
        raise InvalidArgument(
            f"{shown} asks for http to a host that is not loopback{' or link-local' if metadata else ''}: requests "
            f"would travel in the clear. Use https://{hostname}."
        )
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= MAX_PORT:
        raise InvalidArgument(f"{shown} has the port {port}; give one from 1 to {MAX_PORT}.")
    return Endpoint(scheme, name if port == _PORTS[scheme] else f"{name}:{port}", near or metadata)


def _address(hostname: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(hostname)
    except ValueError:
        return None


def sts_host(endpoint: Endpoint) -> str:
    """The host of STS on the site of a CLB endpoint; the default where the endpoint is not the vendor's."""
    service, site = endpoint.host.partition(".")[::2]
    if service == "clb" and (site == _DOMAIN or site.endswith(f".{_DOMAIN}")):
        return f"sts.{site}"
    return DEFAULT_STS_ENDPOINT
