package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxStatus is how long an answer of GET /status may be.
const maxStatus = 8 << 20

// topSource asks a hub how it is.
type topSource struct {
	url     string
	keyFile string
	web     *http.Client
}

func newTopSource(admin, keyFile string, timeout time.Duration) (*topSource, error) {
	if !strings.Contains(admin, "://") {
		admin = "http://" + admin
	}
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--admin: got %q, want the admin address of a hub, such as http://127.0.0.1:8081", admin)
	}
	s := &topSource{url: u.JoinPath("status").String(), keyFile: keyFile, web: &http.Client{Timeout: timeout}}
	if _, err := s.key(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *topSource) key() (string, error) {
	if s.keyFile == "" {
		return "", nil
	}
	key, err := readToken(s.keyFile)
	if err != nil {
		return "", fmt.Errorf("--api-key-file: %w", err)
	}
	return key, nil
}

// topAnswer is the answer of GET /status. Lists are what of it is shown as tables, with all columns that a hub tells.
type topAnswer struct {
	statusAnswer
	lists []topTable
}

// ask returns how the hub is, with the samples behind since. An error has its exit code.
func (s *topSource) ask(ctx context.Context, since uint64) (*topAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?since=%d", s.url, since), nil)
	if err != nil {
		return nil, err
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := s.web.Do(request)
	if err != nil {
		if inner := (*url.Error)(nil); errors.As(err, &inner) {
			err = inner.Err
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			err = fmt.Errorf("%w: nothing listens there; is the hub running, and is that its --admin?", err)
		}
		return nil, codedError{fmt.Errorf("%s: %w", s.url, err), exitUnreachable}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxStatus))
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return nil, codedError{fmt.Errorf("%s: the hub asks for an API key that it knows: give it with --api-key-file", s.url), exitRefused}
	case response.StatusCode != http.StatusOK:
		return nil, codedError{fmt.Errorf("%s: got %s, want an answer of the admin address of a hub, which is that of its --admin and not that of its --listen", s.url, response.Status), exitUnreachable}
	case err != nil:
		return nil, codedError{fmt.Errorf("%s: %w", s.url, err), exitUnreachable}
	}
	answer := &topAnswer{}
	var all map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(body, &answer.statusAnswer), json.Unmarshal(body, &all)); err != nil || answer.Process.Instance == "" {
		return nil, codedError{fmt.Errorf("%s: the answer is not that of a hub: %.60q", s.url, body), exitUnreachable}
	}
	for _, name := range topLists {
		if table, err := readTable(name, all[name]); err == nil && len(table.rows) > 0 {
			answer.lists = append(answer.lists, table)
		}
	}
	return answer, nil
}

// topLists are the members of an answer that are shown as tables.
var topLists = []string{"latencies", "reactors", "topics", "slow", "nodes"}
