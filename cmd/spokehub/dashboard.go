package main

import (
	_ "embed"
	"fmt"
	"net/http"
)

//go:embed dashboard.html
var dashboardSource string

// dashboard is the page at the admin address, ready to be sent. It has nothing of the hub: its script asks for that, with an API key where
// there are some.
type dashboard struct {
	body   []byte
	policy string
}

func newDashboard() dashboard {
	return dashboard{
		body: []byte(dashboardSource),
		policy: fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			elementHash(dashboardSource, "script"), elementHash(dashboardSource, "style")),
	}
}

func (d dashboard) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", d.policy)
	w.Write(d.body)
}
