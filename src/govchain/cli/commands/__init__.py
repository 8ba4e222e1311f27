"""One module for each command or group; each has ``COMMANDS``, from name to Typer application."""
