package main

import (
	"encoding/json"
	"net/http"
	"time"
)

// nodeAnswer is a hub of the cluster in the answer of GET /nodes.
type nodeAnswer struct {
	Node         string    `json:"node"`
	Version      string    `json:"version"`
	Self         bool      `json:"self"`
	Since        time.Time `json:"since"`
	Heard        time.Time `json:"heard"`
	Connections  int       `json:"connections"`
	SamePolicies bool      `json:"same_policies"`
	Duplicate    bool      `json:"duplicate"`
}

// serveNodes answers GET /nodes: the hubs of the cluster as this one knows them. A hub without a broker knows none.
func (s *service) serveNodes(w http.ResponseWriter, _ *http.Request) {
	nodes := s.nodes()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"nodes": nodes})
}

func (s *service) nodes() []nodeAnswer {
	nodes := []nodeAnswer{}
	for _, n := range s.hub.Nodes() {
		nodes = append(nodes, nodeAnswer{
			Node: n.Name, Version: n.Version, Self: n.IsSelf, Since: n.Since, Heard: n.Heard,
			Connections: n.Connections, SamePolicies: n.HasSamePolicies, Duplicate: n.IsDuplicate,
		})
	}
	return nodes
}
