package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"shangu/installer/host/cli"
	"shangu/installer/host/local"
	"shangu/installer/host/service"
	"shangu/installer/host/vault"
	"shangu/schema/text"
)

// part is one of the two things that can be installed.
type part struct {
	name    string // agent or hub: the binary, and what people call it
	service string // name at the service manager
	run     string // the binary's command that is the service
	title   string // id of the name in the list of services
	about   string // id of a sentence about it
	probe   string // file of its data directory that the vault knows one with data by
}

var parts = []part{
	{"agent", service.AgentName, "run", "installer.title_agent", "installer.about_agent", "device.key"},
	{"hub", service.HubName, "serve", "installer.title_hub", "installer.about_hub", filepath.Join("secrets", "cluster.json")},
}

func findPart(name string) (part, error) {
	for _, p := range parts {
		if p.name == name {
			return p, nil
		}
	}
	return part{}, cli.Usage("installer.usage_part", "name", name)
}

// exe is a binary's file name.
func exe(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// programDir is where installed binaries lie: not where a package manager or
// another product keeps its own.
func programDir() string {
	if runtime.GOOS == "windows" {
		base := os.Getenv("ProgramFiles")
		if base == "" {
			base = `C:\Program Files`
		}
		return filepath.Join(base, "Shangu")
	}
	return "/opt/shangu/bin"
}

// dir is the data directory of a part: --dir, or that of the service if it is
// installed, or the default.
func (p part) dir(cmd *cobra.Command, st service.Status) (string, error) {
	if cmd.Flags().Changed("dir") {
		return cli.Dir(cmd)
	}
	if st.Dir != "" {
		return st.Dir, nil
	}
	return cli.DefaultDir(p.name), nil
}

// hasData reports whether a data directory is in use already.
func (p part) hasData(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, p.probe))
	return err == nil
}

// log is where the part keeps its log.
func (p part) log(dir string) string { return filepath.Join(dir, p.name+".log") }

// provision gives the data directory's key to the operating system to keep.
// vault.Forget follows when the service looks there.
func (p part) provision(dir string) (vault.Kept, error) {
	// Private before there is a key in it.
	if err := service.MakeDir(dir); err != nil {
		return vault.Kept{}, err
	}
	held, err := local.Lock(dir)
	if err != nil {
		return vault.Kept{}, err
	}
	defer held.Release()
	return vault.Provision(dir, p.probe, rand.Reader)
}

// spec describes the part's service.
func (p part) spec(program, dir string, args []string) service.Spec {
	return service.Spec{
		Name: p.service, Title: text.New(p.title).Error(), About: text.New(p.about).Error(),
		Program: program, Args: append([]string{p.run, "--dir", dir}, args...),
		Dir: dir, User: p.service, LowPorts: p.name == "hub",
	}
}
