"""The class vdi_nbd_server_info."""

from __future__ import annotations

from xapid.datamodel.roles import POOL_OPERATOR
from xapid.datamodel.types import Object, dynamic


class VdiNbdServerInfo(
    Object,
    name="vdi_nbd_server_info",
    roles=POOL_OPERATOR,
    since="inverness",
    in_db=False,
    persistent=False,
    events=False,
    listed=False,
):
    """"""

    exportname: str = dynamic()
    address: str = dynamic()
    port: int = dynamic()
    cert: str = dynamic()
    subject: str = dynamic()
