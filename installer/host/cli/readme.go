package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// binaries that a README names commands of.
var binaries = []string{"agent", "hub", "installer"}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// CheckReadme holds the tables of a README's section "Commands" against a tree of
// commands: it names none that is not there, and every command of the first
// level. A code span without a binary's name goes on with that of the span before
// it; a|b stands for both. Each binary's tests call it on its root.
func CheckReadme(root *cobra.Command, readme string) error {
	_, section, ok := strings.Cut(readme, "## 命令 Commands\n")
	if !ok {
		return errors.New("the README has no section Commands")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var errs []error
	named := map[string]bool{}
	binary := ""
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, span := range codeSpan.FindAllStringSubmatch(line, -1) {
			words := strings.Fields(strings.ReplaceAll(span[1], `\|`, "|"))
			if slices.Contains(binaries, words[0]) {
				binary, words = words[0], words[1:]
			}
			if binary != root.Name() || len(words) == 0 {
				continue
			}
			at := root
			for i, word := range words {
				var next *cobra.Command
				for name := range strings.SplitSeq(word, "|") {
					next = child(at, name)
					if next == nil && (i == 0 || at.HasAvailableSubCommands()) {
						errs = append(errs, fmt.Errorf("%s has no command %s, which the README names", at.CommandPath(), name))
					}
					if next != nil && at == root {
						named[name] = true
					}
				}
				if next == nil {
					break
				}
				at = next
			}
		}
	}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && c.Name() != "completion" && !named[c.Name()] {
			errs = append(errs, fmt.Errorf("the README does not name %s", c.CommandPath()))
		}
	}
	return errors.Join(errs...)
}

func child(of *cobra.Command, name string) *cobra.Command {
	for _, c := range of.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}
