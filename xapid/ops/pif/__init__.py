"""Messages of class PIF: the interfaces of hosts, a module for each thing that is done with them."""

from xapid.ops.pif.addresses import reconfigure_ip as reconfigure_ip
from xapid.ops.pif.addresses import reconfigure_ipv6 as reconfigure_ipv6
from xapid.ops.pif.addresses import set_primary_address_type as set_primary_address_type
from xapid.ops.pif.forgetting import db_forget as db_forget
from xapid.ops.pif.forgetting import forget as forget
from xapid.ops.pif.known import db_introduce as db_introduce
from xapid.ops.pif.known import introduce as introduce
from xapid.ops.pif.known import pool_introduce as pool_introduce
from xapid.ops.pif.known import scan as scan
from xapid.ops.pif.plugging import plug as plug
from xapid.ops.pif.plugging import set_disallow_unplug as set_disallow_unplug
from xapid.ops.pif.plugging import set_property as set_property
from xapid.ops.pif.plugging import unplug as unplug
from xapid.ops.pif.vlans import create_VLAN as create_VLAN
from xapid.ops.pif.vlans import destroy as destroy
