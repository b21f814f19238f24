package completion

// scripts are what the shells evaluate. Where the program has no words, files are completed.
var scripts = map[string]string{
	"bash": `# bash completion of millrace
_millrace() {
  local cur=${COMP_WORDS[COMP_CWORD]} line=("${COMP_WORDS[@]:1:COMP_CWORD}")
  if [[ $cur == = ]]; then line[${#line[@]}-1]=""; fi
  mapfile -t COMPREPLY < <("${COMP_WORDS[0]}" complete-words -- "${line[@]}" 2>/dev/null)
}
complete -o default -F _millrace millrace
`,
	"zsh": `#compdef millrace
_millrace() {
  local -a words_found
  words_found=("${(@f)$("${words[1]}" complete-words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n ${words_found[1]} ]]; then compadd -- $words_found; else _files; fi
}
compdef _millrace millrace
`,
	"fish": `# fish completion of millrace
function __millrace_words
  set -l line (commandline -opc)
  $line[1] complete-words -- $line[2..] (commandline -ct) 2>/dev/null
end
complete -c millrace -a '(__millrace_words)'
`,
	"powershell": `# PowerShell completion of millrace
Register-ArgumentCompleter -Native -CommandName millrace -ScriptBlock {
  param($word, $ast, $position)
  $line = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -eq '') { $line += '' }
  & $ast.CommandElements[0].ToString() complete-words -- $line 2>$null | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
}
