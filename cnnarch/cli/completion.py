"""`cnnarch completion`: what a shell needs to complete words; click reads the line, the scripts are ours.

click's own scripts cut `name,output` at the comma in fish, lose what stands before `=` in bash and zsh, insert names
of files without quotes, and cannot offer shipped networks and files together.
"""

from __future__ import annotations

import os
import re
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from cnnarch.cli import commands, help_option
from cnnarch.cli.output import echo

__all__ = ["answer", "command"]

VARIABLE = "_CNNARCH_COMPLETE"
HARMLESS = re.compile(r"[\w./:=,+%@-]+")  # what stands for itself in all three shells

BASH = r"""# Completion of cnnarch for bash 4.4 and newer. Put this line into ~/.bashrc:
#   eval "$(cnnarch completion bash)"

%(complete_func)s() {
    local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[^=:]/} word before kind value
    word=${line##*[[:space:]]}
    if [[ $breaks && $word == *[$breaks]* ]]; then # bash replaces only what stands behind these
        before=${word%%"${word##*[$breaks]}"}
    fi
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            plain) COMPREPLY+=("${value#"$before"}") ;;
            partial)
                COMPREPLY+=("${value#"$before"}")
                compopt -o nospace
                ;;
            spec)
                compopt -o filenames
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(
                    compgen -f -X '!*.yaml' -- "$value"
                    compgen -f -X '!*.yml' -- "$value"
                    compgen -f -X '!*.onnx' -- "$value"
                    compgen -f -X '!*.keras' -- "$value"
                    compgen -d -- "$value"
                )
                ;;
            path)
                compopt -o filenames
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$value")
                ;;
        esac
    done < <(COMP_WORDS=$line %(complete_var)s=bash_complete "${1/#\~/$HOME}" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

ZSH = r"""#compdef cnnarch
# Completion of cnnarch for zsh. Write it into a folder of $fpath, before compinit is called in ~/.zshrc:
#   cnnarch completion zsh > ~/.zfunc/_cnnarch     with     fpath+=(~/.zfunc)
# or put this line behind compinit:
#   eval "$(cnnarch completion zsh)"

%(complete_func)s() {
    local answer kind value about program=${(Q)words[1]} result=1
    local -a plain partial described answers
    answers=("${(@f)$(COMP_WORDS="${(j: :)words[1,CURRENT-1]} $PREFIX" \
        %(complete_var)s=zsh_complete ${program/#\~/$HOME} 2>/dev/null)}")
    for answer in $answers; do
        kind=${answer%%%%,*} value=${answer#*,}
        about=${value#*$'\t'} value=${value%%%%$'\t'*}
        case $kind in
            plain)
                if [[ $about == $value ]]; then
                    plain+=("$value")
                else
                    described+=("${value//:/\\:}:$about")
                fi
                ;;
            partial) partial+=("$value") ;;
            spec | path)
                compset -P '--*='
                if [[ $kind == spec ]]; then
                    _files -g '*.(yaml|yml|onnx|keras)(-.)' && result=0
                else
                    _files && result=0
                fi
                ;;
        esac
    done
    (( $#described )) && _describe -V word described && result=0
    (( $#plain )) && compadd -V word -a plain && result=0
    (( $#partial )) && compadd -V word -S '' -a partial && result=0
    return result
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

FISH = r"""# Completion of cnnarch for fish. Write it where fish looks for it:
#   cnnarch completion fish > ~/.config/fish/completions/cnnarch.fish

function %(complete_func)s
    set -l program (string replace -r '^~' $HOME -- (commandline -opc)[1])
    set -l line (commandline -cp | string collect)
    for answer in (env COMP_WORDS=$line %(complete_var)s=fish_complete $program 2>/dev/null)
        set -l parts (string split -m 1 , -- $answer)
        switch $parts[1]
            case plain partial
                echo -- $parts[2]
            case spec
                __fish_complete_suffix .yaml
            case path
                __fish_complete_path $parts[2]
        end
    end
end

complete --command %(prog_name)s --no-files --keep-order --arguments '(%(complete_func)s)'
"""


class _Line(ShellComplete):
    """Reads the line up to the cursor, and gives a line `kind,word` for each word that fits."""

    def get_completion_args(self) -> tuple[list[str], str]:
        *words, last = split_arg_string(f"{os.environ.get('COMP_WORDS', '')}|")  # what is typed ends before the sign
        return words[1:], last[:-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        self.ctx_args["obj"] = args
        found = super().get_completions(list(args), incomplete)
        before, equals, _ = incomplete.partition("=")
        if equals and before.startswith("--"):  # a shell replaces the whole word
            for item in found:
                item.value = item.value if item.type in ("spec", "path") else f"{before}={item.value}"
        # A name that a shell would act on is not offered; the names of files come from the shell, which quotes them.
        return [item for item in found if item.type in ("spec", "path") or HARMLESS.fullmatch(item.value)]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        about = " ".join((item.help or "").split())
        return f"{item.type},{item.value}\t{about}" if about else f"{item.type},{item.value}"


class _Bash(_Line):
    name, source_template = "bash", BASH

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value}"


class _Zsh(_Line):
    name, source_template = "zsh", ZSH


class _Fish(_Line):
    name, source_template = "fish", FISH


SHELLS: dict[str, type[_Line]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def answer(asked: str) -> str:
    """The words that fit, for a shell that asked for `bash_complete` or the like."""
    shell = SHELLS.get(asked.removesuffix("_complete"))
    words = shell(commands, {}, "cnnarch", VARIABLE).complete() if shell else ""
    return f"{words}\n" if words else ""


@click.command("completion")
@help_option
@click.argument("shell", metavar="SHELL", type=click.Choice(list(SHELLS)))
def command(shell: str) -> None:
    """A script with which a shell completes words.

    Commands, options, networks and files, layers, columns and kinds. SHELL is bash, zsh or fish; the
    script says how it is installed.

    \b
    Examples:
      eval "$(cnnarch completion bash)"    in ~/.bashrc
      eval "$(cnnarch completion zsh)"     in ~/.zshrc, behind compinit
      cnnarch completion fish > ~/.config/fish/completions/cnnarch.fish
    """
    echo(SHELLS[shell](commands, {}, "cnnarch", VARIABLE).source(), None)
