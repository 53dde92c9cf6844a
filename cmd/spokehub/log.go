package main

import (
	"io"
	"log/slog"
)

var logLevels = map[string]slog.Level{
	"debug": slog.LevelDebug,
	"info":  slog.LevelInfo,
	"warn":  slog.LevelWarn,
	"error": slog.LevelError,
}

// readable has JSON tell durations as text does, 2s and not 2000000000.
func readable(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Value.Kind() == slog.KindDuration {
		attribute.Value = slog.StringValue(attribute.Value.Duration().String())
	}
	return attribute
}

// newLogger writes to w at the level and in the format that the flags ask for.
func newLogger(flags serveFlags, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevels[flags.LogLevel], ReplaceAttr: readable}
	if flags.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
