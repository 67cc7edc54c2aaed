"""Many talking heads in one run: what is to be made (:mod:`~mssync.batch.pairs`), and the making, one after another
or in several processes (:mod:`~mssync.batch.work`)."""
