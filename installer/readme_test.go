package main

import (
	"os"
	"testing"

	"shangu/installer/host/cli"
)

func TestTheReadmeNamesEveryCommandAndNoOther(t *testing.T) {
	b, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if err := cli.CheckReadme(root(), string(b)); err != nil {
		t.Error(err)
	}
}
