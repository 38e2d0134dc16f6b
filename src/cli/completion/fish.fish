# Completion for PROGRAM in fish.
function __PROGRAM_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l out ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
    or return
    set -l directive (string replace ':' '' -- $out[-1])
    test (count $out) -gt 1
    and printf '%s\n' $out[1..-2]
    # The third bit says that files make no sense here.
    test (math "floor($directive / 4) % 2") -eq 0
    and __fish_complete_path "$current"
end
complete -c PROGRAM -e
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
