# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The meaning of the cloud's refusals: one table of error codes, and the texts that say more than a code. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple


class Remedy(Enum):
    """The remedy for a refusal."""

    WAIT_THROTTLED = "throttled"
    """Too many requests: the client waits, and the request may be sent again."""
    WAIT_BUSY = "busy"
    """Another task holds the load balancer: wait, and before a write read and plan again."""
    TRANSIENT = "unknown"
    """A read may be sent again; the effect of a write has to be read back."""
    FATAL = "fatal"
    """Nothing that this task can do will help."""
    NARROW = "narrow"
    """One bad member can spoil the whole call: find it."""
    QUOTA = "quota"
    """A quota of a listener, rule or load balancer is used up."""


class Concern(Enum):
    """The object of a refusal."""

    MOMENT = "moment"
    """This moment: the same call can be accepted later."""
    LENGTH = "length"
    """The number of members of the call, or the length of a text of one member."""
    LISTENER = "listener"
    """One listener or rule, with all its targets."""
    LOAD_BALANCER = "load balancer"
    """The state of the load balancer, which exists."""
    GONE = "gone"
    """There is no such load balancer in this region."""
    UNSUPPORTED = "unsupported"
    """The action does not support the kind of the load balancer, or of a listener."""
    PERMISSION = "permission"
    """These credentials may not do this, perhaps only not with this load balancer."""
    ACCOUNT = "account"
    """The credentials, the account, the region or the form of the request: every load balancer is concerned."""
    UNKNOWN = "unknown"
    """The code does not tell; it can be one member."""


NOT_THERE = frozenset({Concern.GONE, Concern.UNSUPPORTED})
"""Every task leaves out a listed load balancer if its read is refused for one of these concerns."""


class Ruling(NamedTuple):
    """The entry for a refusal.

    :param hint: one sentence for the operator, where there is a useful one.
    :param text_counts: the cloud's words can say that the load balancer is only busy.
    :param about_region: the region of the request is the cause.
    """

    remedy: Remedy
    concern: Concern
    hint: str = ""
    text_counts: bool = True
    about_region: bool = False


def _credentials(hint: str) -> Ruling:
    return Ruling(Remedy.FATAL, Concern.ACCOUNT, hint, text_counts=False)


_BUSY = Ruling(
    Remedy.WAIT_BUSY,
    Concern.MOMENT,
    "Another task holds the load balancer: run this task again later, or raise wait_timeout.",
)
_THROTTLED = Ruling(
    Remedy.WAIT_THROTTLED, Concern.MOMENT, "The account sends too many requests: run fewer tasks at once."
)
_IN_DOUBT = Ruling(Remedy.TRANSIENT, Concern.MOMENT)
_GONE = Ruling(
    Remedy.FATAL, Concern.GONE, "Check load_balancer_id and region: the load balancer is not in this region."
)
_FORBIDDEN = Ruling(
    Remedy.FATAL,
    Concern.PERMISSION,
    "Allow this action to these credentials in the access management (CAM) of the account.",
    text_counts=False,
)
_REGION = Ruling(Remedy.FATAL, Concern.ACCOUNT, "Check region, for example ap-guangzhou.", about_region=True)
_UNLISTED = Ruling(Remedy.FATAL, Concern.UNKNOWN)

RULINGS: dict[str, Ruling] = {
    "RequestLimitExceeded": _THROTTLED._replace(text_counts=False),
    "FailedOperation.RateLimitExceeded": _THROTTLED,
    "FailedOperation.ResourceInOperating": _BUSY,
    "FailedOperation.ResourceInCloning": _BUSY,
    "ResourceInUse": _BUSY,
    "ResourceUnavailable": _BUSY,
    "InternalError": _IN_DOUBT._replace(text_counts=False),
    "FailedOperation.RequestTimeout": _IN_DOUBT,
    "AuthFailure": _credentials("Check the credentials, and whether they may be used on this endpoint."),
    "AuthFailure.SignatureExpire": _credentials(
        "Set the clock of the host that runs this module: the cloud accepts at most 5 minutes of difference."
    ),
    "AuthFailure.SignatureFailure": _credentials("Check secret_key: it does not belong to secret_id."),
    "AuthFailure.SecretIdNotFound": _credentials(
        "Check secret_id: the cloud does not know it, or the key was deleted or disabled."
    ),
    "AuthFailure.TokenFailure": _credentials(
        "The temporary credentials have expired, or the token does not belong to them: get new ones."
    ),
    "AuthFailure.UnauthorizedOperation": _FORBIDDEN,
    "UnauthorizedOperation": _FORBIDDEN,
    "InvalidParameter.LBIdNotFound": _GONE,
    "UnsupportedOperation": Ruling(Remedy.FATAL, Concern.UNSUPPORTED),
    "FailedOperation.InvalidLBStatus": Ruling(
        Remedy.FATAL, Concern.LOAD_BALANCER, "Look at the status of the load balancer in the console."
    ),
    "FailedOperation.AssociationNotActive": Ruling(Remedy.FATAL, Concern.LOAD_BALANCER),
    "FailedOperation.InsufficientBalance": Ruling(Remedy.FATAL, Concern.ACCOUNT, "Top up the account."),
    "InvalidParameter.RegionNotFound": _REGION,
    "UnsupportedRegion": _REGION,
    "InvalidParameterCombination": Ruling(Remedy.FATAL, Concern.ACCOUNT),
    "MissingParameter": Ruling(Remedy.FATAL, Concern.ACCOUNT),
    "OperationDenied": Ruling(Remedy.FATAL, Concern.UNKNOWN),
    "InvalidParameter": Ruling(Remedy.NARROW, Concern.UNKNOWN),
    "InvalidParameter.ListenerIdNotFound": Ruling(Remedy.NARROW, Concern.LISTENER),
    "InvalidParameter.LocationNotFound": Ruling(Remedy.NARROW, Concern.LISTENER),
    "InvalidParameterValue.Length": Ruling(Remedy.NARROW, Concern.LENGTH),
    "FailedOperation": Ruling(Remedy.NARROW, Concern.UNKNOWN),
    "ResourceNotFound": Ruling(Remedy.NARROW, Concern.UNKNOWN),
    "ResourceInsufficient": Ruling(Remedy.NARROW, Concern.UNKNOWN),
    "LimitExceeded": Ruling(
        Remedy.QUOTA, Concern.LISTENER, "This is a quota: unbind what is not needed, or have the quota raised."
    ),
}
"""The entry for each error code: the longest of these that a code begins with counts.

Source: the vendor's lists of error codes, and what callers in production have recorded.
"""

_BUSY_WORDS = re.compile(
    r"\bnot in normal (?:des ?)?stat(?:e|us)\b|\bdes ?stat(?:e|us) (?:is )?abnormal\b"
    r"|\byour task is working\b|\bsame wsname is working\b|\btasks? (?:is|are) being processed\b",
    re.IGNORECASE,
)
"""The cloud's words, under any code, for a busy load balancer, as callers in production have recorded them:
"is not in normal state, maybe some tasks are being processed", "is not in normal status", "is not in normal desState",
"desState is abnormal", "des status abnormal", "Your task is working (...)", "Same wsName is Working(...)"."""
_GENERAL_CODE = "FailedOperation"
_GENERAL_BUSY_WORDS = re.compile(
    r"\b(?<!not )is working\b|\b(?:re)?try (?:it )?(?:again )?later\b|\b(?:is|are) being processed\b|稍[后候]",
    re.IGNORECASE,
)
"""Words that mean 'busy' under the bare general code alone, in English and Chinese ("later")."""
_GONE_WORDS = re.compile(
    r"(?P<within>\b(?:of|in|on|to|from|under|behind) (?:the |this )?)?"
    r"\b(?:(?:load ?balancer|c?lb)(?: ?id)?(?:[ :]*[\[(\"'`]*lb-[\w-]+[\])\"'`]*)?|lb-[\w-]+[\])\"'`]*) ?"
    r"(?:(?:is|was|does|do|can|could) ?)?(?:not|n't|no longer) (?:be )?(?:exist|found)",
    re.IGNORECASE,
)
"""The cloud's words, under a general code, for a load balancer that does not exist: "LoadBalancer not exist".

Not "Listener lbl-1 of LB lb-1 not found", where the load balancer only says where.
"""


def ruling_for(code: str, message: str = "") -> Ruling:
    """Look up a refusal of the cloud; a code that no table lists is fatal.

    :param message: the cloud's words: some stacks say only there that the load balancer is busy, or gone.
    """
    known = max(filter(code.startswith, RULINGS), key=len, default=None)
    ruling = _UNLISTED if known is None else RULINGS[known]
    general = code == _GENERAL_CODE and _GENERAL_BUSY_WORDS.search(message)
    if ruling.text_counts and (general or _BUSY_WORDS.search(message)):
        return _BUSY
    gone = _GONE_WORDS.search(message) if ruling.remedy is Remedy.NARROW else None
    if gone is not None and gone["within"] is None:
        return _GONE
    return ruling
