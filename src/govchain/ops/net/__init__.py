"""A network of real nodes on this machine, see README.md."""
