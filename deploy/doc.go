// Package deploy has what a hub is run with: an image, and files for Compose, Kubernetes, systemd, sysctl, nginx, HAProxy, Caddy,
// Prometheus and Grafana. docs/deploy.md describes them. Its tests hold them against the programs that read them.
package deploy
