"""``python -m mssync``."""

from mssync.cli import main

main()
