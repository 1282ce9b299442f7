"""Sweeps: a space over the configuration, a study that many processes share, the trials' objectives, the outcome."""
