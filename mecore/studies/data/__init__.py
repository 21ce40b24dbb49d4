"""The chapter on databases and on the phantom."""
