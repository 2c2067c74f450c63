package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"shangu/installer/host/cli"
	"shangu/schema/text"
)

func TestEveryCommandHasWords(t *testing.T) {
	if err := cli.Check(root()); err != nil {
		t.Error(err)
	}
}

// What is wrong is said before anything is changed, so this runs anywhere.
func TestInstallRefusesWhatDoesNotFit(t *testing.T) {
	t.Cleanup(func() { text.SetDefault(text.FromEnvironment(func(string) string { return "" })) })
	for args, want := range map[string]string{
		"install":                              "agent or hub",
		"install school":                       "neither agent nor hub",
		"install agent hub":                    "agent or hub",
		"install agent --init X":               "for the hub",
		"install hub --token T --hub U":        "for the agent",
		"install agent --token T":              "go together",
		"install agent --hub U":                "go together",
		"install agent -- --dir /x":            "before the --",
		"install agent -- --dir=/x":            "before the --",
		"install hub":                          "--id",
		"install hub -- --id n0 --listen=:1":   "--raft",
		"install hub -- --raft :1 --listen :2": "--id",
		"uninstall":                            "agent or hub",
		"uninstall all":                        "neither agent nor hub",
		"status all":                           "neither agent nor hub",
		"doctor a b":                           "agent or hub",
		"demo x":                               "Usage: installer demo",
	} {
		t.Run(args, func(t *testing.T) {
			r := root()
			var out, complaint bytes.Buffer
			r.SetOut(&out)
			r.SetErr(&complaint)
			code := cli.Run(context.Background(), r, append(strings.Fields("--lang en "), strings.Fields(args)...))
			if code != cli.ExitUsage || !strings.Contains(complaint.String(), want) {
				t.Errorf("exit %d, %q, want 2 and %q", code, complaint.String(), want)
			}
		})
	}
}
