"""``govchain completion``: print a shell's script that offers commands, options and known values."""

from __future__ import annotations

from typing import Annotated

import typer

from govchain.cli.completing import COMPLETE_VARIABLE
from govchain.cli.output import emit
from govchain.cli.session import t
from govchain.model import Code, UsageError

__all__ = ["COMMANDS", "SCRIPTS"]

#: Each shell's script. They hand over the words up to the cursor; where nothing comes back, files are offered.
SCRIPTS = {
    "bash": f"""\
_govchain() {{
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <({COMPLETE_VARIABLE}=1 "$1" "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
}}
complete -o default -F _govchain govchain
""",
    "zsh": f"""\
#compdef govchain
_govchain() {{
    local -a candidates
    candidates=("${{(@f)$({COMPLETE_VARIABLE}=1 "${{words[1]}}" "${{(@)words[2,CURRENT]}}" 2>/dev/null)}}")
    if (( ${{#candidates[1]}} )); then
        compadd -- "${{candidates[@]}}"
    else
        _files
    fi
}}
if [ "$funcstack[1]" = "_govchain" ]; then
    _govchain "$@"
else
    compdef _govchain govchain
fi
""",
    "fish": f"""\
function __govchain_complete
    set -l given (commandline -opc)
    set -a given (commandline -ct | string collect --allow-empty)
    {COMPLETE_VARIABLE}=1 $given[1] $given[2..-1] 2>/dev/null
end
complete -c govchain -a "(__govchain_complete)"
""",
}

_completion = typer.Typer(add_completion=False)


@_completion.command("completion", help=t("help.completion"))
def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help=t("option.completion_shell"))],
) -> None:
    """Print the script; ``source`` it, or put it where the shell looks."""
    script = SCRIPTS.get(shell)
    if script is None:
        raise UsageError(Code.USAGE, reason=t("completion.unknown", shell=shell, known=", ".join(SCRIPTS)))
    emit({"shell": shell, "script": script}, lambda: print(script, end=""))


COMMANDS = {"completion": _completion}
