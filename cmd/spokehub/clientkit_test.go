package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/spokehub/spokehub/spoke"
)

// tool is a running command of a client: sub, pub, bench, check.
type tool struct {
	command *exec.Cmd
	lines   chan string
	stderr  *bytes.Buffer
	ended   chan struct{}
}

// startTool starts a command. stdin may be nil.
func startTool(t *testing.T, stdin io.Reader, arguments ...string) *tool {
	t.Helper()
	command := exec.Command(binary, arguments...)
	command.Env, command.Stdin = environment(nil), stdin
	return startCommand(t, command)
}

// startCommand starts a program that is killed with the test.
func startCommand(t *testing.T, command *exec.Cmd) *tool {
	t.Helper()
	foreign(t)
	p := &tool{command: command, lines: make(chan string, 100_000), stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	p.command.Stderr = p.stderr
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		p.command.Wait()
	}()
	t.Cleanup(func() {
		p.command.Process.Kill()
		<-p.ended
	})
	return p
}

// end waits for the end of the command and returns its exit code and what it said on standard error.
func (p *tool) end(t *testing.T) (code int, stderr string) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatal("the command does not end")
	}
	return p.command.ProcessState.ExitCode(), p.stderr.String()
}

// next returns the next line of standard output.
func (p *tool) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-p.lines:
		return line
	case <-time.After(patience):
		t.Fatal("the command prints nothing")
		return ""
	}
}

// connectClient connects a client of package spoke to a hub.
func connectClient(t *testing.T, url string) *spoke.Client {
	t.Helper()
	client, err := spoke.Dial(t.Context(), url, spoke.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// startScripted starts a server whose connections do as the script says with each message, and returns its URL.
func startScripted(t *testing.T, answer func(ws *websocket.Conn, message string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		for {
			_, message, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			answer(ws, string(message))
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func say(ws *websocket.Conn, message string) {
	ws.Write(context.Background(), websocket.MessageText, []byte(message))
}
