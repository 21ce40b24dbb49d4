"""What the study measures beside its tests: the phantom's promises, and speed against peers."""
