package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// source is the commit that a release is made from.
type source struct {
	// root is the directory of the repository.
	root   string
	commit string
	// time is that of the commit, or what SOURCE_DATE_EPOCH says.
	time time.Time
}

// readSource finds the commit of the working tree, which has to be as it was committed.
func readSource() (source, error) {
	root, err := git("", "rev-parse", "--show-toplevel")
	if err != nil {
		return source{}, err
	}
	changed, err := git(root, "status", "--porcelain")
	if err != nil {
		return source{}, err
	}
	if changed != "" {
		lines := strings.Split(changed, "\n")
		more := ""
		if len(lines) > 1 {
			more = fmt.Sprintf(" and %d more", len(lines)-1)
		}
		return source{}, fmt.Errorf("the working tree differs from its commit: %s%s; commit or remove what git status shows", strings.TrimSpace(lines[0][2:]), more)
	}
	commit, err := git(root, "rev-parse", "HEAD")
	if err != nil {
		return source{}, err
	}
	seconds, err := git(root, "show", "--no-patch", "--format=%ct", "HEAD")
	if err != nil {
		return source{}, err
	}
	if epoch := os.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds = epoch
	}
	var unix int64
	if _, err := fmt.Sscanf(seconds+"\n", "%d\n", &unix); err != nil {
		return source{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds since 1970", seconds)
	}
	return source{root, commit, time.Unix(unix, 0).UTC()}, nil
}

// files are those below a path that are part of the commit.
func (s source) files(path string) ([]file, error) {
	listed, err := git(s.root, "ls-tree", "-r", "-z", "HEAD", "--", path)
	if err != nil {
		return nil, err
	}
	var found []file
	for entry := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
		attributes, name, named := strings.Cut(entry, "\t")
		if !named {
			continue
		}
		mode := int64(0o644)
		if strings.HasPrefix(attributes, "100755 ") {
			mode = 0o755
		}
		content, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		found = append(found, file{name, mode, content})
	}
	return found, nil
}

// git runs git in a directory and returns what it prints.
func git(directory string, arguments ...string) (string, error) {
	command := exec.Command("git", arguments...)
	command.Dir = directory
	out, err := command.Output()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return "", fmt.Errorf("git %s: %s", arguments[0], strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimRight(string(out), "\n"), err
}
