package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		words []string
		want  []string
	}{
		"commands":                  {[]string{"s"}, []string{"serve", "sub"}},
		"commands of a command":     {[]string{"token", ""}, []string{"make", "read", "key", "apikey"}},
		"flags":                     {[]string{"sub", "--tok"}, []string{"--token", "--token-file"}},
		"flags behind arguments":    {[]string{"pub", "price", "1", "--ra"}, []string{"--rate"}},
		"flags behind a value":      {[]string{"sub", "--count", "1", "--js"}, []string{"--json"}},
		"values of a flag":          {[]string{"serve", "--log-format", ""}, []string{"text", "json"}},
		"values behind =":           {[]string{"serve", "--log-format=t"}, []string{"--log-format=text"}},
		"values behind = in bash":   {[]string{"serve", "--log-format", "=", "t"}, []string{"text"}},
		"values right behind =":     {[]string{"serve", "--log-format", "="}, []string{"text", "json"}},
		"values of an argument":     {[]string{"completion", "z"}, []string{"zsh"}},
		"nothing for a file":        {[]string{"sub", "--token-file", ""}, nil},
		"nothing that is hidden":    {[]string{"__"}, nil},
		"help of any command":       {[]string{"config", "check", "--he"}, []string{"--help"}},
		"nothing for a free string": {[]string{"sub", "pri"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := runBinary(t, nil, append([]string{"__complete"}, c.words...)...)
			var got []string
			for line := range strings.Lines(stdout) {
				word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
				got = append(got, word)
			}
			if code != exitOK || stderr != "" || !slices.Equal(got, c.want) {
				t.Errorf("got %q, exit code %d and %q, want %q", got, code, stderr, c.want)
			}
		})
	}
}

// TestEveryFlagOfEveryCommandIsACandidate holds the completions against the flags that are parsed.
func TestEveryFlagOfEveryCommandIsACandidate(t *testing.T) {
	t.Parallel()
	model := testManual(t).model
	for _, leaf := range model.Leaves(true) {
		words := strings.Fields(commandWords(leaf))[1:]
		found := candidates(model.Node, append(words, "--"))
		for _, flag := range leaf.Flags {
			isFlag := func(candidate string) bool { return strings.HasPrefix(candidate+"\t", "--"+flag.Name+"\t") }
			if !flag.Hidden && !slices.ContainsFunc(found, isFlag) {
				t.Errorf("got no --%s behind %v, want it among %q", flag.Name, words, found)
			}
		}
	}
}

// TestZshFindsTheScriptInADirectoryOfFunctions has zsh load the script as it is installed.
func TestZshFindsTheScriptInADirectoryOfFunctions(t *testing.T) {
	t.Parallel()
	foreign(t)
	path, err := exec.LookPath("zsh")
	if err != nil {
		unavailable(t, "zsh is not installed: %v", err)
	}
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "_spokehub"), []byte(completionScripts["zsh"]), 0o644); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "-f", "-c", `fpath=('`+directory+`' $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[spokehub]
_describe() { printf '%s\n' "${(@)found%%:*}"; }
words=(spokehub sub --tok); CURRENT=3; _spokehub`)
	command.Env = append(environment(nil), "PATH="+filepath.Dir(binary)+":/usr/local/bin:/usr/bin:/bin", "HOME="+t.TempDir())
	out, err := command.CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, []string{"_spokehub", "--token", "--token-file"}) {
		t.Errorf("zsh says %q, %v, want the function of spokehub and its candidates", out, err)
	}
}

// TestShellsComplete sources the script in each shell that is here and has it complete a command.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	foreign(t)
	for shell, script := range map[string]string{
		"bash": `source <(spokehub completion bash)
COMP_WORDS=(spokehub sub --tok); COMP_CWORD=2; _spokehub; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { :; }
_describe() { printf '%s\n' "${(@)found%%:*}"; }
source <(spokehub completion zsh)
words=(spokehub sub --tok); CURRENT=3; _spokehub`,
		"fish": `spokehub completion fish | source
complete --do-complete 'spokehub sub --tok' | string replace --regex '\t.*' ''`,
	} {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				unavailable(t, "%s is not installed: %v", shell, err)
			}
			command := exec.Command(path, "-c", script)
			command.Env = append(environment(nil), "PATH="+filepath.Dir(binary)+":/usr/local/bin:/usr/bin:/bin", "HOME="+t.TempDir())
			out, err := command.CombinedOutput()
			if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, []string{"--token", "--token-file"}) {
				t.Errorf("%s completes %q, %v, want --token and --token-file", shell, out, err)
			}
		})
	}
}
