"""Plain ASGI middleware: request ids, limits, rates, headers."""
