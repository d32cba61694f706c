"""``python -m xapid``."""

import sys

from xapid.cli.server_command import main

sys.exit(main())
