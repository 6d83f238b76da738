# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where an API lives: parse and check what a user gave as ``endpoint``."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from .._errors import InvalidArgument

DEFAULT_ENDPOINT = "clb.intl.tencentcloudapi.com"
"""The host on the vendor's page of BatchRegisterTargets."""


DEFAULT_STS_ENDPOINT = "sts.intl.tencentcloudapi.com"
"""STS on the same site as DEFAULT_ENDPOINT."""
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII)
_DOMAIN = "tencentcloudapi.com"
_USER_AND_PASSWORD = re.compile(r"(?:^|//)[^/@:]*:([^/]+)@")


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


def is_loopback(hostname: str) -> bool:
    """Tell whether a host name or IP address is this machine's own.

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

    :param text: what the user gave.
    :param option: the name of the option, for the message.
    :raises InvalidArgument: it is none of these, or asks for ``http`` to another machine.
    """
    given = text.strip()
    try:
        parts = urlsplit(given if "://" in given else f"https://{given}")
        port = parts.port
    except ValueError as exc:
        raise InvalidArgument(f"{option} {text!r} is not a host, host:port or URL: {exc}") from exc
    hostname = parts.hostname or ""
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument(f"{option} must not carry a user name or password; give a host, host:port or URL.")
    if (
        not _is_host(hostname)
        or any(char.isspace() for char in given)
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise InvalidArgument(
            f"{option} {text!r} is not a host, host:port or URL without a path; for example {DEFAULT_ENDPOINT}."
        )
    loopback = is_loopback(hostname)
    if parts.scheme == "http" and not loopback:
        raise InvalidArgument(
            f"{option} {text!r} asks for http to a host that is not loopback: requests would travel in the clear. Use https://{hostname}."
        )
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument(f"{option} {text!r} has the scheme {parts.scheme!r}; use https.")
    host = f"[{hostname}]" if ":" in hostname else hostname
    if port is not None and port != {"https": 443, "http": 80}[parts.scheme]:
        host = f"{host}:{port}"
    return Endpoint(parts.scheme, host, loopback)


def embedded_password(text: str | None) -> str | None:
    """The password in a URL, which has no place there and must not be shown all the same.

    :param text: what a user gave as an endpoint; it need not be valid.
    :returns: None where there is none.
    """
    found = _USER_AND_PASSWORD.search(text or "")
    return found[1] if found else None


def sts_host(endpoint: Endpoint) -> str:
    """Tell where STS is, on the site of a CLB endpoint: ``clb.intl.tencentcloudapi.com`` has ``sts.intl...`` beside it.

    :param endpoint: of the CLB API.
    :returns: the host; that of the default site where the endpoint is not the vendor's.
    """
    service, site = endpoint.host.partition(".")[::2]
    if service == "clb" and (site == _DOMAIN or site.endswith(f".{_DOMAIN}")):
        return f"sts.{site}"
    return DEFAULT_STS_ENDPOINT
