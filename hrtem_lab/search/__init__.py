"""Hyperparameter search with Optuna: the space, a study that many processes share, the objectives, the outcome."""
