"""Groups whose machines are to keep apart, and all run on one host: the administrator is told as long as it is so."""

from __future__ import annotations

from xapid.datamodel import Message, VM_group
from xapid.datamodel.message import Cls
from xapid.rules.vm_group import crowded
from xapid.runtime import messages
from xapid.runtime.context import Runtime

NAME = "ALL_RUNNING_VMS_IN_ANTI_AFFINITY_GRP_ON_SINGLE_HOST"
PRIORITY = 3


class AntiAffinityWatch:
    """Leaves one message for each such group, and takes it back once its machines are apart."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def look(self) -> None:
        """To be called often."""
        store = self._runtime.store
        due = {self._body(group, host.uuid): host for group in store.all(VM_group) if (host := crowded(store, group))}
        given = {message.body: message for message in store.where(Message, name=NAME)}
        if due.keys() == given.keys():
            return
        with store.write() as tx:
            for body in given.keys() - due.keys():
                tx.delete(given[body])
            for body in due.keys() - given.keys():
                messages.leave(tx, self._runtime.clock, NAME, PRIORITY, Cls.Host, due[body].uuid, body)

    @staticmethod
    def _body(group: VM_group, host: str) -> str:
        return (
            "<body><message>All running machines of a group that are to keep apart are on one host.</message>"
            f"<VM_group>{group.uuid}</VM_group><host>{host}</host></body>"
        )
