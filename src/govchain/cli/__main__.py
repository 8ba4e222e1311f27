"""``python -m govchain.cli``."""

from govchain.cli import main

main()
