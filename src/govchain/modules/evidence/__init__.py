"""Placeholder until the module's rules join below."""
