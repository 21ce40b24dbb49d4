"""What studies share: the study engine, folds, the runner, stored rows, caches, statistics."""
