# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes IDs, addresses, names and secrets out of what a report shows.

Nothing is shown because it looks harmless. Shown are values of fields with a fixed vocabulary, numbers that say nothing
of an account, and of texts the words of the API's own language.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from clb_emulator.busy import STYLES
from clb_emulator.looks import DESCRIBING
from clb_emulator.params import SCHEMAS, Struct
from clb_emulator.settings import CHOICES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .calls import Record

_FAMILIES = """
AuthFailure ConnectionFailed DryRunOperation FailedOperation InternalError InvalidAction InvalidArgument
InvalidCredential InvalidParameter InvalidParameterCombination InvalidParameterValue InvalidRequest LimitExceeded
MissingParameter NoSuchProduct NoSuchVersion OperationDenied RequestLimitExceeded RequestSizeLimitExceeded
ResourceInUse ResourceInsufficient ResourceNotFound ResourceUnavailable ResourcesSoldOut ResponseSizeLimitExceeded
ServiceUnavailable UnauthorizedOperation UnexpectedAnswer UnknownParameter UnsupportedOperation UnsupportedProtocol
UnsupportedRegion WaitTimeout
"""
_WORDS = """
a abnormal about above accept accepted account action actions active address addresses after again against alive all
allowed alone already also among an and another answer answered answers any api applied are as asked asks assume at
auth authorized backend backends balance balancer balancers be because been before behind being below between beyond
bind binding bindings body both bound busy but by bytes call calls came can cannot certificate change changed changes
check classic clb close cloud code codes com combination complete concurrent conflict conformance connection could
count counts cpu create credential credentials current currently cut cvm data dead default denied deregister
deregistered des describe desstate device did difference different disabled do documented does domain done duplicate
duplicated each eip else elsewhere empty emulator end ended endpoint english eni entries entry equals error even every
exceed exceeded exceeds exception exist existed exists expected expired fail failed failure false fewer field fields
filter filters find finds finished first for form format forwarding found free frequency frequently from full function
gateway gave gets given got group groups has have header headers health healthy here holds host how html http https id
identity ids if ignored illegal in incorrect input inside instance instances insufficient internal interrupted invalid
ip ipv4 ipv6 is isolated it its json kept key keys kind know known knows lag language larger last later layer layer-4
layer-7 lb least left legal length less letters level like limit limited limits list listed listener listenerid
listenerids listeners load loadbalancer location locationid locked longer look looks made make manages many match
maximum may maybe member members mention message minimum missing mode modify more most must name named names need
needed needs neither network never no nobody node none normal not nothing null number numbers object occurred of off
offline ok on once one ones only open operate operated operating operation operations or order other others out
outcome own page paid parameter parameters pass permission permissions ping please pls point port ports primary
process processed processing protocol provided punycode quic quota range reached read reads reason recognized redirect
reduce refuse refused refuses region register registered registering registers registration repeated request requested
requests required resource resources response result retry right row rule rules run running runs same say scheduler
second seconds secret security see send sent server service session set setting settings shape should show shows sign
signature signed site size slow some something soon sorry sound specific specified specify start started state status
stays still stopped success successful successfully such sufficient support supported supports switched system tag
tags take takes target targetgroup targets task tasks tcp tcp_ssl tell tells temporarily terminated text texts than
that the their then there these they this thought throttled time timeout times timestamp to token told too true try
turn twice two type typed udp unable unavailable unbound unexpected unique unknown unless unsupported until up upgrade
url use used user uses valid value values version vip vpc wait was weight weights what when where which whole why will
with within without words work working write wrong wsname yet you your zero zone
"""
_FIELDS = """
CCN CVM ENI EVM EniId FailListenerIdSet GLOBALROUTE HealthCheck HealthStatus HealthStatusDetail InstanceName NAT
PublicIpAddresses RegisteredTime RequestId Response SRV SessionExpireTime Tags TargetType
"""

FAMILIES = frozenset(_FAMILIES.split())
"""With what an error code can begin."""

_CHOICES = (value.lower() for values in CHOICES.values() for value in values)
WORDS = frozenset({*_WORDS.split(), *STYLES, *_CHOICES, "yes"})
"""The words, in small letters, that a report may show of a text: those of the API, the collection and the questions."""


def _names(struct: Struct) -> Iterator[str]:
    for name, kind in struct.fields.items():
        yield name
        member: Any = kind[0] if isinstance(kind, list) else kind
        if isinstance(member, Struct):
            yield from _names(member)


_PARAMETERS = (name for struct in SCHEMAS.values() for name in _names(struct))
FIELDS = frozenset({*SCHEMAS, *DESCRIBING, *_PARAMETERS, *_FIELDS.split()})
"""Names of actions, parameters and fields, and types of backends."""

_CODE = re.compile(r"([A-Z][A-Za-z]{2,40})(\.[A-Za-z]{2,60}){0,2}")
_NUMBER = re.compile(r"-?\d{1,4}")
_KEY = re.compile(r"[A-Z][A-Za-z0-9]{0,40}")
_WORD = re.compile(r"[^\s()\[\]{}<>`'\",;:=!?]+")
_HEALTH = "Alive Dead Unknown Close"
_VOCABULARY = {
    "AddressIPVersion": "ipv4 ipv6",
    "CheckType": "TCP HTTP HTTPS GRPC PING CUSTOM",
    "HealthStatusDetail": _HEALTH,
    "HealthStatusDetial": _HEALTH,
    "LoadBalancerType": "OPEN INTERNAL",
    "Protocol": "TCP UDP TCP_SSL QUIC HTTP HTTPS",
    "Scheduler": "WRR LEAST_CONN IP_HASH",
    "TargetType": "NODE TARGETGROUP TARGETGROUP-V2 POLARIS",
    "Type": "CVM cvm ENI eni CCN EVM GLOBALROUTE NAT SRV MANAGED_SERVICE IPDC PVGW",
}
"""Fields of a fixed vocabulary, with it."""
_OWN_NAMES = ["clb-conformance", "tag:clb-conformance", "target-ip", "loadbalancer-id", "TargetCount", "none"]
"""Texts that this run itself sends, and that say nothing of an account."""
_NUMBERS = """
EndPort Forward HealthSwitch HealthNum IdleConnectTimeout IntervalTime Isolation Limit Offset OrderType Port
SessionExpireTime SniSwitch Status TargetCount TimeOut TotalCount UnHealthNum Weight WithRs
"""
"""Fields whose numbers say nothing of an account."""
_IDENTITIES = {
    "load-balancer": "LoadBalancerId LoadBalancerIds",
    "listener": "ListenerId ListenerIds FailListenerIdSet",
    "rule": "LocationId",
    "instance": "InstanceId TargetId",
    "address": "EniIp IP PrivateIpAddresses PublicIpAddresses",
    "domain": "Domain",
    "request": "RequestId TaskId",
}
_KINDS = {name: kind for kind, names in _IDENTITIES.items() for name in names.split()}
MAX_MEMBERS = 5
"""Members of a list that a report shows."""
MAX_TEXT = 300


class Mask:
    """Replaces the same value by the same word wherever it occurs; ``secrets`` may occur nowhere."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = defaultdict(int)
        for secret in filter(None, secrets):
            self._name("value", secret)
        self._hidden = self._longest_first()

    def learn(self, records: Iterable[Record]) -> None:
        """Remember every value of some calls, so that texts do not show them."""
        for record in records:
            self.value(dict(record.params))
            self.value(dict(record.answer.response))
        self._hidden = self._longest_first()

    def value(self, item: Any, field: str = "") -> Any:
        """Return a part of a request or answer without what it says of an account; remember what it leaves out too."""
        if isinstance(item, dict):
            shown = {str(key): self.value(value, str(key)) for key, value in item.items()}
            return {key: value for key, value in shown.items() if _KEY.fullmatch(key)}
        if isinstance(item, (list, tuple)):
            more = [f"... {len(item)} in all"] if len(item) > MAX_MEMBERS else []
            return [self.value(member, field) for member in item][:MAX_MEMBERS] + more
        if isinstance(item, str):
            is_plain = not item or item in _VOCABULARY.get(field, "").split() or item in _OWN_NAMES
            return item if is_plain else self._name(_KINDS.get(field, "text"), item)
        is_plain = isinstance(item, bool) or item is None or (field in _NUMBERS.split() and not isinstance(item, float))
        return item if is_plain else "number"

    def _name(self, kind: str, item: str) -> str:
        if item not in self._known:
            self._counts[kind] += 1
            self._known[item] = f"<{kind} {self._counts[kind]}>"
        return self._known[item]

    def answer(self, item: Any) -> Any:
        if isinstance(item, dict):
            return {key: self.answer(value) for key, value in item.items()}
        if isinstance(item, list):
            return [self.answer(member) for member in item]
        return self.words(item) if isinstance(item, str) else item

    def words(self, text: str) -> str:
        """Return a text with its common words, error codes and short numbers alone."""
        for known in self._hidden:
            text = text.replace(known, "\x00")
        return _WORD.sub(lambda word: word[0] if self._is_common(word[0].rstrip(".")) else "<...>", text[:MAX_TEXT])

    def _longest_first(self) -> list[str]:
        return sorted((item for item in self._known if len(item) > 2 and not self._is_common(item)), key=len)[::-1]

    def _is_common(self, word: str) -> bool:
        if word.lower() in WORDS or _NUMBER.fullmatch(word) or word in _OWN_NAMES or word in FIELDS:
            return True
        code = _CODE.fullmatch(word)
        return code is not None and code[1] in FAMILIES
