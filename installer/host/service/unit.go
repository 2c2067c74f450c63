package service

import (
	"fmt"
	"strings"

	"shangu/installer/host/vault"
)

// Unit returns the text of the systemd unit.
func (s Spec) Unit() (string, error) {
	if err := s.Validate(); err != nil {
		return "", err
	}
	exec := quote(s.Program, true)
	for _, a := range s.Args {
		exec += " " + quote(a, true)
	}
	capability := ""
	if s.LowPorts {
		capability = "CAP_NET_BIND_SERVICE"
	}
	b := &strings.Builder{}
	line := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	line("[Unit]")
	line("Description=%s", strings.ReplaceAll(s.Title, "%", "%%"))
	// Not network-online.target: a school's service must start without a network.
	line("After=network.target")
	// Never give up on restarting: nobody is there to start it by hand.
	line("StartLimitIntervalSec=0")
	line("")
	line("[Service]")
	line("Type=notify")
	line("NotifyAccess=main")
	if s.User != "" {
		// Commands run by root while the service is stopped leave files of root's.
		line("ExecStartPre=+/bin/chown -hR %s: %s", s.User, quote(s.Dir, true))
		if s.KeyFile != "" {
			line("ExecStartPre=+/bin/chown -h %s: %s", s.User, quote(s.KeyFile, true))
		}
	}
	if s.Credential != "" {
		// Not in quotes: the directive takes them for part of the path.
		line("LoadCredentialEncrypted=%s:%s", vault.Credential, strings.ReplaceAll(s.Credential, "%", "%%"))
	}
	line("ExecStart=%s", exec)
	line("Restart=always")
	line("RestartSec=2")
	// A service that says so itself gains nothing by being started again.
	line("RestartPreventExitStatus=%d", FinalCode)
	line("TimeoutStartSec=300")
	line("TimeoutStopSec=60")
	line("LimitNOFILE=65536")
	line("UMask=0077")
	if s.User != "" {
		line("User=%s", s.User)
		line("Group=%s", s.User)
	}
	line("ReadWritePaths=%s", quote(s.Dir, false))
	line("CapabilityBoundingSet=%s", capability)
	line("AmbientCapabilities=%s", capability)
	if !s.LowPorts {
		// In a user namespace of its own the capability would mean nothing.
		line("PrivateUsers=yes")
	}
	for _, d := range confinement {
		line("%s", d)
	}
	line("")
	line("[Install]")
	line("WantedBy=multi-user.target")
	return b.String(), nil
}

// confinement is what neither service needs, taken from it; systemd.exec(5).
// AF_NETLINK is how Go lists the machine's addresses.
var confinement = []string{
	"NoNewPrivileges=yes",
	"ProtectSystem=strict",
	"ProtectHome=yes",
	"PrivateTmp=yes",
	"PrivateDevices=yes",
	"DevicePolicy=closed",
	"ProtectKernelTunables=yes",
	"ProtectKernelModules=yes",
	"ProtectKernelLogs=yes",
	"ProtectControlGroups=yes",
	"ProtectClock=yes",
	"ProtectHostname=yes",
	"ProtectProc=invisible",
	"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
	"RestrictNamespaces=yes",
	"RestrictRealtime=yes",
	"RestrictSUIDSGID=yes",
	"RemoveIPC=yes",
	"KeyringMode=private",
	"LockPersonality=yes",
	"MemoryDenyWriteExecute=yes",
	"SystemCallArchitectures=native",
	"SystemCallFilter=@system-service",
	"SystemCallFilter=~@privileged @resources",
	"SystemCallErrorNumber=EPERM",
}

// quote writes a word of a unit's line, systemd.syntax(7): in double quotes,
// with specifiers (%) doubled and, in a command line, variables ($) too.
func quote(s string, command bool) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s)
	if command {
		s = strings.ReplaceAll(s, "$", "$$")
	}
	return `"` + s + `"`
}
