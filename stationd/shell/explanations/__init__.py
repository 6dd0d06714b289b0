"""The texts of `stationctl explain`, one file for each language; stationd.shell.explain reads them."""
