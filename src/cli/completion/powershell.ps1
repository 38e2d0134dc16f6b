# Completion for PROGRAM in PowerShell.
Register-ArgumentCompleter -Native -CommandName 'PROGRAM' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -le $cursorPosition } |
        Select-Object -Skip 1 | ForEach-Object { $_.Extent.Text })
    if ($wordToComplete -eq '') { $words += '' }
    $program = $commandAst.CommandElements[0].Extent.Text
    $out = @(& $program __complete @words 2>$null)
    if ($out.Count -lt 2) { return }
    $out[0..($out.Count - 2)] | ForEach-Object {
        $value, $about = $_ -split "`t", 2
        if (-not $about) { $about = $value }
        # PowerShell carries out what is inserted unless it is quoted.
        $inserted = $value
        if ($value -notmatch '\A[A-Za-z0-9._/+:=~-]+\z') {
            $quoted = [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($value)
            $inserted = "'$quoted'"
        }
        [System.Management.Automation.CompletionResult]::new($inserted, $value, 'ParameterValue', $about)
    }
}
