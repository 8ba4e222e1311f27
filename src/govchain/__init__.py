"""GovChain (政链): a provable ledger for government services.

The package is a house of rooms with one direction of imports (see docs/adr/0001 and ARCHITECTURE in docs): rooms from
``texts`` to ``ledger`` are deterministic, without clock, randomness or I/O; the rooms after them meet the world.
"""

__version__ = "0.1.0"
