"""Certificates that have expired or soon will: the administrator is told once, and again when it gets more urgent."""

from __future__ import annotations

from dataclasses import dataclass

from xapid.datamodel import Certificate, Host, Message
from xapid.datamodel.certificate import CertificateType
from xapid.datamodel.message import Cls
from xapid.runtime import messages
from xapid.runtime.clock import Turn
from xapid.runtime.context import Runtime
from xapid.store.store import Store
from xapid.store.transaction import Transaction

DAY = 86400.0
EVERY = DAY
"""Seconds between two looks. An alert that was dismissed meanwhile is given again: it is true still."""
STAGES: tuple[tuple[int, str, int], ...] = (
    (0, "EXPIRED", 1),
    (7, "EXPIRING_07", 1),
    (14, "EXPIRING_14", 2),
    (30, "EXPIRING_30", 3),
)
"""Days that are left at most, what the alert is called then, and its urgency."""
KINDS = {
    CertificateType.host: ("HOST_SERVER_CERTIFICATE", "The TLS server certificate"),
    CertificateType.host_internal: ("HOST_INTERNAL_CERTIFICATE", "The internal TLS server certificate"),
    CertificateType.ca: ("POOL_CA_CERTIFICATE", "The certificate of an authority that the pool trusts"),
    CertificateType.pinned: ("POOL_PINNED_CERTIFICATE", "A server's certificate that the pool trusts"),
}
"""By type of certificate: how its alerts begin, and what people call it."""


@dataclass(frozen=True)
class Alert:
    """What there is to be said of one certificate."""

    name: str
    priority: int
    cls: Cls
    obj_uuid: str
    body: str

    def says_as_much_as(self, message: Message) -> bool:
        return (message.name, message.priority, message.body) == (self.name, self.priority, self.body)


def alert_about(store: Store, certificate: Certificate, now: float) -> Alert | None:
    """The alert that is due about a certificate, if any. ``now``: seconds since 1970."""
    left = (certificate.not_after.seconds() - now) / DAY
    due = next(((stage, priority) for days, stage, priority in STAGES if left < days), None)
    if due is None:
        return None
    stage, priority = due
    begin, described = KINDS[certificate.type]
    host = store.find(Host, certificate.host)
    cls, uuid = (Cls.Host, host.uuid) if host is not None else (Cls.Certificate, certificate.uuid)
    fate = "has expired" if left < 0 else "is expiring soon"
    body = f"<body><message>{described} {fate}.</message><date>{certificate.not_after}</date></body>"
    return Alert(f"{begin}_{stage}", priority, cls, uuid, body)


class CertificateExpiry:
    """Looks at all certificates once a day, and at start."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turn = Turn(runtime.clock, EVERY, at_once=True)

    def look(self) -> None:
        """To be called often."""
        if not self._turn.has_come():
            return
        store, now = self._runtime.store, self._runtime.clock.now()
        alerts = [alert for each in store.all(Certificate) if (alert := alert_about(store, each, now)) is not None]
        if alerts:
            with store.write() as tx:
                for alert in alerts:
                    self._give(tx, alert)

    def _give(self, tx: Transaction, alert: Alert) -> None:
        """Unless it was given already; what is less urgent by now goes."""
        kind = alert.name.partition("_EXPIR")[0]
        given = False
        for message in self._runtime.store.where(Message, obj_uuid=alert.obj_uuid):
            if message.name.partition("_EXPIR")[0] != kind or "_EXPIR" not in message.name:
                continue
            if alert.says_as_much_as(message):
                given = True
            else:
                tx.delete(message)
        if not given:
            clock = self._runtime.clock
            messages.leave(tx, clock, alert.name, alert.priority, alert.cls, alert.obj_uuid, alert.body)
