# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import CredentialsNotFound, InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.limits import MAX_FILE_BYTES
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import profiles
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.credentials import Credentials

from ...builders import rows

SECRET = "sEcReTvAlUe"
TCCLI = {"secretId": "AKIDt", "secretKey": SECRET}
INI = f"[default]\nsecret_id = AKIDi\nsecret_key = {SECRET}\n"
DEFAULT = profiles.ProfileChoice("default", None)


class Home:
    """A home directory with profile files, and a system file outside of it."""

    def __init__(self, folder):
        self.path = folder / "home"
        self.system = folder / "etc" / "credentials"
        self.files = profiles.ProfileFiles({"HOME": str(self.path)}, system_file=self.system, clock=lambda: 1000.0)

    def tccli(self, content, name="default.credential"):
        return self._write(self.path / ".tccli" / name, content if isinstance(content, str) else json.dumps(content))

    def sdk(self, content):
        return self._write(self.path / ".tencentcloud" / "credentials", content)

    def etc(self, content):
        return self._write(self.system, content)

    @staticmethod
    def _write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o600)
        return path


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@rows(
    "options, environ, expected",
    ({}, {}, DEFAULT),
    ({"profile": ""}, {"TENCENTCLOUD_PROFILE": ""}, DEFAULT),
    ({}, {"TCCLI_PROFILE": "c"}, profiles.ProfileChoice("c", "TCCLI_PROFILE")),
    ({}, {"TENCENTCLOUD_PROFILE": "b", "TCCLI_PROFILE": "c"}, profiles.ProfileChoice("b", "TENCENTCLOUD_PROFILE")),
    ({"profile": "a"}, {"TENCENTCLOUD_PROFILE": "b", "TCCLI_PROFILE": "c"}, profiles.ProfileChoice("a", "profile")),
    ({"profile": "default"}, {}, profiles.ProfileChoice("default", "profile")),
)
def test_which_profile(options, environ, expected):
    assert profiles.choose_profile(options, environ) == expected


@rows("name", "../../etc/shadow", "/etc/passwd", "..", "a/b", "a\0b", "a\ud800", "\u202eb", "a\nb", "a" * 129)
def test_a_path_is_no_profile(name):
    with pytest.raises(InvalidArgument, match="profile"):
        profiles.choose_profile({"profile": name}, {})


def test_tccli(home):
    path = home.tccli({**TCCLI, "token": "token-of-t", "role-arn": "arn", "role-session-name": "me"})
    profile = home.files.find(DEFAULT)
    assert profile.credentials == Credentials("AKIDt", SECRET, "token-of-t")
    assert (profile.role_arn, profile.role_session_name, profile.cvm_role) == ("arn", "me", False)
    assert profile.where == f"profile 'default' in {path}"
    assert SECRET not in repr(profile)


@rows("ends, good", (1001, True), (1000, False), (-1e300, False), ("soon", True), (None, True))
def test_a_login_of_tccli_that_has_ended(home, ends, good):
    home.tccli({**TCCLI, "type": "oauth", "expiresAt": ends})
    if good:
        assert home.files.find(DEFAULT) is not None
        return
    with pytest.raises(CredentialsNotFound, match=r"ended at 19.*expiresAt.*log in with tccli again"):
        home.files.find(DEFAULT)


def test_the_first_file_with_keys_counts_and_the_systems_one_only_without_an_own_one(home):
    def found():
        profile = home.files.find(DEFAULT)
        return profile and profile.credentials.secret_id

    home.etc(INI.replace("AKIDi", "AKIDe"))
    assert found() == "AKIDe"
    home.sdk("[other]\nsecret_id = x\nsecret_key = y\n")
    assert found() is None
    home.sdk(INI)
    assert found() == "AKIDi"
    home.tccli({})
    assert found() == "AKIDi"
    home.tccli(TCCLI)
    assert found() == "AKIDt"


@rows(
    "text, expected",
    (INI, Credentials("AKIDi", SECRET)),
    (INI + "token = ignored\n", Credentials("AKIDi", SECRET)),
    ("\ufeff" + INI.replace("\n", "\r\n"), Credentials("AKIDi", SECRET)),
    ("[default]\nSECRET_ID: a%b\nsecret_key=%(x)s-key\n", Credentials("a%b", "%(x)s-key")),
    (
        "[DEFAULT]\nsecret_key = inherited\n[default]\nsecret_id = a\nsecret_key = key-of-a\n",
        Credentials("a", "key-of-a"),
    ),
    ("; no section\n", None),
    ("[default]\n", "no credentials"),
)
def test_ini(home, text, expected):
    home.sdk(text)
    profile = home.files.find(DEFAULT)
    found = profile and (profile.credentials or "no credentials")
    assert found == expected


def test_ini_sections_are_profiles(home):
    home.sdk(INI + "[deploy]\nsecret_id = AKIDd\nsecret_key = key-short\nrole_arn = arn\n")
    profile = home.files.find(profiles.ProfileChoice("deploy", "profile"))
    assert (profile.credentials, profile.role_arn) == (Credentials("AKIDd", "key-short"), "arn")


BROKEN_JSON = {
    "torn": '{"secretId": "AKID", "secretKey": "' + SECRET,
    "a list": f'["{SECRET}"]',
    "text": f'"{SECRET}"',
    "half a pair": f'{{"secretKey": "{SECRET}"}}',
    "a number": '{"secretId": 1, "secretKey": 2}',
    "a line end": f'{{"secretId": "AKID", "secretKey": "{SECRET}\\n"}}',
    "role is a number": f'{{"secretId": "AKID", "secretKey": "{SECRET}", "role-arn": 1}}',
    "empty": "",
    "nested too deep": "[" * 100000,
    "a long number": f'{{"secretId": "{SECRET}", "expiresAt": {"9" * 5000}}}',
    "a key twice": f'{{"secretId": "{SECRET}", "secretId": "{SECRET}"}}',
}
BROKEN_INI = {
    "no section": f"secret_key = {SECRET}\n",
    "no key": f"[default]\n{SECRET}\n",
    "twice": f"[default]\nsecret_key = {SECRET}\nsecret_key = {SECRET}\n",
    "section twice": f"[default]\nsecret_key = {SECRET}\n[default]\n",
    "half a pair": f"[default]\nsecret_key = {SECRET}\n",
    "no end of the section": f"[default\nsecret_id = {SECRET}",
    "no name": f"[default]\n = {SECRET}",
    "a null byte": f"[default]\nsecret_id = {SECRET}\x00\nsecret_key = k",
    "several lines": f"[default]\nsecret_id = i\nsecret_key =\n  {SECRET}\n  {SECRET}",
    "too long": f"[default]\nsecret_id = i\nsecret_key = {SECRET}" + "9" * 100000,
    "inside a value": f"[default]\nsecret_id = a\nsecret_key = key-of-a\n  {SECRET}\n",
}


@rows("named", None, "profile")
@pytest.mark.parametrize(
    "kind, what", [("tccli", what) for what in BROKEN_JSON] + [("sdk", what) for what in BROKEN_INI]
)
def test_broken_files_are_named_and_no_value_is_shown(home, kind, what, named):
    path = getattr(home, kind)((BROKEN_JSON if kind == "tccli" else BROKEN_INI)[what])
    with pytest.raises(CredentialsNotFound) as caught:
        home.files.find(profiles.ProfileChoice("default", named))
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 500
    # Nor does anything that a traceback would show beside it.
    shown = caught.value
    while shown is not None:
        assert SECRET not in str(shown)
        shown = shown.__cause__ or shown.__context__


@rows("kind", "tccli", "sdk")
@rows(
    "what, told",
    (b"\xff\xfe", "not UTF-8"),
    (b"x" * (MAX_FILE_BYTES + 1), "larger than 1 MB"),
    (Path.mkdir, "Is a directory"),
    (os.mkfifo, "not a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    ids=["bytes", "large", "folder", "pipe", "device"],
)
def test_what_is_no_small_text_file_is_not_read(home, kind, what, told):
    path = getattr(home, kind)("")
    if isinstance(what, bytes):
        path.write_bytes(what)
    else:
        path.unlink()
        what(path)
    with pytest.raises(CredentialsNotFound, match=f"{path}.*{told}"):
        home.files.find(DEFAULT)


@rows("exists", True, False)
def test_no_permission(home, exists, monkeypatch):
    # The superuser can read everything, so that the refusal has to be made up.
    path = home.tccli(TCCLI)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(profiles, "read_text", refuse)
    monkeypatch.setattr(os.path, "exists", lambda _: exists)
    monkeypatch.setattr(Path, "stat", refuse)
    if exists:
        with pytest.raises(CredentialsNotFound, match=f"Can't read {path}: Permission denied"):
            home.files.find(DEFAULT)
    else:
        # A home directory that is closed to this user: as if nothing were there.
        assert home.files.find(DEFAULT) is None
        assert f"neither is {home.system}" in home.files.missing(DEFAULT).message


@rows("kind, mode, warned",
    *((kind, mode, mode & 0o077) for kind in ("tccli", "sdk") for mode in (0o600, 0o400, 0o644, 0o640, 0o604, 0o620)),
    ("etc", 0o640, False), ("etc", 0o660, False), ("etc", 0o644, True),  # it may be shared with a group
)  # fmt: skip
def test_files_that_others_can_read(home, kind, mode, warned):
    path = getattr(home, kind)(TCCLI if kind == "tccli" else INI)
    path.chmod(mode)
    warnings = home.files.find(DEFAULT).warnings
    assert bool(warnings) is bool(warned)
    cure = f"chmod {'o-rw' if kind == 'etc' else '600'} {path}"
    assert all(f"{mode:04o}" in text and cure in text for text in warnings)
    # A file without keys needs no warning.
    home.tccli({"role-arn": "arn"}).chmod(0o644)
    assert home.files.find(DEFAULT).warnings == ()


@rows("content, region",
    ({"_sys_param": {"region": "ap-tokyo"}}, "ap-tokyo"), ({"_sys_param": {"region": ""}}, None),
    ({"_sys_param": {}}, None), ({"_sys_param": []}, None), ({}, None),
)  # fmt: skip
def test_region(home, content, region):
    home.tccli(content, "deploy.configure")
    assert home.files.region(profiles.ProfileChoice("deploy", "profile")) == region
    assert home.files.region(DEFAULT) is None


@rows("content", "{", {"_sys_param": {"region": 5}})
def test_a_broken_region_names_its_file(home, content):
    path = home.tccli(content, "default.configure")
    with pytest.raises(CredentialsNotFound, match=str(path)):
        home.files.region(DEFAULT)


def test_missing_profile_says_where_it_was_looked_for(home):
    choice = profiles.ProfileChoice("deploy", "TCCLI_PROFILE")
    message = home.files.missing(choice).message
    assert "'deploy', which TCCLI_PROFILE names" in message
    assert str(home.path / ".tccli" / "deploy.credential") in message
    path = home.sdk(INI)
    assert f"{path} has no section [deploy]" in home.files.missing(choice).message


def test_home_is_the_users_without_the_variable(monkeypatch, home):
    monkeypatch.setenv("HOME", str(home.path))
    home.tccli(TCCLI)
    assert profiles.ProfileFiles({}, system_file=home.system).find(DEFAULT).credentials.secret_id == "AKIDt"
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert profiles.ProfileFiles({}, system_file=home.system).find(DEFAULT) is None
