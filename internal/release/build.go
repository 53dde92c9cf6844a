package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spokehub/spokehub/internal/release/sbom"
)

// settings are what changes the bytes that Go builds and may be set where a release is made. A release has these.
var settings = []string{
	"CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off", "GOFLAGS=-mod=readonly", "GOWORK=off",
}

// environment is that of this process with the settings of a release.
func environment() []string { return append(os.Environ(), settings...) }

// build builds the hub for a system: static, without paths of this machine, and with the version, commit and date of the release. Version
// control is not asked by Go itself, since it would name the tags that a clone has.
func (r *release) build(t target, file string) error {
	variables := strings.Join([]string{
		"-X main.version=" + r.version,
		"-X main.commit=" + r.source.commit,
		"-X main.date=" + r.source.time.Format(time.RFC3339),
	}, " ")
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= "+variables, "-o", file, "./cmd/spokehub")
	command.Dir = r.source.root
	command.Env = append(environment(), "GOOS="+t.system, "GOARCH="+t.processor)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, output)
	}
	return nil
}

// listOf is the SBOM of a binary.
func listOf(binary, version string) ([]byte, error) {
	document, err := sbom.Of(binary, version)
	if err != nil {
		return nil, err
	}
	return document.JSON()
}

// completions are the files of the shells, named as those look for them, and what each is called in spokehub completion.
var completions = []struct{ file, shell string }{
	{"completions/spokehub.bash", "bash"},
	{"completions/_spokehub", "zsh"},
	{"completions/spokehub.fish", "fish"},
}

// sharedFiles are what every archive has beside the binary. The hub prints its manual and its completions itself.
func (r *release) sharedFiles() ([]file, error) {
	var files []file
	for _, path := range []string{"LICENSE", "README.md", "CHANGELOG.md", "deploy"} {
		found, err := r.source.files(path)
		if err != nil {
			return nil, err
		}
		files = append(files, slices.DeleteFunc(found, func(f file) bool { return isForTests(f.name) })...)
	}
	binary := filepath.Join(r.work, "host")
	if err := r.build(target{runtime.GOOS, runtime.GOARCH}, binary); err != nil {
		return nil, err
	}
	print := func(name string, arguments ...string) error {
		out, err := exec.Command(binary, arguments...).Output()
		if err != nil {
			return fmt.Errorf("spokehub %s: %w", strings.Join(arguments, " "), err)
		}
		files = append(files, file{name, 0o644, out})
		return nil
	}
	for _, c := range completions {
		if err := print(c.file, "completion", c.shell); err != nil {
			return nil, err
		}
	}
	if err := print("man/spokehub.1", "man"); err != nil {
		return nil, err
	}
	for _, command := range commandsOf(string(files[len(files)-1].content)) {
		if err := print("man/spokehub-"+command+".1", "man", command); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// isForTests says that a file below deploy is of use to tests alone.
func isForTests(name string) bool {
	return strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.yaml") || strings.HasPrefix(name, "deploy/schemas/")
}

// commandsOf are the commands to whose pages that of spokehub refers.
func commandsOf(page string) (commands []string) {
	_, section, _ := strings.Cut(page, "\n.SH COMMANDS\n")
	section, _, _ = strings.Cut(section, "\n.SH ")
	for line := range strings.Lines(section) {
		if name, refers := strings.CutPrefix(line, `.BR spokehub\-`); refers {
			command, _, _ := strings.Cut(name, " ")
			commands = append(commands, strings.ReplaceAll(command, `\-`, "-"))
		}
	}
	return commands
}
