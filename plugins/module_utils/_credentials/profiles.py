# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The profile files of the vendor's tools: JSON of the command line tccli, INI of the SDKs.

Sources: ``tccli/configure.py`` and ``tccli/oauth.py`` of TencentCloud/tencentcloud-cli, ``ProfileCredential`` in
``tencentcloud/common/credential.py`` of the Python SDK.
"""

from __future__ import annotations

import configparser
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .._base.errors import CredentialsNotFound, InvalidArgument, shown_value, without_context
from .._base.limits import parse_json, read_text
from .credentials import Credentials, read_pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_PROFILE = "default"
SYSTEM_FILE = Path("/etc/tencentcloud/credentials")
MAX_NAME = 128
"""Characters of a profile's name: it is a part of a file's, which has 255 bytes at most."""
PROFILE_VARIABLES = ("TENCENTCLOUD_PROFILE", "TCCLI_PROFILE")
_TCCLI_NAMES = ("secretId", "secretKey", "token")
_SDK_NAMES = ("secret_id", "secret_key", "token")


class ProfileChoice(NamedTuple):
    """The profile that a task uses.

    :param by: the option or variable that names it; None for the default, which nothing names.
    """

    name: str
    by: Optional[str]


class Profile(NamedTuple):
    """The content of a profile file.

    :param where: the profile and its file in words.
    :param role_session_name: None for the usual one.
    :param cvm_role: it says to use the role of the CVM.
    """

    where: str
    credentials: Optional[Credentials] = None
    role_arn: Optional[str] = None
    role_session_name: Optional[str] = None
    cvm_role: bool = False
    warnings: tuple[str, ...] = ()


def choose_profile(options: Mapping[str, Any], environ: Mapping[str, str]) -> ProfileChoice:
    """Find and check the name of the profile: from the option ``profile``, else from the environment.

    :raises InvalidArgument: the name could not be a file's.
    """
    named = [("profile", options.get("profile")), *((name, environ.get(name)) for name in PROFILE_VARIABLES)]
    by, name = next(((by, str(name)) for by, name in named if name), (None, DEFAULT_PROFILE))
    # The name is a part of a file's, which can't hold what is not encodable; that is not printable either.
    wrong = name in (".", "..") or len(name) > MAX_NAME or not name.isprintable()
    if wrong or any(mark and mark in name for mark in (os.sep, os.altsep)):
        raise InvalidArgument(
            f"{by} {shown_value(name)} is not the name of a profile; give a name of at most {MAX_NAME} "
            "printable characters, not a path."
        )
    return ProfileChoice(name, by)


class ProfileFiles:
    """The profile files of one user.

    :param environ: the files are below its ``HOME``.
    :param system_file: the INI file that is read where the user has none; None for the usual one.
    """

    def __init__(
        self, environ: Mapping[str, str], *, system_file: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        # Not Path.expanduser(), which raises for a user without a home directory, as containers have them.
        self._home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111 - as said
        self._system_file = system_file or SYSTEM_FILE
        self._clock = clock

    def find(self, choice: ProfileChoice) -> Profile | None:
        """Read a profile: tccli's, else the SDKs'; None where there is no such profile.

        :raises CredentialsNotFound: its file can't be read or is malformed.
        """
        return self._tccli(choice.name) or self._sdk(choice.name)

    def missing(self, choice: ProfileChoice) -> CredentialsNotFound:
        """The error for a profile that was named and is not there."""
        ini = self._ini_file()
        looked = f"{ini} has no section [{choice.name}]" if _exists(ini) else f"neither is {ini}"
        return CredentialsNotFound(
            f"There is no profile {choice.name!r}, which {choice.by} names: "
            f"{self._tccli_file(choice.name, 'credential')} is not there, and {looked}."
        )

    def region(self, choice: ProfileChoice) -> str | None:
        """Read the region that tccli keeps with a profile, if any.

        :raises CredentialsNotFound: its file can't be read or is malformed.
        """
        path = self._tccli_file(choice.name, "configure")
        settings = _read_json(path)
        general = settings.get("_sys_param") if settings is not None else None
        if general is None:
            return None
        region = general.get("region") if isinstance(general, dict) else None
        if region is not None and not isinstance(region, str):
            raise CredentialsNotFound(f"_sys_param.region in {path} is not text; set it with tccli configure.")
        return region or None

    def _tccli_file(self, name: str, kind: str) -> Path:
        return self._home / ".tccli" / f"{name}.{kind}"

    def _tccli(self, name: str) -> Profile | None:
        path = self._tccli_file(name, "credential")
        values = _read_json(path)
        if not values:
            return None
        where = f"profile {name!r} in {path}"
        credentials = read_pair(values, _TCCLI_NAMES, where)
        self._check_end(values, where)
        return Profile(
            where,
            credentials,
            _text(values, "role-arn", where),
            _text(values, "role-session-name", where),
            cvm_role=values.get("type") == "cvm-role",
            warnings=_warnings(path, credentials, shared=False),
        )

    def _check_end(self, values: Mapping[str, Any], where: str) -> None:
        """Refuse what a login of tccli left behind and only tccli can renew."""
        ends = values.get("expiresAt")
        if isinstance(ends, (int, float)) and ends <= self._clock():
            when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(max(0.0, ends)))
            raise CredentialsNotFound(
                f"The credentials of {where} ended at {when} (expiresAt): log in with tccli again."
            )

    def _ini_file(self) -> Path:
        own = self._home / ".tencentcloud" / "credentials"
        # As in the SDKs, a user's own file hides the system's even where it lacks the section.
        return own if _exists(own) else self._system_file

    def _sdk(self, name: str) -> Profile | None:
        path = self._ini_file()
        text = _read(path)
        if text is None:
            return None
        parser = _parse_ini(path, text)
        if not parser.has_section(name):
            return None
        where = f"profile {name!r} in {path}"
        values = dict(parser[name])
        # The SDKs read no token here.
        values.pop("token", None)
        credentials = read_pair(values, _SDK_NAMES, where)
        warnings = _warnings(path, credentials, shared=path == self._system_file)
        return Profile(where, credentials, _text(values, "role_arn", where), warnings=warnings)


@without_context()
def _parse_ini(path: Path, text: str) -> configparser.ConfigParser:
    # The SDKs interpolate nothing, and know no section that others inherit from.
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        problem = f"line {getattr(exc, 'lineno', 0)} repeats a key or section"
        if isinstance(exc, configparser.MissingSectionHeaderError):
            problem = f"line {exc.lineno} stands before the first [section]"
        elif isinstance(exc, configparser.ParsingError):
            problem = f"line {exc.errors[0][0]} is not of the form key = value"
        raise CredentialsNotFound(f"{path} is not a valid INI file: {problem}.") from None
    return parser


@without_context()
def _read(path: Path) -> str | None:
    try:
        return read_text(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if isinstance(exc, PermissionError) and not _exists(path):
            return None
        raise CredentialsNotFound(f"Can't read {path}: {exc.strerror or type(exc).__name__}.") from None


@without_context()
def _read_json(path: Path) -> dict[str, Any] | None:
    text = _read(path)
    if text is None:
        return None
    problem = "it holds no JSON object"
    try:
        values = parse_json(text.encode("utf-8"))
    except ValueError as exc:
        # It says where the mistake is and shows nothing of the text.
        values, problem = None, str(exc)
    if not isinstance(values, dict):
        raise CredentialsNotFound(f"{path} is not a valid JSON profile: {problem}.")
    return values


def _text(values: Mapping[str, Any], name: str, where: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise CredentialsNotFound(f"{name} of {where} is not text.")
    return value or None


def _warnings(path: Path, credentials: Credentials | None, *, shared: bool) -> tuple[str, ...]:
    """Warn of a file with keys that other users can read or change; a system's file may be shared with a group."""
    if credentials is None:
        return ()
    mode = stat.S_IMODE(path.stat().st_mode)
    others = stat.S_IROTH | stat.S_IWOTH
    if not mode & (others if shared else others | stat.S_IRGRP | stat.S_IWGRP):
        return ()
    remedy = f"chmod o-rw {path}" if shared else f"chmod 600 {path}"
    return (f"Other users can read or change {path} (mode {mode:04o}), which holds a secret key: {remedy}",)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists() raises where a folder is closed
