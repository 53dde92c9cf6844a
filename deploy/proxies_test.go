package deploy

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// nginxFile is the shipped file with paths that a test may use.
func nginxFile(t *testing.T, directory string) string {
	certificate, key, _ := certificateFiles(t, directory)
	return write(t, directory, "nginx.conf", shipped(t, "nginx/nginx.conf",
		"/etc/nginx/hub.pem", certificate, "/etc/nginx/hub.key", key, "/run/nginx.pid", filepath.Join(directory, "pid"),
		"listen 80;", "listen unix:"+filepath.Join(directory, "plain.sock")+";", "listen 443 ssl;", "listen unix:"+filepath.Join(directory, "tls.sock")+" ssl;",
		"user www-data;\n", "", "worker_rlimit_nofile 1048576;\n", ""))
}

func TestNginxTakesItsFile(t *testing.T) {
	nginx, directory := tool(t, "nginx"), t.TempDir()
	run(t, nginx, "-t", "-c", nginxFile(t, directory), "-g", "error_log stderr;")
}

func TestHAProxyTakesItsFile(t *testing.T) {
	haproxy, directory := tool(t, "haproxy"), t.TempDir()
	_, _, both := certificateFiles(t, directory)
	file := write(t, directory, "haproxy.cfg", shipped(t, "haproxy/haproxy.cfg", "/etc/haproxy/hub.pem", both, "maxconn 200000", "maxconn 100"))
	command := exec.Command(haproxy, "-c", "-f", file)
	command.Env = append(command.Environ(), "HUB_1=127.0.0.1:1", "HUB_2=127.0.0.1:2", "HUB_3=127.0.0.1:3")
	output, err := command.CombinedOutput()
	if err != nil || strings.Contains(string(output), "[WARNING]") {
		t.Errorf("got %v and\n%s\nwant no error and no warning", err, output)
	}
}

func TestCaddyTakesItsFile(t *testing.T) {
	caddy := tool(t, "caddy")
	t.Setenv("HOME", t.TempDir())
	run(t, caddy, "validate", "--adapter", "caddyfile", "--config", "caddy/Caddyfile")
	if got := run(t, caddy, "fmt", "caddy/Caddyfile"); got != shipped(t, "caddy/Caddyfile") {
		t.Errorf("caddy fmt would write\n%s", got)
	}
}
