"""Messages of class Bond: interfaces joined into one."""

from xapid.ops.bond.joining import create as create
from xapid.ops.bond.joining import destroy as destroy
from xapid.ops.bond.settings import set_mode as set_mode
from xapid.ops.bond.settings import set_property as set_property
