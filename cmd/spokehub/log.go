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

// newLogger writes to w at the level and in the format that the flags ask for.
func newLogger(flags serveFlags, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: logLevels[flags.LogLevel]}
	if flags.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
