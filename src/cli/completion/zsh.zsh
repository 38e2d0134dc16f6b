#compdef PROGRAM
# Completion for PROGRAM in zsh.
_PROGRAM() {
    local out directive line value about
    local -a described options
    out="$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)" || return 1
    directive="${out##*:}"
    for line in "${(@f)${out%:*}}"; do
        [[ -n "$line" ]] || continue
        value="${line%%$'\t'*}"
        value="${value//:/\\:}"
        if [[ "$line" == *$'\t'* ]]; then
            about="${line#*$'\t'}"
            described+=("$value:$about")
        else
            described+=("$value")
        fi
    done
    (( directive & 2 )) && options+=(-S '')
    if (( ${#described} )); then
        _describe 'completions' described "${options[@]}"
    fi
    if (( ! (directive & 4) )); then
        _files
    fi
}
if [[ "${funcstack[1]}" == "_PROGRAM" ]]; then
    _PROGRAM "$@"
else
    compdef _PROGRAM PROGRAM
fi
