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
    """How to reach a disk over the network: one NBD server that exports it, as VDI.get_nbd_info lists them."""

    exportname: str = dynamic(
        doc="The name of the export to ask the server for; it holds the session, so keep it secret."
    )
    address: str = dynamic(doc="An IP address of the server.")
    port: int = dynamic(doc="The TCP port of the server.")
    cert: str = dynamic(doc="The certificate of the server, in PEM, for a connection by TLS.")
    subject: str = dynamic(doc="The name for which the certificate must be valid, to be verified by the client.")
