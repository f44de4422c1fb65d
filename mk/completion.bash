# Completion for bash, and for zsh by its bashcompinit: yolosens' goals and variables are filled in by make install from the table of
# variables; a tool's options are those that its own --help lists.
_yolosens_goals='@GOALS@'
_yolosens_variables='@VARIABLES@'
_yolosens_words() { # VARIABLE: the words that it takes
    case $1 in
@WORDS@
    esac
}
_yolosens() {
    local cur=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD name=''
    # A = is a word by itself.
    if [ "$cur" = = ]; then
        name=${COMP_WORDS[at - 1]} cur=''
    elif [ "$at" -gt 1 ] && [ "${COMP_WORDS[at - 1]}" = = ]; then
        name=${COMP_WORDS[at - 2]}
    fi
    if [ -n "$name" ]; then
        COMPREPLY=($(compgen -W "$(_yolosens_words "$name")" -- "$cur"))
        [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
    elif [ "$at" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$_yolosens_goals" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$_yolosens_variables" -S = -- "$cur"))
        compopt -o nospace 2>/dev/null
    fi
    return 0
}
_yolosens_tool() {
    local cur=${COMP_WORDS[COMP_CWORD]}
    case $cur in
    -*) COMPREPLY=($(compgen -W "$("$1" --help 2>/dev/null | grep -o -e '--[a-z][a-z0-9-]*' | sort -u)" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
    return 0
}
complete -F _yolosens yolosens
complete -o filenames -F _yolosens_tool @TOOLS@
