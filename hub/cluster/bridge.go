package cluster

import (
	"context"
	"io"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// bridge lets raft, which speaks hclog, write to slog.
func bridge(log *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(sink{log})
	return l
}

type sink struct{ log *slog.Logger }

// Accept implements hclog.SinkAdapter. Raft's errors are mostly of other nodes
// that do not answer, which is what a cluster is made for; its information is
// our debugging.
func (s sink) Accept(name string, level hclog.Level, msg string, args ...any) {
	to := slog.LevelDebug
	switch {
	case level >= hclog.Error:
		to = slog.LevelWarn
	case level >= hclog.Warn:
		to = slog.LevelInfo
	}
	if s.log.Enabled(context.Background(), to) {
		s.log.Log(context.Background(), to, strings.TrimSpace(msg), append([]any{"from", name}, args...)...)
	}
}
