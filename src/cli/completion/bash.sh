# Completion for PROGRAM in bash 4 or newer.
_PROGRAM_complete() {
    local -a words=()
    local word last="" i
    # bash breaks words at = and : as well; put them together again.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word="${COMP_WORDS[i]}"
        if ((${#words[@]} > 0)) && [[ "$word" == [=:]* || "$last" == *[=:] ]]; then
            words[-1]+="$word"
        else
            words+=("$word")
        fi
        last="$word"
    done
    local current="${words[-1]:-}" out directive
    out="$("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)" || return
    directive="${out##*:}"
    out="${out%:*}"
    # Only what stands behind the last break is replaced.
    local kept="${current%"${current##*[=:]}"}" value about
    local -a values=() shown=()
    local width=0
    while IFS=$'\t' read -r value about; do
        [[ -n "$value" ]] || continue
        # bash carries out what is inserted unless it is quoted.
        printf -v word '%q' "${value#"$kept"}"
        values+=("$word")
        shown+=("$about")
        ((${#value} > width)) && width=${#value}
    done <<<"$out"
    COMPREPLY=()
    if ((${#values[@]} == 1)) || [[ "${COMP_TYPE:-9}" != 63 ]]; then
        COMPREPLY=("${values[@]}")
    else
        # A list for the eye, with descriptions.
        for i in "${!values[@]}"; do
            if [[ -n "${shown[i]}" ]]; then
                printf -v word "%-${width}s  (%s)" "${values[i]}" "${shown[i]}"
                COMPREPLY+=("${word:0:${COLUMNS:-80}}")
            else
                COMPREPLY+=("${values[i]}")
            fi
        done
    fi
    if ((directive & 2)); then
        compopt -o nospace 2>/dev/null
    fi
    if ((directive & 4)); then
        compopt +o default 2>/dev/null
    else
        compopt -o default 2>/dev/null
    fi
}
complete -F _PROGRAM_complete -o default PROGRAM
