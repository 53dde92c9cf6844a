//go:build linux

package load

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startProfile has the hub record where its CPU time goes while a span is measured, if settings ask for it. The channel gives the
// outcome when the file is written.
func (s *Stand) startProfile(d time.Duration) <-chan error {
	done := make(chan error, 1)
	if s.settings.Profile == "" || s.server.Admin == "" {
		done <- nil
		return done
	}
	s.profiles++
	name := strings.NewReplacer("/", "_", " ", "_", "=", "-").Replace(s.name)
	path := filepath.Join(s.settings.Profile, fmt.Sprintf("%s_%d.pprof", name, s.profiles))
	go func() { done <- s.profile(path, max(1, int(d.Seconds()))) }()
	return done
}

func (s *Stand) profile(path string, seconds int) error {
	response, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.server.Admin, seconds))
	if err != nil {
		return fmt.Errorf("profile the hub: %w", err)
	}
	defer response.Body.Close()
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(file, response.Body); err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	return nil
}
