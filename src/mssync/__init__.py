"""mssync: one photo and one voice become a talking head."""

__version__ = "0.1.0"
