//go:build linux

package storm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Publish posts envelopes, one a line, and returns when the hub has dispatched all of them.
func (h *Hub) Publish(lines []byte) error {
	response, err := scraper.Post(h.Admin+"/publish", "application/x-ndjson", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("storm: publish: %w", err)
	}
	defer response.Body.Close()
	var report struct{ Accepted, Rejected int }
	if err := json.NewDecoder(response.Body).Decode(&report); err != nil {
		return fmt.Errorf("storm: publish: %w", err)
	}
	if want := bytes.Count(lines, []byte("\n")); response.StatusCode != http.StatusOK || report.Accepted != want {
		return fmt.Errorf("storm: publish: %s, %d accepted and %d rejected of %d", response.Status, report.Accepted, report.Rejected, want)
	}
	return nil
}
