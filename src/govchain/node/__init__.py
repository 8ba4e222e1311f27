"""Puts the parts of a node together: installed families, the embedded node, the in-process Transport."""
