"""Networks of the papers, their training, and what they look at."""
