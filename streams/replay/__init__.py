"""The replay: folds files of events through the same core, without a broker."""
