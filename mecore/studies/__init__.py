"""One package per study; none imports another."""
