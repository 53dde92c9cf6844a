//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"time"

	"github.com/spokehub/spokehub/internal/plot"
)

//go:embed page.html
var pageSource string

// write writes the page and the data where the options say.
func (o outcome) write(page, data string) error {
	var made error
	if page != "" {
		var html bytes.Buffer
		err := template.Must(template.New("page").Parse(pageSource)).Execute(&html, map[string]any{
			"Outcome": o, "Took": o.Took.Round(time.Second), "Rows": o.rows(), "Plots": o.plots(), "Style": plot.Style,
		})
		if err == nil {
			err = os.WriteFile(page, html.Bytes(), 0o644)
		}
		made = err
	}
	if data != "" {
		text, err := json.MarshalIndent(o, "", "\t")
		if err == nil {
			err = os.WriteFile(data, append(text, '\n'), 0o644)
		}
		made = errors.Join(made, err)
	}
	if made != nil {
		return fmt.Errorf("write the report: %w", made)
	}
	return nil
}
